"""The reference of all commands as pages for `man`, in roff."""

from collections.abc import Iterator, Sequence

from holdfast.client.exit_codes import ExitCode
from holdfast.client.reference import CommandEntry, OptionEntry, Reference


def man_pages(reference: Reference, version: str) -> dict[str, str]:
    """Return each page's text by its file's name: one for the program, one each."""
    commands = [entry for _, entries in reference.sections for entry in entries]
    pages = {"holdfast.1": _program(reference, version)}
    for command in commands:
        name = "-".join(("holdfast", *command.words))
        pages[f"{name}.1"] = _page(name, command, version)
    return pages


def _program(reference: Reference, version: str) -> str:
    lines = [*_title("holdfast", version, reference.summary[0])]
    lines += [".SH SYNOPSIS", ".B holdfast", "[OPTIONS] COMMAND [ARGS]..."]
    lines += [".SH DESCRIPTION", *_paragraphs(reference.summary)]
    for heading, commands in reference.sections:
        lines.append(f".SH {roff(heading.upper())}")
        for command in commands:
            lines += [".TP", f".B {roff(' '.join(command.words))}"]
            lines.append(roff(command.paragraphs[0] if command.paragraphs else ""))
    lines += [".SH OPTIONS OF ALL COMMANDS", *_options(reference.shared)]
    lines.append(".SH EXIT STATUS")
    for code in ExitCode:
        lines += [".TP", f".B {int(code)}", roff(code.meaning)]
    return "\n".join(lines) + "\n"


def _page(name: str, command: CommandEntry, version: str) -> str:
    summary = command.paragraphs[0] if command.paragraphs else name
    lines = [*_title(name, version, summary)]
    lines += [".SH SYNOPSIS", roff(command.usage)]
    lines += [".SH DESCRIPTION", *_paragraphs(command.paragraphs)]
    if command.commands:
        lines.append(".SH COMMANDS")
        for word, text in command.commands:
            lines += [".TP", f".B {roff(word)}", roff(text)]
    if command.options:
        lines += [".SH OPTIONS", *_options(command.options)]
    lines += [".SH SEE ALSO", r"\fBholdfast\fR(1) has the options of all commands."]
    return "\n".join(lines) + "\n"


def _title(name: str, version: str, summary: str) -> Iterator[str]:
    yield f'.TH "{roff(name.upper())}" "1" "" "Holdfast {roff(version)}" "Holdfast"'
    yield ".SH NAME"
    yield f"{roff(name)} \\- {roff(summary.rstrip('.'))}"


def _paragraphs(paragraphs: Sequence[str]) -> Iterator[str]:
    for paragraph in paragraphs:
        yield ".PP"
        if paragraph.startswith("\b"):
            yield ".nf"
            yield from map(roff, paragraph.removeprefix("\b").strip("\n").splitlines())
            yield ".fi"
        else:
            yield roff(paragraph)


def _options(options: Sequence[OptionEntry]) -> Iterator[str]:
    for option in options:
        yield ".TP"
        yield f".B {roff(option.names)}"
        more = f" Default: {option.default}." if option.default else ""
        if option.variable:
            more += f" Environment: {option.variable}."
        yield roff(option.help + more)


def roff(text: str) -> str:
    """Return a text as roff prints it, whatever it begins with."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-").replace("`", "\\(ga")
    escaped = "".join(
        sign if sign.isascii() else f"\\[u{ord(sign):04X}]" for sign in escaped
    )
    return f"\\&{escaped}" if escaped.startswith((".", "'")) else escaped
