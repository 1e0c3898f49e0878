"""The reference of all commands as one page of Markdown."""

from collections.abc import Iterator, Sequence

from holdfast.client.exit_codes import ExitCode
from holdfast.client.reference import CommandEntry, OptionEntry, Reference

_HEAD = """\
# All commands

Made by `make reference` from the program itself; [uploader.md](uploader.md) tells what they are for.

Every option may also stand in `config.toml` of the home folder, in the table of its command and by its long
name (`[backup]`, `exclude = ["*.tmp"]`), in a profile (`[profile.desk.backup]`), or in the environment, by the
variable that is named here; several values are separated there by spaces, and paths by `:`. A flag goes before the environment,
that before the profile, that before the rest of the file.
"""  # noqa: E501 # lines of a page


def markdown_of(reference: Reference) -> str:
    """Return the page."""
    return "\n".join(_lines(reference))


def _lines(reference: Reference) -> Iterator[str]:
    yield _HEAD
    yield "## Options of all commands\n"
    yield from _options(reference.shared)
    for heading, commands in reference.sections:
        yield f"## {heading}\n"
        for command in commands:
            yield from _command(command)
    yield "## Exit codes\n"
    yield "| code | means |"
    yield "|---|---|"
    for code in ExitCode:
        yield f"| {int(code)} | {_cell(code.meaning)} |"
    yield ""


def _command(command: CommandEntry) -> Iterator[str]:
    yield f"### {command.name}\n"
    yield f"```text\n{command.usage}\n```\n"
    for paragraph in command.paragraphs:
        if paragraph.startswith("\b"):
            lines = paragraph.removeprefix("\b").strip("\n")
            yield f"```text\n{lines}\n```\n"
        else:
            yield f"{_text(paragraph)}\n"
    if command.commands:
        for name, text in command.commands:
            yield f"* `{' '.join((*command.words, name))}`: {_text(text)}"
        yield ""
    yield from _options(command.options)


def _options(options: Sequence[OptionEntry]) -> Iterator[str]:
    if not options:
        return
    yield "| option | does | variable |"
    yield "|---|---|---|"
    for option in options:
        default = f" Default: `{option.default}`." if option.default else ""
        names = _cell(option.names)
        variable = f"`{option.variable}`" if option.variable else ""
        yield f"| `{names}` | {_cell(_text(option.help))}{default} | {variable} |"
    yield ""


def _text(text: str) -> str:
    """Return a text whose signs Markdown does not take for its own."""
    parts = text.split("`")
    for at in range(0, len(parts), 2):
        for sign in "*_<>":
            parts[at] = parts[at].replace(sign, f"\\{sign}")
    return "`".join(parts)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
