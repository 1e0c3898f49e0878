# paths are bytes here, and pathlib's are not.
# ruff: noqa: PTH116, PTH118, PTH120, PTH208
"""Walking the paths to back up, in one stable order, whatever is in the way.

What is unreadable, has vanished or cannot be stored becomes a `Problem`; the walk
goes on. Nothing is opened here but directories.
"""

import os
import stat
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

from holdfast.client.core.selection import Selection, select
from holdfast.client.core.tree import NAME_BYTES_MAX
from holdfast.client.file_nodes import kind_of
from holdfast.protocol.frozen import frozen


class ProblemKind(Enum):
    """Why something is not in a backup, or not as it should be."""

    UNREADABLE = "unreadable"
    VANISHED = "vanished"
    CHANGED = "changed while it was read"
    UNSUPPORTED = "of a kind that cannot be stored"
    XATTRS = "lacks extended attributes"
    PARENT = "the previous snapshot cannot be read here"


@frozen
class Problem:
    """Something at `path` that went wrong; a backup goes on without it."""

    path: bytes
    kind: ProblemKind
    detail: str = ""


@frozen
class Entered:
    """A directory begins; its entries follow, in order of name, until `Left`."""

    path: bytes
    name: bytes
    status: os.stat_result


@frozen
class Left:
    """The directory entered last is complete."""


@frozen
class Found:
    """Anything but a directory."""

    path: bytes
    name: bytes
    status: os.stat_result


ScanEvent = Entered | Left | Found | Problem
Exclude = Callable[[bytes, os.stat_result], bool]
"""Says of an absolute path and its lstat whether to leave it out."""


def nothing_excluded(_path: bytes, _status: os.stat_result) -> bool:
    """Leave nothing out."""
    return False


def problem_of(path: bytes, error: OSError) -> Problem:
    """Return the problem that an OSError is."""
    gone = isinstance(error, FileNotFoundError)
    kind = ProblemKind.VANISHED if gone else ProblemKind.UNREADABLE
    return Problem(path, kind, error.strerror or str(error))


@dataclass(slots=True)
class _Level:
    path: bytes
    device: int
    selection: Selection
    names: Iterator[bytes]


class Scanner:
    """Walks absolute paths; the events nest like the directories."""

    def __init__(
        self,
        paths: Sequence[bytes],
        exclude: Exclude = nothing_excluded,
        *,
        one_file_system: bool = False,
    ) -> None:
        self._paths = frozenset(paths)
        self._selection = select(paths)
        self._exclude = exclude
        self._one_file_system = one_file_system

    def events(self) -> Iterator[ScanEvent]:
        """Yield what is there; names at the top are the paths' first components."""
        yield from self._missing()
        names: Iterator[bytes] = iter(sorted(self._selection.names))
        if self._selection.whole:
            names = yield from self._list(b"/")
        levels = [_Level(b"/", -1, self._selection, names)]
        while levels:
            name = next(levels[-1].names, None)
            if name is not None:
                yield from self._visit(levels, name)
            else:
                levels.pop()
                if levels:
                    yield Left()

    def _missing(self) -> Iterator[Problem]:
        """Yield the paths that are not there, within others that were named.

        The walk sees what is in a directory, and would not miss them.
        """
        for path in sorted(self._paths):
            if self._is_within_another(path):
                try:
                    os.lstat(path)
                except OSError as error:
                    yield problem_of(path, error)

    def _is_within_another(self, path: bytes) -> bool:
        while path != (path := os.path.dirname(path)):
            if path in self._paths:
                return True
        return False

    def _visit(self, levels: list[_Level], name: bytes) -> Iterator[ScanEvent]:
        level = levels[-1]
        path = os.path.join(level.path, name)
        chosen = level.selection.below(name)
        assert chosen is not None
        try:
            # A symbolic link on the way to a chosen path is followed, as the
            # kernel would; a chosen path or what is below it never is.
            status = os.lstat(path) if chosen.whole else os.stat(path)
        except OSError as error:
            yield problem_of(path, error)
            return
        if level.selection.whole and self._exclude(path, status):
            return
        if not stat.S_ISDIR(status.st_mode):
            yield _found(path, name, status)
            return
        yield Entered(path, name, status)
        levels.append((yield from self._enter(level, path, status, chosen)))

    def _enter(
        self, parent: _Level, path: bytes, status: os.stat_result, chosen: Selection
    ) -> Generator[ScanEvent, None, _Level]:
        names: Iterator[bytes]
        device = parent.device if parent.selection.whole else status.st_dev
        if not chosen.whole:
            names = iter(sorted(chosen.names))
        elif self._one_file_system and device not in {-1, status.st_dev}:
            names = iter(())
        else:
            names = yield from self._list(path)
        return _Level(path, device, chosen, names)

    def _list(self, path: bytes) -> Generator[ScanEvent, None, Iterator[bytes]]:
        try:
            return iter(sorted(os.listdir(path)))
        except OSError as error:
            yield problem_of(path, error)
            return iter(())


def _found(path: bytes, name: bytes, status: os.stat_result) -> ScanEvent:
    if kind_of(status) is None or len(name) > NAME_BYTES_MAX:
        return Problem(path, ProblemKind.UNSUPPORTED)
    return Found(path, name, status)
