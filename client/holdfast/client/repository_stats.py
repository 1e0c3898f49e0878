"""How large snapshots are: restored, deduplicated, compressed, and in each deal."""

from collections.abc import Mapping, Sequence

from holdfast.client.core.prune import Liveness
from holdfast.client.core.snapshot import NamedSnapshot
from holdfast.client.core.tree_sums import NOTHING, TreeSummer, TreeSums
from holdfast.client.marking import Marker
from holdfast.client.repository import Repository
from holdfast.protocol.frozen import frozen
from holdfast.protocol.units import ChunkId, DealId


@frozen
class RawSums:
    """Blobs counted once; `bytes` before compression, `stored_bytes` sealed.

    A chunk that holds other blobs too counts with the share of these.
    """

    blobs: int
    bytes: int
    stored_bytes: int


@frozen
class DealShare:
    """What a deal holds: all its chunks, and those that the snapshots need.

    Bytes are those of sealed chunks, before erasure coding.
    """

    deal: DealId
    chunks: int
    bytes: int
    needed_chunks: int
    needed_bytes: int


@frozen
class RepositoryStats:
    """What some snapshots hold together."""

    snapshots: int
    sums: TreeSums
    raw: RawSums
    deals: tuple[DealShare, ...]

    @property
    def deduplication(self) -> float:
        """How many times what is stored once would be restored."""
        return self.sums.bytes / self.raw.bytes if self.raw.bytes else 1.0

    @property
    def compression(self) -> float:
        """How many bytes one sealed byte holds."""
        if not self.raw.stored_bytes:
            return 1.0
        return self.raw.bytes / self.raw.stored_bytes


def stats_of(
    repository: Repository,
    snapshots: Sequence[NamedSnapshot],
    deals: Mapping[DealId, Mapping[ChunkId, int]],
) -> RepositoryStats:
    """Add up what `snapshots` hold; `deals` are the chunks of each, with their bytes.

    Raises BlobMissingError, ChunkUnavailableError or ProtocolError for a tree that
    cannot be read.
    """
    summer = TreeSummer(repository.reader.load)
    liveness = Liveness(repository.index)
    marker = Marker(liveness, repository.reader)
    sums = NOTHING
    for named in snapshots:
        sums += summer.sums(named.snapshot.tree)
        marker.mark_tree(named.snapshot.tree)
    needed = {record.chunk for record, marks in liveness.packs() if any(marks)}
    return RepositoryStats(
        len(snapshots),
        sums,
        marked_bytes(liveness),
        tuple(_share(deal, held, needed) for deal, held in deals.items()),
    )


def marked_bytes(liveness: Liveness) -> RawSums:
    """Return how much is marked."""
    blobs = raw = stored = 0
    for record, marks in liveness.packs():
        rows = [row for row, mark in enumerate(marks) if mark]
        if not rows:
            continue
        live = sum(record.length(row) for row in rows)
        total = sum(record.length(row) for row in range(record.count))
        blobs += len(rows)
        raw += live
        stored += record.stored * live // total if total else record.stored
    return RawSums(blobs, raw, stored)


def _share(
    deal: DealId, held: Mapping[ChunkId, int], needed: set[ChunkId]
) -> DealShare:
    wanted = held.keys() & needed
    return DealShare(
        deal,
        len(held),
        sum(held.values()),
        len(wanted),
        sum(held[chunk] for chunk in wanted),
    )
