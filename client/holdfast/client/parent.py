"""The parent snapshot's tree, read beside a backup to find what has not changed."""

import os
from collections.abc import Callable, Iterator
from typing import Final

from holdfast.client.blob_reader import BlobReader
from holdfast.client.blob_writer import BlobWriter
from holdfast.client.core.blobs import BlobList, unfold
from holdfast.client.core.snapshot import Snapshot
from holdfast.client.core.tree import Node, NodeKind, read_directory
from holdfast.client.scan import Problem, ProblemKind
from holdfast.protocol.errors import HoldfastError

Report = Callable[[Problem], None]

CLOCK_TICK_NS: Final = 100_000_000
"""A file system's clock may lag by 10 ms, so what changed since 100 ms before a
snapshot began may have changed again, unseen, after it was read."""


class ParentDirectory:
    """One directory of the parent, asked for names in ascending order."""

    def __init__(self, nodes: Iterator[Node], context: "_Context | None") -> None:
        self._nodes = nodes
        self._context = context
        self._next: Node | None = None

    def directory(self, name: bytes) -> "ParentDirectory":
        """Return what the parent had in the subdirectory `name`, maybe nothing."""
        node = self._find(name)
        if self._context is None or node is None:
            return NO_PARENT
        if node.kind is not NodeKind.DIRECTORY:
            return NO_PARENT
        return ParentDirectory(self._context.nodes(node.content), self._context)

    def has_file(self, name: bytes) -> bool:
        """Return whether the parent had a file of this name."""
        node = self._find(name)
        return node is not None and node.kind is NodeKind.FILE

    def unchanged(self, name: bytes, status: os.stat_result) -> BlobList | None:
        """Return the file's content if it is as in the parent, and still stored."""
        old = self._find(name)
        if self._context is None or old is None:
            return None
        if not self._context.same(old, status):
            return None
        return old.content if self._context.stored(old.content) else None

    def _find(self, name: bytes) -> Node | None:
        while self._next is None or self._next.name < name:
            self._next = next(self._nodes, None)
            if self._next is None:
                return None
        return self._next if self._next.name == name else None


NO_PARENT: Final = ParentDirectory(iter(()), None)


class _Context:
    def __init__(
        self, snapshot: Snapshot, reader: BlobReader, blobs: BlobWriter, report: Report
    ) -> None:
        self._trusted_until_ns = snapshot.time_ns - CLOCK_TICK_NS
        self._reader = reader
        self._blobs = blobs
        self._report = report
        self._broken = False

    def nodes(self, pages: BlobList) -> Iterator[Node]:
        """Yield a directory's nodes, or as many as can be read."""
        if self._broken:
            return
        try:
            yield from read_directory(pages, self._reader.load)
        except HoldfastError as error:
            # A parent only saves work: without it, files are read again.
            self._broken = True
            self._report(Problem(b"", ProblemKind.PARENT, str(error)))

    def same(self, old: Node, status: os.stat_result) -> bool:
        return (
            old.kind is NodeKind.FILE
            and old.size == status.st_size
            and old.mtime_ns == status.st_mtime_ns
            and old.ctime_ns == status.st_ctime_ns
            and old.inode == status.st_ino
            and status.st_ctime_ns < self._trusted_until_ns
        )

    def stored(self, content: BlobList) -> bool:
        try:
            return all(map(self._blobs.knows, content.ids)) and (
                content.depth == 0
                or all(map(self._blobs.knows, unfold(content, self._reader.load)))
            )
        except HoldfastError:
            return False


def open_parent(
    snapshot: Snapshot, reader: BlobReader, blobs: BlobWriter, report: Report
) -> ParentDirectory:
    """Return the top directory of the parent snapshot; `report` hears what fails."""
    context = _Context(snapshot, reader, blobs, report)
    return ParentDirectory(context.nodes(snapshot.tree), context)
