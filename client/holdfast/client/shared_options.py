"""The options that every command takes, wherever on the command line they stand."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource
from click.shell_completion import CompletionItem

from holdfast.client.invocation import Invocation
from holdfast.client.settings_use import variable_of


class SharedOption(click.Option):
    """An option of all commands, which may stand anywhere on the command line."""


def shared_options() -> list[click.Option]:
    """Return the options that may stand anywhere on the command line."""
    path = click.Path(path_type=Path)
    home = _shared(
        "chosen_home",
        "--home",
        type=click.Path(path_type=Path, file_okay=False),
        is_eager=True,
        help="Folder of the profile.  [env: HOLDFAST_HOME]",
    )
    home.envvar = None  # `default_home` reads it, for all who need no command line
    return [
        home,
        _shared(
            "settings_profile",
            "--profile",
            metavar="NAME",
            is_eager=True,
            shell_complete=_profiles,
            help="Use this profile of config.toml.",
        ),
        # Before those that may be wrong: it says how that is told.
        _shared(
            "as_json",
            "--json",
            is_flag=True,
            help="Print JSON: events as lines, the result last.",
        ),
        _shared("quiet", "--quiet", "-q", is_flag=True, help="Print errors only."),
        _shared("verbose", "--verbose", "-v", is_flag=True, help="Print more."),
        _shared(
            "passphrase_file",
            "--passphrase-file",
            "--password-file",
            type=path,
            help="Read the passphrase here.  [env: HOLDFAST_PASSPHRASE is the text]",
        ),
        _shared(
            "passphrase_command",
            "--passphrase-command",
            "--password-command",
            metavar="COMMAND",
            help="Run this, and take its first line as the passphrase.",
        ),
        _shared(
            "limit_upload",
            "--limit-upload",
            type=click.IntRange(0),
            metavar="KIB",
            help="Send at most so many KiB a second; 0 is no limit.",
        ),
        _shared(
            "limit_download",
            "--limit-download",
            type=click.IntRange(0),
            metavar="KIB",
            help="Fetch at most so many KiB a second; 0 is no limit.",
        ),
    ]


def _shared(name: str, *words: str, **attributes: Any) -> click.Option:  # noqa: ANN401 # click's
    option = SharedOption(
        [*words, name], expose_value=False, callback=_remember(name), **attributes
    )
    option.envvar = variable_of((), option)
    return option


def _remember(
    name: str,
) -> Callable[[click.Context, click.Parameter, Any], None]:
    def callback(context: click.Context, option: click.Parameter, value: Any) -> None:  # noqa: ANN401 # click's signature
        source = context.get_parameter_source(option.name or "")
        # A flag may stand before or after the command's name; once given, it holds.
        if source is not None and source is not ParameterSource.DEFAULT:
            context.ensure_object(Invocation).remember(name, value, source)

    return callback


def _profiles(
    context: click.Context, option: click.Parameter, begun: str
) -> list[CompletionItem]:
    from holdfast.client.completing import profiles  # noqa: PLC0415 # with sqlite3

    return profiles(context, option, begun)
