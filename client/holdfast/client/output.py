"""What a command prints: lines and tables for people, or JSON for programs.

In JSON every line of standard output is one document: events while something goes
on, and last the result. Nothing else is ever printed there.
"""

import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Final

from holdfast.client.exit_codes import ExitCode

_RED: Final = "\x1b[1;31m"
_BOLD: Final = "\x1b[1m"
_PLAIN: Final = "\x1b[0m"


class Output:
    """Standard output and error of one command."""

    def __init__(
        self,
        *,
        as_json: bool = False,
        quiet: bool = False,
        verbose: bool = False,
        out: IO[str] | None = None,
        err: IO[str] | None = None,
    ) -> None:
        self.as_json = as_json
        self.quiet = quiet
        self.verbose = verbose
        self._out = out or sys.stdout
        self._err = err or sys.stderr

    @property
    def on_terminal(self) -> bool:
        """Whether a person looks on: bars and colours are worth it."""
        return not self.as_json and not self.quiet and self._err.isatty()

    def say(self, line: str = "") -> None:
        """Print a line for people."""
        if not self.as_json and not self.quiet:
            print(line, file=self._out, flush=True)

    def detail(self, line: str) -> None:
        """Print a line that only --verbose shows."""
        if self.verbose:
            self.say(line)

    def warn(self, line: str) -> None:
        """Print a line on standard error, even when quiet."""
        if not self.as_json:
            print(line, file=self._err, flush=True)

    def table(
        self,
        columns: Sequence[str],
        rows: Sequence[Sequence[object]],
        indent: str = "",
    ) -> None:
        """Print rows under their headings; columns that start with ">" lean right."""
        if self.as_json or self.quiet:
            return
        heading, *lines = table_lines(columns, rows)
        print(indent + painted(heading, self._out, _BOLD), file=self._out)
        for line in lines:
            print(indent + line, file=self._out)
        self._out.flush()

    def event(self, kind: str, /, **fields: object) -> None:
        """Print what is going on, for programs only."""
        if self.as_json:
            self._document({"event": kind, **fields})

    def result(self, document: Mapping[str, object]) -> None:
        """Print the result, for programs only; it is the last line."""
        if self.as_json:
            self._document(document)

    def error(
        self, what: str, kept: str, next_step: str, kind: str, code: ExitCode
    ) -> None:
        """Print why the command failed, what of it stays, and what to do now."""
        if self.as_json:
            said = {"kind": kind, "message": what, "kept": kept, "next": next_step}
            self._document({"error": said | {"exit_code": int(code)}})
            return
        name = painted("holdfast:", self._err, _RED)
        print(f"{name} {what}", file=self._err)
        if kept:
            print(f"  kept: {kept}", file=self._err)
        if next_step:
            print(f"  next: {next_step}", file=self._err)
        self._err.flush()

    def _document(self, document: Mapping[str, object]) -> None:
        print(json.dumps(document, default=plain), file=self._out, flush=True)


def painted(text: str, stream: IO[str], sign: str) -> str:
    """Return a text in a colour if it goes to a terminal that should have some.

    NO_COLOR, with any text, and TERM=dumb say no (https://no-color.org).
    """
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return text if plain or not stream.isatty() else f"{sign}{text}{_PLAIN}"


def plain(value: object) -> object:
    """Return what JSON can carry for a value that it cannot."""
    match value:
        case bytes():
            return value.hex()
        case Path():
            return str(value)
        case _:
            return str(value)


def table_lines(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> list[str]:
    """Return a table as lines of text, columns two spaces apart."""
    headings = [column.removeprefix(">") for column in columns]
    right = [column.startswith(">") for column in columns]
    cells = [headings, *([str(cell) for cell in row] for row in rows)]
    widths = [max(len(row[place]) for row in cells) for place in range(len(headings))]
    lines = [_line(row, widths, right) for row in cells]
    return [lines[0], "  ".join("─" * width for width in widths), *lines[1:]]


def _line(row: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> str:
    padded: list[Any] = [
        cell.rjust(width) if leans else cell.ljust(width)
        for cell, width, leans in zip(row, widths, right, strict=True)
    ]
    return "  ".join(padded).rstrip()
