"""How commands are declared: loaded when they run, with the options all share."""

import importlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import click

from holdfast.client.invocation import Invocation

CONTEXT_SETTINGS: Final = {"help_option_names": ["-h", "--help"]}


def _remember(
    name: str,
) -> Callable[[click.Context, click.Parameter, Any], None]:
    def callback(context: click.Context, _option: click.Parameter, value: Any) -> None:  # noqa: ANN401 # click's signature
        invocation = context.ensure_object(Invocation)
        # A flag may stand before or after the command's name; once given, it holds.
        if value not in {None, False}:
            setattr(invocation, name, value)

    return callback


def shared_options() -> list[click.Option]:
    """Return the options that may stand anywhere on the command line."""
    return [
        click.Option(
            ["--home"],
            type=click.Path(path_type=Path, file_okay=False),
            expose_value=False,
            callback=_remember("chosen_home"),
            help="Folder of the profile.  [env: HOLDFAST_HOME]",
        ),
        click.Option(
            ["--passphrase-file"],
            type=click.Path(path_type=Path),
            expose_value=False,
            callback=_remember("passphrase_file"),
            help="Read the passphrase here.  [env: HOLDFAST_PASSPHRASE is the text]",
        ),
        click.Option(
            ["--json", "as_json"],
            is_flag=True,
            expose_value=False,
            callback=_remember("as_json"),
            help="Print JSON: events as lines, the result last.",
        ),
        click.Option(
            ["--quiet", "-q"],
            is_flag=True,
            expose_value=False,
            callback=_remember("quiet"),
            help="Print errors only.",
        ),
        click.Option(
            ["--verbose", "-v"],
            is_flag=True,
            expose_value=False,
            callback=_remember("verbose"),
            help="Print more.",
        ),
    ]


class Command(click.Command):
    """A command with the shared options behind its own."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 # click's signature
        kwargs.setdefault("context_settings", CONTEXT_SETTINGS)
        super().__init__(*args, **kwargs)
        self.params.extend(shared_options())


class Group(click.Group):
    """A group whose commands are `Command`s, with the shared options of its own."""

    command_class = Command
    group_class = type

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 # click's signature
        kwargs.setdefault("context_settings", CONTEXT_SETTINGS)
        super().__init__(*args, **kwargs)
        self.params.extend(shared_options())


class LazyGroup(Group):
    """A group that knows its commands by name and imports one when it is run.

    `sections` maps a heading to {command: help}; command `x` is the attribute
    `command` of the module `<package>.x`.
    """

    def __init__(
        self,
        *args: Any,  # noqa: ANN401 # click's signature
        package: str,
        sections: Mapping[str, Mapping[str, str]],
        **kwargs: Any,  # noqa: ANN401 # click's signature
    ) -> None:
        super().__init__(*args, **kwargs)
        self.package = package
        self.sections = sections

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return all names, in the order of the sections."""
        return [name for section in self.sections.values() for name in section]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return one command; None if there is no such name."""
        if cmd_name not in self.list_commands(ctx):
            return None
        module = importlib.import_module(f"{self.package}.{cmd_name}")
        command: click.Command = module.command
        return command

    def format_commands(
        self, ctx: click.Context, formatter: click.HelpFormatter
    ) -> None:
        """Write the commands under their headings, importing none of them."""
        widest = max(map(len, self.list_commands(ctx)))
        for heading, commands in self.sections.items():
            with formatter.section(heading):
                formatter.write_dl(
                    [(name.ljust(widest), text) for name, text in commands.items()]
                )
