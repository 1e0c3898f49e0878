"""Writing the files of a restore: pieces come in any order, holes stay holes."""

import os
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol

from holdfast.client.core.errors import ChunkUnavailableError
from holdfast.client.core.tree import Node
from holdfast.client.restore_target import DirectoryNumber, TargetTree
from holdfast.client.write_behind import WriteBehind
from holdfast.protocol.errors import HoldfastError
from holdfast.protocol.units import KIB, ChunkId
from holdfast.wire.direct_file import DIRECT_BYTES_MIN, write_at

_OPEN_FILES_MAX: Final = 64
_HOLE_BYTES: Final = 64 * KIB
_ZEROS: Final = bytes(_HOLE_BYTES)


@dataclass(slots=True)
class PlannedFile:
    """A file to write; `pieces_left` counts the blobs that are still to come.

    A `mended` one stands in the target and lacks these blobs only.
    """

    path: bytes
    directory: DirectoryNumber
    node: Node
    pieces_left: int
    created: bool = False
    failed: bool = False
    mended: bool = False


class OnFailure(Protocol):
    """Hears what went wrong at a path."""

    def __call__(
        self,
        path: bytes,
        reason: str | OSError,
        *,
        lost: bool,
        chunk: ChunkId | None = None,
        kept: bool = False,
    ) -> None:
        """Take note."""


class OpenFiles:
    """The files that are being written, at most 64 of them open at a time.

    Small ones are written at once, large ones behind the restore's back.
    """

    def __init__(
        self, target: TargetTree, files: list[PlannedFile], fail: OnFailure
    ) -> None:
        self._target = target
        self._files = files
        self._fail = fail
        self._open: OrderedDict[int, int] = OrderedDict()
        self._behind = WriteBehind(self._written)
        self.files_done = 0
        self.bytes_written = 0

    def write_empty(self, number: int) -> None:
        """Make a file that has no data, or finish one that stands there whole."""
        try:
            self._descriptor(number)
        except OSError as error:
            self._give_up(number, error)
            return
        self._finish(number)

    def write(self, number: int, offset: int, data: memoryview) -> None:
        """Write one piece of a file, and finish the file with its last piece."""
        file = self._files[number]
        file.pieces_left -= 1
        try:
            if not file.failed or file.created:
                self._write(number, data, offset)
                self.bytes_written += len(data)
        except OSError as error:
            self._give_up(number, error)
        if not file.pieces_left:
            self._finish(number)

    def lose(
        self,
        pieces: Sequence[tuple[int, int]],
        error: HoldfastError,
        *,
        keep: bool,
    ) -> None:
        """Note that a blob cannot be had: (file number, offset) of each use of it.

        The files are removed, or with `keep` written with zeros in its place.
        """
        chunk = error.chunk if isinstance(error, ChunkUnavailableError) else None
        for number, _ in pieces:
            file = self._files[number]
            file.pieces_left -= 1
            if not file.failed:
                self._give_up(number, str(error), chunk=chunk, keep=keep)
            if not file.pieces_left:
                self._finish(number)

    def close(self) -> None:
        """Write what waits and close what is open; no file lacks a piece by then."""
        assert not any(file.pieces_left for file in self._files)
        self._behind.close()
        for descriptor in self._open.values():
            os.close(descriptor)
        self._open.clear()

    def _write(self, number: int, data: memoryview, offset: int) -> None:
        file, descriptor = self._files[number], self._descriptor(number)
        # Where a mended file has other bytes, a hole would not hide them.
        for start, end in [(0, len(data))] if file.mended else _filled(data, offset):
            part = data[start:end]
            if file.node.size < DIRECT_BYTES_MIN:
                write_at(descriptor, part, offset + start)
            else:
                self._behind.write(number, descriptor, part, offset + start)

    def _written(self, number: int, error: OSError | None) -> None:
        """Hear that all of a file is written, or could not be."""
        if error is not None:
            self._give_up(number, error)
        self._finish(number)

    def _finish(self, number: int) -> None:
        if self._behind.has(number):
            self._behind.end(number)
            return
        file = self._files[number]
        if file.failed and not file.created:
            return
        try:
            descriptor = self._descriptor(number)
            node = _as_older(file.node) if file.failed else file.node
            for error in self._target.finish_file(descriptor, node):
                self._fail(file.path, error, lost=False)
            os.close(self._open.pop(number))
        except OSError as error:
            self._give_up(number, error)
        self.files_done += not file.failed

    def _give_up(
        self,
        number: int,
        reason: str | OSError,
        *,
        chunk: ChunkId | None = None,
        keep: bool = False,
    ) -> None:
        file = self._files[number]
        self._fail(file.path, reason, lost=True, chunk=chunk, kept=keep)
        file.failed = True
        try:
            if keep:
                self._descriptor(number)
                return
            self._behind.drop(number)
            if number in self._open:
                os.close(self._open.pop(number))
            if file.created:
                self._target.unlink(file.directory, file.node.name)
        except OSError as error:
            self._fail(file.path, error, lost=True)
        file.created = False

    def _descriptor(self, number: int) -> int:
        found = self._open.get(number)
        if found is not None:
            self._open.move_to_end(number)
            return found
        while len(self._open) >= _OPEN_FILES_MAX:
            if self._behind.has(next(iter(self._open))):
                self._behind.settle()
                continue
            _, descriptor = self._open.popitem(last=False)
            os.close(descriptor)
        file = self._files[number]
        where = (file.directory, file.node.name)
        if file.created or file.mended:
            descriptor = self._target.open_file(*where)
            file.created = True
        else:
            descriptor = self._target.create_file(*where, file.node.size)
            file.created = True
        self._open[number] = descriptor
        return descriptor


def _as_older(node: Node) -> Node:
    """Return a damaged file's node: no later restore takes it for the right one."""
    return replace(node, mtime_ns=min(0, node.mtime_ns - 1))


def _filled(data: memoryview, offset: int) -> Iterator[tuple[int, int]]:
    """Yield from where to where to write, without whole aligned runs of zeros.

    The file has those already.
    """
    start = 0
    at = -offset % _HOLE_BYTES
    while at + _HOLE_BYTES <= len(data):
        if _is_zero(data[at : at + _HOLE_BYTES]):
            yield start, at
            start = at + _HOLE_BYTES
        at += _HOLE_BYTES
    yield start, len(data)


def _is_zero(block: memoryview) -> bool:
    return block[0] == 0 and block[-1] == 0 and bytes(block) == _ZEROS
