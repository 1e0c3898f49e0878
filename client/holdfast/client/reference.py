"""All commands and options as values, read off the commands themselves.

The reference in Markdown and the pages for `man` are both written from these.
"""

import inspect
import re
from collections.abc import Iterator

import click

from holdfast.client.command_line import LazyGroup
from holdfast.client.settings_use import words_of
from holdfast.client.shared_options import SharedOption
from holdfast.protocol.frozen import frozen


@frozen
class OptionEntry:
    """An option: how it is written, what it does, its variable and its default."""

    names: str
    help: str
    variable: str
    default: str = ""


@frozen
class CommandEntry:
    """A command: its words, how it is called, what it does, its own options."""

    words: tuple[str, ...]
    usage: str
    paragraphs: tuple[str, ...]
    options: tuple[OptionEntry, ...]
    commands: tuple[tuple[str, str], ...] = ()

    @property
    def name(self) -> str:
        """Its words, with the program's."""
        return " ".join(("holdfast", *self.words))


@frozen
class Reference:
    """The whole program: options of all commands, and commands under headings."""

    summary: tuple[str, ...]
    shared: tuple[OptionEntry, ...]
    sections: tuple[tuple[str, tuple[CommandEntry, ...]], ...]


def reference_of(program: LazyGroup) -> Reference:
    """Return the reference of the program; imports every command."""
    root = click.Context(program, info_name="holdfast")
    sections = []
    for heading, commands in program.sections.items():
        entries: list[CommandEntry] = []
        for name in commands:
            command = program.get_command(root, name)
            assert command is not None, "the table names commands that exist"
            context = click.Context(command, parent=root, info_name=name)
            entries += _entries(command, context)
        sections.append((heading, tuple(entries)))
    shared = tuple(
        _option(option, root)
        for option in program.params
        if isinstance(option, SharedOption)
    )
    return Reference(_paragraphs(program), shared, tuple(sections))


def _entries(command: click.Command, context: click.Context) -> Iterator[CommandEntry]:
    below = []
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            if found is not None and not found.hidden:
                below.append((name, found))
    usage = re.sub(r"\s+", " ", " ".join(command.collect_usage_pieces(context)))
    yield CommandEntry(
        words_of(context),
        f"{context.command_path} {usage}".rstrip(),
        _paragraphs(command),
        tuple(_own_options(command, context)),
        tuple((name, found.get_short_help_str(limit=200)) for name, found in below),
    )
    for name, found in below:
        inner = click.Context(found, parent=context, info_name=name)
        yield from _entries(found, inner)


def _own_options(
    command: click.Command, context: click.Context
) -> Iterator[OptionEntry]:
    for parameter in command.get_params(context):
        if not isinstance(parameter, click.Option) or parameter.hidden:
            continue
        if not isinstance(parameter, SharedOption) and "--help" not in parameter.opts:
            yield _option(parameter, context)


def _option(option: click.Option, context: click.Context) -> OptionEntry:
    names = ", ".join((*option.opts, *option.secondary_opts))
    if not option.is_flag:
        names += " " + option.make_metavar(context)
    default = ""
    if option.show_default:
        default = str(option.to_info_dict()["default"])
    variable = option.envvar if isinstance(option.envvar, str) else ""
    return OptionEntry(names, _plain(option.help or ""), variable, default)


def _plain(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()


def _paragraphs(command: click.Command) -> tuple[str, ...]:
    """Return a command's help; a backspace begins a paragraph that keeps its lines."""
    text = inspect.cleandoc(command.help or "").partition("\f")[0]
    return tuple(
        part if part.startswith("\b") else _plain(part)
        for part in re.split(r"\n\s*\n", text)
        if part.strip()
    )
