"""Whether a repository hangs together: every tree read, every blob in a listed chunk.

File data are not read here; that is `read_check`.
"""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field

from holdfast.client.blob_reader import BlobReader
from holdfast.client.core.blobs import BlobId, BlobList, list_ids
from holdfast.client.core.errors import BlobMissingError, ChunkUnavailableError
from holdfast.client.core.objects import list_objects
from holdfast.client.core.selection import EVERYTHING, Selection
from holdfast.client.core.snapshot import NamedSnapshot
from holdfast.client.core.tree import NodeKind, decode_page
from holdfast.client.repository import Repository
from holdfast.protocol.errors import HoldfastError, ProtocolError
from holdfast.protocol.frozen import frozen
from holdfast.protocol.units import ChunkId

_LOSSES_MAX = 1000


@frozen
class Loss:
    """Something of a snapshot or object that cannot be read now, or never again.

    `within` is the snapshot's id or the object's name; `path` is in the snapshot.
    """

    within: str
    path: bytes
    reason: str
    damaged: bool


@frozen
class StructureCheck:
    """What was looked at, and what is missing; at most 1,000 losses are kept.

    `files` are entries: those of a part of a directory that did not change from one
    snapshot to the next count once.
    """

    snapshots: int
    files: int
    losses: tuple[Loss, ...]
    missing: frozenset[ChunkId]


OnFiles = Callable[[int], None]


def check_structure(
    repository: Repository, listed: Collection[ChunkId], tell: OnFiles
) -> StructureCheck:
    """Read all trees of all snapshots, each once, and look up every blob.

    `listed` are the chunks that deals hold. `tell` hears how many files were seen.
    """
    seeker = _Seeker(repository.reader, frozenset(listed), tell)
    for named in repository.snapshots:
        seeker.tree(named.id.hex(), named.snapshot.tree)
    try:
        for entry in list_objects(repository.root.objects, "", repository.reader.load):
            seeker.content(entry.name, b"", entry.content)
    except (ChunkUnavailableError, BlobMissingError, ProtocolError) as error:
        seeker.lose("objects", b"", error)
    missing = frozenset(repository.needed_chunks() - seeker.listed)
    return StructureCheck(
        len(repository.snapshots), seeker.files, tuple(seeker.losses), missing
    )


def chunks_needed(
    repository: Repository, named: NamedSnapshot, chosen: Selection = EVERYTHING
) -> frozenset[ChunkId]:
    """Return the chunks that one snapshot, or what is chosen of it, needs.

    Those that name it, and lead to what is chosen, are included.

    Raises BlobMissingError when a blob is in no chunk that the index knows, and
    ChunkUnavailableError or ProtocolError when a tree cannot be read.
    """
    known = frozenset(record.chunk for record in repository.index.packs)
    seeker = _Seeker(repository.reader, known, _hear_nothing, strict=True)
    seeker.tree(named.id.hex(), named.snapshot.tree, chosen)
    packs = {record.chunk for record in repository.index.packs}
    return frozenset(seeker.used) | (repository.needed_chunks() - packs)


def _hear_nothing(_files: int) -> None:
    """Let nobody know."""


@dataclass(slots=True)
class _Seeker:
    reader: BlobReader
    listed: frozenset[ChunkId]
    tell: OnFiles
    strict: bool = False
    files: int = 0
    used: set[ChunkId] = field(default_factory=set)
    losses: list[Loss] = field(default_factory=list)
    _seen: set[BlobId] = field(default_factory=set)

    def tree(self, within: str, top: BlobList, chosen: Selection = EVERYTHING) -> None:
        """Follow a tree from its top; what was seen before is not read again."""
        waiting = [(b"", top, chosen)]
        while waiting:
            path, pages, wanted = waiting.pop()
            for page in self._blobs(within, path or b"/", pages):
                for name, kind, content in self._page(within, path, page):
                    below, inner = path + b"/" + name, wanted.below(name)
                    if inner is None:
                        continue
                    if kind is NodeKind.DIRECTORY:
                        waiting.append((below, content, inner))
                        continue
                    if kind is NodeKind.FILE:
                        self.files += 1
                        self.tell(self.files)
                    self.content(within, below, content)

    def content(self, within: str, path: bytes, content: BlobList) -> None:
        """Look up every blob of a file, whose data are not read."""
        for blob in self._blobs(within, path, content):
            location = self.reader.index.find(blob)
            if location is None or location.chunk not in self.listed:
                self.lose(within, path, BlobMissingError(blob))
                return
            self.used.add(location.chunk)

    def lose(self, within: str, path: bytes, error: HoldfastError) -> None:
        """Note what cannot be read, or raise it."""
        if self.strict:
            raise error
        if len(self.losses) < _LOSSES_MAX:
            damaged = not isinstance(error, ChunkUnavailableError)
            self.losses.append(Loss(within, path, str(error), damaged))

    def _page(
        self, within: str, path: bytes, page: BlobId
    ) -> Iterator[tuple[bytes, NodeKind, BlobList]]:
        if page in self._seen:
            return
        self._seen.add(page)
        try:
            nodes = decode_page(self._load(page))
        except (ChunkUnavailableError, BlobMissingError, ProtocolError) as error:
            self.lose(within, path or b"/", error)
            return
        for node in nodes:
            yield node.name, node.kind, node.content

    def _blobs(self, within: str, path: bytes, blobs: BlobList) -> Iterator[BlobId]:
        if blobs.depth == 0:
            yield from blobs.ids
            return
        for part in blobs.ids:
            if part in self._seen:
                continue
            self._seen.add(part)
            try:
                ids = list_ids(self._load(part))
            except (ChunkUnavailableError, BlobMissingError, ProtocolError) as error:
                self.lose(within, path, error)
                continue
            yield from self._blobs(within, path, BlobList(blobs.depth - 1, ids))

    def _load(self, blob: BlobId) -> bytes:
        self.used.add(self.reader.locate(blob).chunk)
        return self.reader.load(blob)
