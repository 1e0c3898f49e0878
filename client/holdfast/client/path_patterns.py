"""Patterns of paths, as a .gitignore has them: what a backup or restore leaves out.

A pattern that starts with a slash counts from the top of each path backed up, and
also from the root of the file system. The last pattern that matches decides.
"""

import os
import re
from collections.abc import Sequence
from pathlib import Path

from pathspec import GitIgnoreSpec

from holdfast.protocol.errors import HoldfastError


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

    def match(self, path: bytes, *, directory: bool) -> bool:
        """Return whether the last pattern that matches this absolute path is no `!`.

        A pattern of a directory also matches everything in it.
        """
        named = os.fsdecode(path) + ("/" if directory else "")
        top = next((top for top in self._tops if named.startswith(top)), "/")
        found = self._all.check_file(named[len(top) :] or named)
        place, included = found.index, found.include
        if self._places:
            also = self._rooted.check_file(named[1:])
            if also.index is not None:
                other = self._places[also.index]
                if place is None or other > place:
                    included = also.include
        return bool(included)


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


def _compiled(lines: Sequence[str]) -> GitIgnoreSpec:
    for line in lines:
        try:
            (pattern,) = GitIgnoreSpec.from_lines([line], backend="simple").patterns
        except (ValueError, re.error) as error:
            raise PatternError(f"{line!r} is not a pattern") from error
        if pattern.include is None:
            raise PatternError(f"{line!r} is a pattern that matches nothing")
    return GitIgnoreSpec.from_lines(lines, backend="simple")


def _says_something(line: str) -> bool:
    return bool(line.strip()) and not line.startswith("#")


def _rooted(line: str) -> bool:
    return line.removeprefix("!").startswith("/")


def _within(top: bytes) -> str:
    return os.fsdecode(top).rstrip("/") + "/"
