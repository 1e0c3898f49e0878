"""The first half of a restore: directories and links are made, files are planned."""

import os
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final, Protocol

from holdfast.client.blob_reader import BlobReader
from holdfast.client.core.blobs import unfold
from holdfast.client.core.index import Location
from holdfast.client.core.tree import Node, NodeKind
from holdfast.client.core.walk import walk
from holdfast.client.restore_files import OnFailure, PlannedFile
from holdfast.client.restore_mending import Piece, is_mendable, lacking
from holdfast.client.restore_target import TOP, DirectoryNumber
from holdfast.client.restore_values import Overwrite, RestoreJob, Wish
from holdfast.protocol.errors import HoldfastError
from holdfast.protocol.frozen import frozen
from holdfast.protocol.units import ChunkId

PIECE_FIELDS: Final = 3


class Places(Protocol):
    """What a layout needs of the target; every method may raise OSError."""

    def make_directory(self, parent: DirectoryNumber, name: bytes) -> DirectoryNumber:
        """Make a directory, or take the one that is there."""

    def make_special(self, parent: DirectoryNumber, node: Node) -> list[OSError]:
        """Make a symbolic link, FIFO, socket or device; return what it misses."""

    def status(self, parent: DirectoryNumber, name: bytes) -> os.stat_result | None:
        """Return the lstat of what stands there, or None."""

    def open_to_mend(self, parent: DirectoryNumber, name: bytes) -> int | None:
        """Return a descriptor of the file that stands there, or None if none may."""


@frozen
class Link:
    """A hard link to make when its first name is there."""

    path: bytes
    directory: DirectoryNumber
    name: bytes
    first: tuple[DirectoryNumber, bytes]


@dataclass(slots=True)
class _Place:
    """A directory on the way; it has no number until something in it is wanted."""

    path: bytes
    number: DirectoryNumber | None
    node: Node | None


class Layout:
    """What is to restore, and where.

    `pieces` are, for each chunk, row, file number and offset: three numbers for each
    piece of a file. `bytes_found` of the files to restore stand in the target already.
    """

    def __init__(
        self, job: RestoreJob, reader: BlobReader, places: Places, fail: OnFailure
    ) -> None:
        self._job = job
        self._reader = reader
        self._places = places
        self._fail = fail
        self._groups: dict[tuple[int, int], tuple[DirectoryNumber, bytes]] = {}
        self.directories: list[tuple[bytes, DirectoryNumber, Node]] = []
        self.files: list[PlannedFile] = []
        self.pieces: dict[ChunkId, array[int]] = {}
        self.links: list[Link] = []
        self.others = 0
        self.skipped = 0
        self.bytes_total = 0
        self.bytes_found = 0

    def lay_out(self) -> None:
        """Read the tree, and make all but the files and the hard links."""
        way = [_Place(b"", TOP, None)]
        for path, node in walk(
            self._job.tree, self._reader.load, self._job.selection, self._lost_page
        ):
            parent = path[: -len(node.name) - 1]
            while not _is_within(parent, way[-1].path):
                way.pop()
            if way[-1].path != parent:
                continue  # its directory is left out, or could not be made
            wish = self._job.wishes(path, node)
            if wish is Wish.LEFT_OUT:
                continue
            try:
                if node.kind is NodeKind.DIRECTORY:
                    self._pass(path, node, way, wanted=wish is Wish.WANTED)
                elif wish is Wish.WANTED:
                    self._place(path, self._number(way), node)
            except OSError as error:
                self._fail(path, error, lost=True)
            except HoldfastError as error:
                self._fail(path, str(error), lost=True, chunk=chunk_of(error))

    def _pass(
        self, path: bytes, node: Node, way: list[_Place], *, wanted: bool
    ) -> None:
        place = _Place(path, None, node)
        if wanted:
            self._number([*way, place])
        way.append(place)

    def _number(self, way: Sequence[_Place]) -> DirectoryNumber:
        """Return the last directory's number, having made all that lead to it."""
        number = TOP
        for place in way:
            if place.number is None:
                assert place.node is not None
                place.number = self._places.make_directory(number, place.node.name)
                self.directories.append((place.path, place.number, place.node))
            number = place.number
        return number

    def _place(self, path: bytes, parent: DirectoryNumber, node: Node) -> None:
        there = self._places.status(parent, node.name)
        if there is not None and self._stays(there, node):
            self.skipped += 1
            self._groups.setdefault((node.device, node.inode), (parent, node.name))
        elif node.links > 1 and (node.device, node.inode) in self._groups:
            first = self._groups[node.device, node.inode]
            self.links.append(Link(path, parent, node.name, first))
        elif node.kind is NodeKind.FILE:
            self._groups.setdefault((node.device, node.inode), (parent, node.name))
            self._plan(path, parent, node, there)
        else:
            for error in self._places.make_special(parent, node):
                self._fail(path, error, lost=False)
            self._groups.setdefault((node.device, node.inode), (parent, node.name))
            self.others += 1

    def _stays(self, there: os.stat_result, node: Node) -> bool:
        match self._job.overwrite:
            case Overwrite.ALWAYS:
                return False
            case Overwrite.IF_CHANGED:
                return there.st_mtime_ns == node.mtime_ns and (
                    node.kind is not NodeKind.FILE or there.st_size == node.size
                )
            case Overwrite.IF_NEWER:
                return there.st_mtime_ns >= node.mtime_ns
            case Overwrite.NEVER:
                return True

    def _plan(
        self,
        path: bytes,
        parent: DirectoryNumber,
        node: Node,
        there: os.stat_result | None,
    ) -> None:
        pieces: list[Piece] = [
            (blob, self._reader.locate(blob))
            for blob in unfold(node.content, self._reader.load)
        ]
        wanted = None
        # What a damaged file lacks is to be zeros, not what stood there before.
        if there is not None and not self._job.keep_damaged:
            wanted = self._lacking(parent, node, there, pieces)
        mended = wanted is not None
        if wanted is None:
            wanted = _with_offsets(pieces)
        number = len(self.files)
        self.files.append(PlannedFile(path, parent, node, len(wanted), mended=mended))
        for offset, where in wanted:
            flat = self.pieces.setdefault(where.chunk, array("Q"))
            flat.extend((where.row, number, offset))
        missing = sum(where.length for _, where in wanted) if mended else node.size
        self.bytes_total += missing
        self.bytes_found += node.size - missing

    def _lacking(
        self,
        parent: DirectoryNumber,
        node: Node,
        there: os.stat_result,
        pieces: Sequence[Piece],
    ) -> list[tuple[int, Location]] | None:
        """Return what the file that stands there lacks; None if it is of no use."""
        if not is_mendable(there, node.size):
            return None
        try:
            descriptor = self._places.open_to_mend(parent, node.name)
            if descriptor is None:
                return None
            try:
                missing = list(lacking(descriptor, pieces, self._reader))
            finally:
                os.close(descriptor)
        except OSError:
            return None  # it is replaced, as if it were not there
        return missing if len(missing) < len(pieces) else None

    def _lost_page(self, path: bytes, error: HoldfastError) -> None:
        reason = f"part of this directory cannot be read: {error}"
        self._fail(path, reason, lost=True, chunk=chunk_of(error))


def _with_offsets(pieces: Sequence[Piece]) -> list[tuple[int, Location]]:
    starts = accumulate((where.length for _, where in pieces), initial=0)
    return [(start, where) for start, (_, where) in zip(starts, pieces, strict=False)]


def chunk_of(error: HoldfastError) -> ChunkId | None:
    """Return the chunk that an error is about, if it is about one."""
    return getattr(error, "chunk", None)


def _is_within(path: bytes, directory: bytes) -> bool:
    return path == directory or path.startswith(directory + b"/")
