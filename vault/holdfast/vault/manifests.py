"""Manifests in memory: loaded from the journal when asked, the newest kept."""

from collections import OrderedDict
from collections.abc import Iterable
from typing import Final

from holdfast.protocol.chunk import ChunkHeader
from holdfast.protocol.manifest import NO_HEAD, Manifest
from holdfast.protocol.units import ChunkId, DealId, Digest
from holdfast.vault.core.holding_events import Span
from holdfast.vault.holdings_queries import HoldingsQueries
from holdfast.vault.workers import Workers

ENTRIES_KEPT: Final = 50_000


class Manifests:
    """The manifests of retained heads; `entries_kept` bounds those in memory."""

    def __init__(
        self,
        queries: HoldingsQueries,
        workers: Workers,
        entries_kept: int = ENTRIES_KEPT,
    ) -> None:
        self._queries = queries
        self._workers = workers
        self._room = entries_kept
        self._kept: OrderedDict[tuple[DealId, Digest], Manifest] = OrderedDict()

    async def of(self, deal: DealId, digest: Digest) -> Manifest:
        """Return the manifest of a retained head, its tree and positions made."""
        assert digest != NO_HEAD, "no head has no deal's policy"
        if manifest := self._kept.get((deal, digest)):
            self._kept.move_to_end((deal, digest))
            return manifest
        manifest = await self._workers.journal(
            load_manifest, self._queries, deal, digest
        )
        self.keep(deal, digest, manifest)
        return manifest

    def keep(self, deal: DealId, digest: Digest, manifest: Manifest) -> None:
        """Keep a manifest; older ones go when there are too many entries."""
        if not self._kept.pop((deal, digest), None):
            self._room -= len(manifest.entries)
        self._kept[deal, digest] = manifest
        while self._room < 0 and len(self._kept) > 1:
            _, old = self._kept.popitem(last=False)
            self._room += len(old.entries)

    def forget(self, deal: DealId, digests: tuple[Digest, ...]) -> None:
        """Let go of heads that are no longer retained."""
        for digest in digests:
            if old := self._kept.pop((deal, digest), None):
                self._room += len(old.entries)


def load_manifest(queries: HoldingsQueries, deal: DealId, digest: Digest) -> Manifest:
    """Return a manifest with its tree and positions made; it blocks."""
    manifest = queries.manifest(deal, digest)
    _ = manifest.tree, manifest.positions
    return manifest


def spans_in(
    manifest: Manifest, chunks: Iterable[ChunkId]
) -> dict[ChunkId, Span | None]:
    """Return where each chunk's shard lies in the manifest's byte space, if it does."""
    spans: dict[ChunkId, Span | None] = {}
    for chunk in chunks:
        place = manifest.positions.get(chunk)
        spans[chunk] = None if place is None else span_at(manifest, place)
    return spans


def span_at(manifest: Manifest, place: int) -> Span:
    """Return the bytes of the shard at one place of the manifest's byte space."""
    header = ChunkHeader(manifest.k, manifest.n, manifest.entries[place].length)
    return manifest.tree.before(place), header.shard_bytes
