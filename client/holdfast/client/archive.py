# paths are bytes here, and pathlib's are not.
# ruff: noqa: PTH100
"""A backup: from paths, or a stream, to a tree of blobs.

A file whose size, times and inode are as the parent snapshot has them is not read
again. Whatever cannot be read is reported, and the rest is backed up.
"""

import os
import stat
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import BinaryIO, Final

from holdfast.client.blob_reader import BlobReader
from holdfast.client.blob_writer import BlobWriter
from holdfast.client.chunking import Cutter, ReadInto
from holdfast.client.core.blobs import EMPTY_LIST, BlobList, fold
from holdfast.client.core.snapshot import Snapshot, SnapshotStats
from holdfast.client.core.tree import DirectoryWriter, Node, NodeKind
from holdfast.client.file_nodes import kind_of, make_node
from holdfast.client.parent import NO_PARENT, ParentDirectory, open_parent
from holdfast.client.scan import (
    Entered,
    Exclude,
    Found,
    Left,
    Problem,
    ProblemKind,
    Scanner,
    nothing_excluded,
    problem_of,
)
from holdfast.protocol.frozen import frozen

PROBLEMS_KEPT_MAX: Final = 10_000
_NAMES_SHOWN: Final = 3


@frozen
class BackupJob:
    """What to back up: absolute paths, or `stream` under the name `paths[0]`.

    `time_ns` is now, since 1970; the rest is written into the snapshot.
    """

    paths: tuple[bytes, ...]
    time_ns: int
    host: str
    user: str
    program: str
    utc_offset_seconds: int = 0
    tags: tuple[str, ...] = ()
    stream: BinaryIO | None = None
    exclude: Exclude = nothing_excluded
    one_file_system: bool = False


@frozen
class BackupProgress:
    """How far a backup is; `path` is what it looks at now."""

    files: int
    directories: int
    bytes_seen: int
    bytes_read: int
    bytes_added: int
    bytes_stored: int
    problems: int
    path: bytes


OnProgress = Callable[[BackupProgress], None]


def no_progress(_progress: BackupProgress) -> None:
    """Ignore progress."""


@frozen
class Archive:
    """What a backup made: the tree, the counts, and the first 10,000 problems.

    `files_new` of the files were not in the parent snapshot.
    """

    tree: BlobList
    stats: SnapshotStats
    problems: tuple[Problem, ...]
    files_new: int


@dataclass(slots=True)
class _Level:
    """A directory being written: its node so far, its pages, its older self."""

    node: Node | None
    pages: DirectoryWriter
    parent: ParentDirectory


class Archiver:
    """Makes one archive; its blobs go to `blobs`."""

    def __init__(
        self,
        blobs: BlobWriter,
        cutter: Cutter,
        *,
        reader: BlobReader | None = None,
        parent: Snapshot | None = None,
        progress: OnProgress = no_progress,
    ) -> None:
        self._blobs = blobs
        self._cutter = cutter
        self._progress = progress
        self._problems: list[Problem] = []
        self._stats = _Counts()
        self._groups: dict[tuple[int, int], tuple[BlobList, int]] = {}
        self._reader = reader
        self._parent = parent

    def run(self, job: BackupJob) -> Archive:
        """Back up the job's paths or stream; raises what the chunk writer raises.

        When this returns, the index knows everything that the tree needs.
        """
        tree = self._stream(job) if job.stream else self._paths(job)
        self._blobs.finish()
        return Archive(
            tree,
            self._stats.frozen(self._blobs),
            tuple(self._problems),
            self._stats.files_new,
        )

    def _paths(self, job: BackupJob) -> BlobList:
        scanner = Scanner(job.paths, job.exclude, one_file_system=job.one_file_system)
        levels = [self._level(None, self._top_parent())]
        for event in scanner.events():
            match event:
                case Entered(path, name, status):
                    self._enter(levels, path, name, status)
                case Found(path, name, status):
                    self._leaf(levels[-1], path, name, status)
                case Left():
                    self._leave(levels)
                case Problem():
                    self._report(event)
        return levels.pop().pages.finish()

    def _stream(self, job: BackupJob) -> BlobList:
        assert job.stream is not None
        content, size = self._content(reader_of(job.stream), job.paths[0])
        node = Node(
            name=job.paths[0].rpartition(b"/")[2],
            kind=NodeKind.FILE,
            mode=0o600,
            mtime_ns=job.time_ns,
            ctime_ns=job.time_ns,
            size=size,
            content=content,
        )
        top = DirectoryWriter(self._blobs.add_tree)
        top.add(node)
        self._stats.files += 1
        self._stats.files_new += not self._top_parent().has_file(node.name)
        self._stats.bytes_seen += size
        return top.finish()

    def _level(self, node: Node | None, parent: ParentDirectory) -> _Level:
        return _Level(node, DirectoryWriter(self._blobs.add_tree), parent)

    def _top_parent(self) -> ParentDirectory:
        if self._parent is None or self._reader is None:
            return NO_PARENT
        return open_parent(self._parent, self._reader, self._blobs, self._report)

    def _enter(
        self, levels: list[_Level], path: bytes, name: bytes, status: os.stat_result
    ) -> None:
        try:
            node = self._node(path, name, status)
        except OSError as error:
            self._report(problem_of(path, error))
            node = Node(name, NodeKind.DIRECTORY, mode=stat.S_IMODE(status.st_mode))
        levels.append(self._level(node, levels[-1].parent.directory(name)))

    def _leave(self, levels: list[_Level]) -> None:
        level = levels.pop()
        assert level.node is not None
        node = replace(level.node, content=level.pages.finish())
        levels[-1].pages.add(node)
        self._stats.directories += 1

    def _leaf(
        self, level: _Level, path: bytes, name: bytes, status: os.stat_result
    ) -> None:
        try:
            if kind_of(status) is NodeKind.FILE:
                node = self._file(level, path, name, status)
                self._stats.files += 1
                self._stats.files_new += not level.parent.has_file(name)
                self._stats.bytes_seen += node.size
            else:
                node = self._node(path, name, status)
                self._stats.others += 1
        except OSError as error:
            self._report(problem_of(path, error))
            return
        level.pages.add(node)
        self._tell(path)

    def _file(
        self, level: _Level, path: bytes, name: bytes, status: os.stat_result
    ) -> Node:
        group = (status.st_dev, status.st_ino)
        if status.st_nlink > 1 and group in self._groups:
            return self._node(path, name, status, *self._groups[group])
        content, size = level.parent.unchanged(name, status), status.st_size
        if content is not None:
            self._stats.files_unchanged += 1
        else:
            content, size = self._read(path, status)
        if status.st_nlink > 1:
            self._groups[group] = (content, size)
        return self._node(path, name, status, content, size)

    def _node(
        self,
        path: bytes,
        name: bytes,
        status: os.stat_result,
        content: BlobList = EMPTY_LIST,
        size: int = 0,
    ) -> Node:
        return make_node(path, name, status, content, size, left_out=self._lacks)

    def _lacks(self, path: bytes, names: tuple[bytes, ...]) -> None:
        shown = ", ".join(os.fsdecode(name) for name in names[:_NAMES_SHOWN])
        more = len(names) - _NAMES_SHOWN
        detail = shown + (f" and {more:,} more" if more > 0 else "")
        self._report(Problem(path, ProblemKind.XATTRS, detail))

    def _read(self, path: bytes, status: os.stat_result) -> tuple[BlobList, int]:
        # Without O_NONBLOCK, a FIFO that took the file's place would block us.
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        descriptor = os.open(path, flags)
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise FileNotFoundError(0, "it is no longer a file")
            content, size = self._content(
                _file_reader(descriptor, status.st_size), path
            )
            after = os.fstat(descriptor)
        finally:
            os.close(descriptor)
        if _stamp(after) != _stamp(status) or size != status.st_size:
            self._report(Problem(path, ProblemKind.CHANGED))
        return content, size

    def _content(self, read_into: ReadInto, path: bytes) -> tuple[BlobList, int]:
        ids = []
        size = 0
        for piece in self._cutter.cut(read_into):
            ids.append(self._blobs.add_data(piece))
            size += len(piece)
            self._stats.bytes_read += len(piece)
            if len(ids) % 8 == 0:
                self._tell(path)
        return fold(ids, self._blobs.add_tree), size

    def _report(self, problem: Problem) -> None:
        self._stats.problems += 1
        if len(self._problems) < PROBLEMS_KEPT_MAX:
            self._problems.append(problem)

    def _tell(self, path: bytes) -> None:
        stats = self._stats
        self._progress(
            BackupProgress(
                files=stats.files,
                directories=stats.directories,
                bytes_seen=stats.bytes_seen,
                bytes_read=stats.bytes_read,
                bytes_added=self._blobs.bytes_added,
                bytes_stored=self._blobs.bytes_stored,
                problems=stats.problems,
                path=path,
            )
        )


@dataclass(slots=True)
class _Counts:
    files: int = 0
    directories: int = 0
    others: int = 0
    files_unchanged: int = 0
    files_new: int = 0
    bytes_seen: int = 0
    bytes_read: int = 0
    problems: int = 0

    def frozen(self, blobs: BlobWriter) -> SnapshotStats:
        return SnapshotStats(
            files=self.files,
            directories=self.directories,
            others=self.others,
            files_unchanged=self.files_unchanged,
            bytes_seen=self.bytes_seen,
            bytes_read=self.bytes_read,
            bytes_added=blobs.bytes_added,
            bytes_stored=blobs.bytes_stored,
            problems=self.problems,
        )


def absolute_paths(
    paths: Sequence[str | bytes | os.PathLike[str]],
) -> tuple[bytes, ...]:
    """Return the paths as a backup stores them: absolute, without `..`, unresolved."""
    return tuple(os.path.abspath(os.fsencode(path)) for path in paths)


def _stamp(status: os.stat_result) -> tuple[int, int, int]:
    return status.st_mtime_ns, status.st_ctime_ns, status.st_ino


def _file_reader(descriptor: int, expected: int) -> ReadInto:
    """Return how to read a file; a short read at its known end is not repeated."""
    seen = 0
    ended = False

    def read_into(window: memoryview) -> int:
        nonlocal seen, ended
        if ended:
            return 0
        count = os.readv(descriptor, [window])
        seen += count
        ended = count < len(window) and seen >= expected
        return count

    return read_into


def reader_of(stream: BinaryIO) -> ReadInto:
    """Return how to read a stream, pipes and sockets too, into a window."""

    def read_into(window: memoryview) -> int:
        data = stream.read(len(window))
        window[: len(data)] = data
        return len(data)

    return read_into
