"""A restore: from a snapshot's tree to files, chunk by chunk.

Each chunk is read once, in the order in which files first need it, and its blobs go
to every file that wants them. What an unreadable chunk holds is lost to the files
that need it and to no others.
"""

from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import groupby
from pathlib import Path
from typing import Final

from holdfast.client.blob_reader import BlobReader
from holdfast.client.core.blobs import BlobList, unfold
from holdfast.client.core.index import Location
from holdfast.client.core.selection import EVERYTHING, Selection
from holdfast.client.core.tree import Node, NodeKind
from holdfast.client.core.walk import walk
from holdfast.client.restore_files import OpenFiles, PlannedFile
from holdfast.client.restore_target import TOP, DirectoryNumber, TargetTree
from holdfast.protocol.errors import HoldfastError
from holdfast.protocol.units import ChunkId

_PREFETCH_CHUNKS: Final = 8
_FIELDS: Final = 3


class Overwrite(Enum):
    """What to do with a file that is already in the target."""

    ALWAYS = "always"
    IF_CHANGED = "if-changed"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class RestoreJob:
    """What to restore and where: the selected part of a tree, into `target`.

    IF_CHANGED passes over files whose size and mtime are right already, which is how
    an interrupted restore goes on. `keep_damaged` keeps files that lost some of their
    data, with zeros in its place, instead of removing them.
    """

    tree: BlobList
    target: Path
    selection: Selection = EVERYTHING
    overwrite: Overwrite = Overwrite.ALWAYS
    keep_damaged: bool = False


@dataclass(frozen=True, slots=True)
class RestoreProgress:
    """How far a restore is; `bytes_total` grows until the tree is read."""

    files: int
    files_total: int
    bytes_written: int
    bytes_total: int


@dataclass(frozen=True, slots=True)
class RestoreFailure:
    """What went wrong at a path of the snapshot.

    `lost` tells a file or directory that is not restored, or not wholly, from one
    that only misses an attribute. `chunk` is the one that could not be read, `errno`
    the system's number for what could not be written.
    """

    path: bytes
    reason: str
    lost: bool
    chunk: ChunkId | None = None
    errno: int | None = None


@dataclass(frozen=True, slots=True)
class RestoreReport:
    """What a restore did; sizes are bytes."""

    files: int
    directories: int
    others: int
    skipped: int
    bytes_written: int
    failures: tuple[RestoreFailure, ...]

    @property
    def complete(self) -> bool:
        """Whether everything selected is back, but for attributes."""
        return not any(failure.lost for failure in self.failures)


OnProgress = Callable[[RestoreProgress], None]


def no_progress(_progress: RestoreProgress) -> None:
    """Ignore progress."""


def restore(
    job: RestoreJob, reader: BlobReader, progress: OnProgress = no_progress
) -> RestoreReport:
    """Restore and report; raises OSError only if the target itself cannot be made."""
    with TargetTree(job.target) as target:
        run = _Restore(job, reader, target, progress)
        run.lay_out()
        run.write_files()
        run.link_groups()
        run.finish_directories()
        return run.report()


@dataclass(frozen=True, slots=True)
class _Link:
    path: bytes
    directory: DirectoryNumber
    name: bytes
    first: tuple[DirectoryNumber, bytes]


class _Restore:
    def __init__(
        self,
        job: RestoreJob,
        reader: BlobReader,
        target: TargetTree,
        progress: OnProgress,
    ) -> None:
        self._job = job
        self._reader = reader
        self._target = target
        self._progress = progress
        self._failures: list[RestoreFailure] = []
        self._directories: list[tuple[bytes, DirectoryNumber, Node]] = []
        self._files: list[PlannedFile] = []
        # For each chunk: row, file number, offset; three numbers for each piece.
        self._pieces: dict[ChunkId, array[int]] = {}
        self._groups: dict[tuple[int, int], tuple[DirectoryNumber, bytes]] = {}
        self._links: list[_Link] = []
        self._others = 0
        self._skipped = 0
        self._bytes_total = 0
        self._out = OpenFiles(target, self._files, self._fail)

    # First the tree: directories, links and special files; files are planned only.

    def lay_out(self) -> None:
        numbers = [(b"", TOP)]
        for path, node in walk(
            self._job.tree, self._reader.load, self._job.selection, self._lost_page
        ):
            parent = path[: -len(node.name) - 1]
            while not _is_within(parent, numbers[-1][0]):
                numbers.pop()
            if numbers[-1][0] != parent:
                continue  # its directory could not be made, and was reported
            try:
                self._place(path, numbers[-1][1], node, numbers)
            except OSError as error:
                self._fail(path, error, lost=True)
            except HoldfastError as error:
                self._fail(path, str(error), lost=True, chunk=_chunk_of(error))

    def _place(
        self,
        path: bytes,
        parent: DirectoryNumber,
        node: Node,
        numbers: list[tuple[bytes, DirectoryNumber]],
    ) -> None:
        if node.kind is NodeKind.DIRECTORY:
            number = self._target.make_directory(parent, node.name)
            numbers.append((path, number))
            self._directories.append((path, number, node))
        elif self._stays(parent, node):
            self._skipped += 1
            self._groups.setdefault((node.device, node.inode), (parent, node.name))
        elif node.links > 1 and (node.device, node.inode) in self._groups:
            first = self._groups[node.device, node.inode]
            self._links.append(_Link(path, parent, node.name, first))
        elif node.kind is NodeKind.FILE:
            self._groups.setdefault((node.device, node.inode), (parent, node.name))
            self._plan(path, parent, node)
        else:
            self._target.make_special(parent, node)
            self._groups.setdefault((node.device, node.inode), (parent, node.name))
            self._others += 1

    def _stays(self, parent: DirectoryNumber, node: Node) -> bool:
        if self._job.overwrite is Overwrite.ALWAYS:
            return False
        status = self._target.status(parent, node.name)
        if status is None:
            return False
        same = status.st_mtime_ns == node.mtime_ns and (
            node.kind is not NodeKind.FILE or status.st_size == node.size
        )
        return same or self._job.overwrite is Overwrite.NEVER

    def _plan(self, path: bytes, parent: DirectoryNumber, node: Node) -> None:
        located = [
            self._reader.locate(blob)
            for blob in unfold(node.content, self._reader.load)
        ]
        self._files.append(PlannedFile(path, parent, node, len(located)))
        number = len(self._files) - 1
        offset = 0
        for where in located:
            pieces = self._pieces.setdefault(where.chunk, array("Q"))
            pieces.extend((where.row, number, offset))
            offset += where.length
        self._bytes_total += node.size

    # Then the files, in the order of the chunks.

    def write_files(self) -> None:
        for number, file in enumerate(self._files):
            if not file.pieces_left:
                self._out.write_empty(number)
        chunks = list(self._pieces)
        for place, chunk in enumerate(chunks):
            self._reader.prefetch(chunks[place : place + _PREFETCH_CHUNKS])
            self._write_chunk(chunk, self._pieces.pop(chunk))
            self._tell()
        self._out.close()

    def _write_chunk(self, chunk: ChunkId, flat: "array[int]") -> None:
        pieces = sorted(_triples(flat))
        record = self._reader.index.pack(chunk)
        assert record is not None
        for row, same in groupby(pieces, key=lambda piece: piece[0]):
            wanted = [(number, offset) for _, number, offset in same]
            where = Location(chunk, row, record.length(row))
            try:
                data = self._reader.view(record.blob(row), where)
            except HoldfastError as error:
                self._out.lose(wanted, error, keep=self._job.keep_damaged)
                continue
            for number, offset in wanted:
                self._out.write(number, offset, data)

    # Last what depends on everything else being there.

    def link_groups(self) -> None:
        for link in self._links:
            try:
                self._target.link(link.first, link.directory, link.name)
            except OSError as error:
                self._fail(link.path, error, lost=True)

    def finish_directories(self) -> None:
        for path, number, node in reversed(self._directories):
            try:
                for error in self._target.finish_directory(number, node):
                    self._fail(path, error, lost=False)
            except OSError as error:
                self._fail(path, error, lost=False)

    def report(self) -> RestoreReport:
        self._tell()
        return RestoreReport(
            files=self._out.files_done,
            directories=len(self._directories),
            others=self._others + len(self._links),
            skipped=self._skipped,
            bytes_written=self._out.bytes_written,
            failures=tuple(self._failures),
        )

    def _lost_page(self, path: bytes, error: HoldfastError) -> None:
        reason = f"part of this directory cannot be read: {error}"
        self._fail(path, reason, lost=True, chunk=_chunk_of(error))

    def _fail(
        self,
        path: bytes,
        reason: str | OSError,
        *,
        lost: bool,
        chunk: ChunkId | None = None,
    ) -> None:
        number = None
        if isinstance(reason, OSError):
            number = reason.errno
            reason = reason.strerror or str(reason)
        self._failures.append(RestoreFailure(path, reason, lost, chunk, number))

    def _tell(self) -> None:
        self._progress(
            RestoreProgress(
                files=self._out.files_done,
                files_total=len(self._files),
                bytes_written=self._out.bytes_written,
                bytes_total=self._bytes_total,
            )
        )


def _triples(flat: Sequence[int]) -> Iterator[tuple[int, int, int]]:
    for at in range(0, len(flat), _FIELDS):
        yield flat[at], flat[at + 1], flat[at + 2]


def _is_within(path: bytes, directory: bytes) -> bool:
    return path == directory or path.startswith(directory + b"/")


def _chunk_of(error: HoldfastError) -> ChunkId | None:
    return getattr(error, "chunk", None)
