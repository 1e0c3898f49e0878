"""How commands are declared: loaded when they run, with the options all share."""

import importlib
from collections.abc import Mapping, Sequence
from typing import Any, Final

import click
from click.core import ParameterSource
from click.shell_completion import CompletionItem

from holdfast.client.core.settings import place_of
from holdfast.client.invocation import Invocation
from holdfast.client.settings_use import keys_of, value_of, variable_of, words_of
from holdfast.client.shared_options import SharedOption, shared_options

CONTEXT_SETTINGS: Final = {"help_option_names": ["-h", "--help"]}


class Context(click.Context):
    """A command's context: what no flag and no variable says is in the settings."""

    def lookup_default(self, name: str, call: bool = True) -> Any:  # noqa: ANN401 # click's signature
        """Return what the settings say of a parameter, or None.

        Groups ask nothing: options that choose the file may follow their names. Help
        and completion work with a broken file, too.
        """
        if isinstance(self.command, click.Group) or self.resilient_parsing:
            return None
        asked = next((each for each in self.command.params if each.name == name), None)
        if asked is None or not keys_of(asked):
            return None
        root = self.find_root().command
        assert isinstance(root, click.Group)
        settings = self.ensure_object(Invocation).settings_for(root)
        return value_of(settings, words_of(self), asked)


def origin_of(error: click.UsageError) -> str:
    """Return " (from …)" if what is wrong was not typed, but set before."""
    parameter = error.param if isinstance(error, click.BadParameter) else None
    if parameter is None or error.ctx is None:
        return ""
    match error.ctx.get_parameter_source(parameter.name or ""):
        case ParameterSource.ENVIRONMENT:
            return f" (from the variable {parameter.envvar})"
        case ParameterSource.DEFAULT_MAP:
            root = error.ctx.find_root().command
            assert isinstance(root, click.Group)
            settings = error.ctx.ensure_object(Invocation).settings_for(root)
            found = settings.find(words_of(error.ctx), keys_of(parameter))
            return f" (from {place_of(found, settings.path)})" if found else ""
        case _:
            return ""


def from_settings(name: str) -> bool:
    """Return whether a parameter of the running command got its value from a file."""
    source = click.get_current_context().get_parameter_source(name)
    return source is ParameterSource.DEFAULT_MAP


class _Framed(click.Command):
    """What commands and groups have in common."""

    context_class = Context

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 # click's signature
        kwargs.setdefault("context_settings", CONTEXT_SETTINGS)
        super().__init__(*args, **kwargs)
        self.params.extend(shared_options())

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Return all parameters; every option has a variable in the environment."""
        for parameter in self.params:
            if isinstance(parameter, SharedOption):
                continue
            if isinstance(parameter, click.Option) and parameter.envvar is None:
                parameter.envvar = variable_of(words_of(ctx), parameter)
        return super().get_params(ctx)

    def format_options(
        self, ctx: click.Context, formatter: click.HelpFormatter
    ) -> None:
        """Write the options: the command's own first, then those of all commands."""
        own: list[tuple[str, str]] = []
        shared: list[tuple[str, str]] = []
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None and isinstance(parameter, click.Option):
                is_shared = isinstance(parameter, SharedOption)
                (shared if is_shared else own).append(record)
        for title, records in (("Options", own), ("Options of all commands", shared)):
            if records:
                with formatter.section(title):
                    formatter.write_dl(records)


class Command(_Framed):
    """A command with the shared options behind its own."""


class Group(_Framed, click.Group):
    """A group whose commands are `Command`s, with the shared options of its own."""

    command_class = Command
    group_class = type

    def format_options(
        self, ctx: click.Context, formatter: click.HelpFormatter
    ) -> None:
        """Write the options, then the commands."""
        super().format_options(ctx, formatter)
        self.format_commands(ctx, formatter)


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
        hidden_commands: Sequence[str] = (),
        **kwargs: Any,  # noqa: ANN401 # click's signature
    ) -> None:
        super().__init__(*args, **kwargs)
        self.package = package
        self.sections = sections
        self.hidden_commands = hidden_commands

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return all names, in the order of the sections."""
        return [name for section in self.sections.values() for name in section]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return one command; None if there is no such name."""
        if cmd_name not in {*self.list_commands(ctx), *self.hidden_commands}:
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

    def shell_complete(
        self, ctx: click.Context, incomplete: str
    ) -> list[CompletionItem]:
        """Return the commands, or options, that begin so; imports none of them."""
        if incomplete and not incomplete[0].isalnum():
            return super().shell_complete(ctx, incomplete)
        return [
            CompletionItem(name, help=text)
            for section in self.sections.values()
            for name, text in section.items()
            if name.startswith(incomplete)
        ]
