"""Patterns of paths, as a .gitignore has them: what a backup or restore leaves out.

A pattern that starts with a slash counts from the top of each path backed up, and
also from the root of the file system, unless it begins with a wildcard. The last
pattern that matches decides.
"""

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from holdfast.protocol.errors import HoldfastError

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

DIRECTORIES_MAX: Final = 65_536
_ANYTHING: Final = "."
_ANY_DIRECTORY: Final = "(?P<ps_d>/)"


class PatternError(HoldfastError):
    """A pattern that cannot be understood, or a file of patterns that is unreadable."""


class PathPatterns:
    """Patterns for what lies below `tops`, the absolute paths of one backup.

    Raises PatternError. Lines that are empty or start with # say nothing.
    """

    def __init__(self, lines: Sequence[str], tops: Sequence[bytes]) -> None:
        said = [line for line in lines if _says_something(line)]
        self._all = _compiled(said)
        # From the root only these count: else a PATH below a folder called `build`
        # would be left out as a whole by the pattern `build`.
        self._places = [place for place, line in enumerate(said) if _rooted(line)]
        self._rooted = _compiled([said[place] for place in self._places])
        self._tops = sorted((_within(top) for top in tops), key=len)
        self._directories: dict[str, bool] = {}

    def match(self, path: bytes, *, directory: bool) -> bool:
        """Return whether the last pattern that names this absolute path is no `!`.

        What is in a directory that matches, matches too, whatever else is said of it.
        """
        return self._matches(os.fsdecode(path) + ("/" if directory else ""))

    def _matches(self, named: str) -> bool:
        top = next((top for top in self._tops if named.startswith(top)), "/")
        within = named[len(top) :]
        above = within.rstrip("/").rpartition("/")[0]
        if above and self._directory_matches(f"{top}{above}/"):
            return True
        place = _last_match(self._all, within or named)
        if self._places and within:
            also = _last_match(self._rooted, named[1:], len(top) - 1)
            if also is not None:
                place = max(self._places[also], -1 if place is None else place)
        return place is not None and bool(self._all.patterns[place].include)

    def _directory_matches(self, named: str) -> bool:
        known = self._directories.get(named)
        if known is None:
            if len(self._directories) >= DIRECTORIES_MAX:
                self._directories.clear()
            known = self._directories[named] = self._matches(named)
        return known


def read_patterns(path: Path) -> list[str]:
    """Return the lines of a file in the syntax of .gitignore, or raise PatternError."""
    try:
        data = path.read_bytes()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise PatternError(
            f"the patterns in {path} cannot be read: {reason}"
        ) from error
    lines = [os.fsdecode(line.removesuffix(b"\r")) for line in data.split(b"\n")]
    try:
        _compiled([line for line in lines if _says_something(line)])
    except PatternError as error:
        raise PatternError(f"{path}: {error}") from error
    return lines


def _compiled(lines: Sequence[str]) -> "GitIgnoreSpec":
    from pathspec import GitIgnoreSpec  # noqa: PLC0415 # only few commands need it

    for line in lines:
        try:
            (pattern,) = GitIgnoreSpec.from_lines([line], backend="simple").patterns
        except (ValueError, re.error) as error:
            raise PatternError(f"{line!r} is not a pattern") from error
        if pattern.include is None:
            raise PatternError(f"{line!r} is a pattern that matches nothing")
    return GitIgnoreSpec.from_lines(lines, backend="simple")


def _last_match(spec: "GitIgnoreSpec", path: str, top: int = 0) -> int | None:
    """Return which pattern is the last that names this very path.

    The first `top` characters are a PATH that was asked for: what a pattern says of
    folders above it, or of everything in them, was not meant for it.
    """
    for place in reversed(range(len(spec.patterns))):
        found = spec.patterns[place].match_file(path)
        meant = found is not None and found.match.end() >= top
        if found is not None and meant and _is_whole(found.match, path):
            return place
    return None


def _is_whole(match: re.Match[str], path: str) -> bool:
    """Tell whether the path itself is named, and not only a directory above it.

    The library's expressions are for the front of a path: `.` is anything, one with a
    mark ends where what it names does, one without ends before whatever is inside.
    """
    expression = match.re.pattern
    if expression == _ANYTHING:
        return True
    if expression == _ANY_DIRECTORY:
        return path.endswith("/")
    marked = "ps_d" in match.re.groupindex
    return match.end() == len(path) if marked else match.end() < len(path)


def _says_something(line: str) -> bool:
    return bool(line.strip()) and not line.startswith("#")


def _rooted(line: str) -> bool:
    """Tell whether a pattern may be meant from the root of the file system.

    One that begins with a wildcard, such as `/*/`, is not: it would name everything.
    """
    first = line.removeprefix("!").removeprefix("/").partition("/")[0]
    return line.removeprefix("!").startswith("/") and not set("*?[") & set(first)


def _within(top: bytes) -> str:
    return os.fsdecode(top).rstrip("/") + "/"
