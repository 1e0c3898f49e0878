"""What a dropper can be found out by is what its challenged checkpoint has."""

from types import SimpleNamespace
from typing import Any

from holdfast.protocol.checkpoint import Entries, Entry
from holdfast.protocol.manifest import NO_HEAD, Manifest, ManifestEntry
from holdfast.protocol.sums import EMPTY_ROOT
from holdfast.protocol.units import ChunkId, DealId, Digest
from simulation.detection import missing_share

K, N, LENGTH = 2, 3, 200
DEALS = DealId(bytes(32)), DealId(bytes([1]) * 32)
CHUNKS = tuple(ChunkId(bytes([number]) * 32) for number in range(4))
OLD, NEW = Digest(bytes([8]) * 32), Digest(bytes([9]) * 32)
MANIFESTS = {
    OLD: Manifest(K, N, tuple(ManifestEntry(one, LENGTH) for one in CHUNKS[:2])),
    NEW: Manifest(K, N, tuple(ManifestEntry(one, LENGTH) for one in CHUNKS)),
}
SHARD = MANIFESTS[OLD].held_bytes // 2


def holder(gone: set[tuple[DealId, ChunkId]]) -> Any:
    """Return a vault's holdings, of which these shards were deleted."""
    files = SimpleNamespace(has=lambda deal, chunk: (deal, chunk) not in gone)
    queries = SimpleNamespace(manifest=lambda _deal, head: MANIFESTS[head])
    store = SimpleNamespace(files=files, queries=queries)
    return SimpleNamespace(driver=SimpleNamespace(store=store))


def entry(
    deal: DealId, head: Digest, missing: tuple[tuple[int, int], ...] = ()
) -> Entry:
    manifest = MANIFESTS[head]
    count, held = len(manifest.entries), manifest.held_bytes
    return Entry(deal, 0, head, 1, manifest.root, count, held, missing)


def test_the_share_is_of_the_bytes_of_all_challenged_entries() -> None:
    gone = {(DEALS[0], CHUNKS[0])}
    both = Entries((entry(DEALS[0], OLD), entry(DEALS[1], NEW)))
    assert missing_share(holder(gone), both) == 1 / 6


def test_what_the_challenged_checkpoint_does_not_have_is_not_asked_for() -> None:
    gone = {(DEALS[0], CHUNKS[3]), (DEALS[1], CHUNKS[0])}
    older = Entries((entry(DEALS[0], OLD),))
    assert missing_share(holder(gone), older) == 0
    newer = Entries((entry(DEALS[0], NEW),))
    assert missing_share(holder(gone), newer) == 1 / 4


def test_what_is_declared_missing_is_not_asked_for() -> None:
    gone = {(DEALS[0], CHUNKS[0]), (DEALS[0], CHUNKS[1])}
    declared = Entries((entry(DEALS[0], NEW, missing=((0, SHARD),)),))
    assert missing_share(holder(gone), declared) == 1 / 3


def test_an_empty_checkpoint_lacks_nothing() -> None:
    assert missing_share(holder(set()), Entries(())) == 0


def test_a_deal_without_a_head_has_nothing_to_lack() -> None:
    unwritten = Entry(DEALS[0], 0, NO_HEAD, 0, Digest(EMPTY_ROOT.hash), 0, 0)
    assert missing_share(holder(set()), Entries((unwritten,))) == 0
