"""Deals with real bytes and real proofs, held in memory by simulated vaults."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache

from holdfast.protocol import merkle
from holdfast.protocol.answer import LeafProof
from holdfast.protocol.checkpoint import Entries, Entry
from holdfast.protocol.chunk import EncodedChunk, encode_chunk
from holdfast.protocol.deal import Deal, Holder, deal_id
from holdfast.protocol.keys import SigningPair
from holdfast.protocol.manifest import (
    HEAD,
    NO_HEAD,
    Manifest,
    ManifestEntry,
    SignedHead,
    next_head,
    spans_of,
)
from holdfast.protocol.sums import EMPTY_ROOT
from holdfast.protocol.units import (
    LEAF_BYTES,
    AccountId,
    ChunkId,
    DealId,
    Digest,
    NetworkId,
    VaultId,
)
from holdfast.vault.core.challenged import WantedLeaf

K, N = 2, 4


@cache
def chunk_of(seed: int, leaves: int) -> EncodedChunk:
    """Return a chunk whose shards have so many leaves."""
    return encode_chunk(random.Random(seed).randbytes(K * leaves * LEAF_BYTES), K, N)


@dataclass
class FakeDeal:
    """A deal with its owner's key, its chunks and its newest head."""

    deal: Deal
    pair: SigningPair
    chunks: list[EncodedChunk] = field(default_factory=list)
    manifest: Manifest = field(default_factory=lambda: Manifest(K, N))
    head: SignedHead | None = None

    def grow(self, network: NetworkId, seeds: Sequence[int], leaves: int = 2) -> None:
        """Add chunks under a new head."""
        self.chunks += [chunk_of(seed, leaves) for seed in seeds]
        entries = tuple(ManifestEntry(c.id, c.header.length) for c in self.chunks)
        self.manifest = Manifest(K, N, entries)
        before = self.head.value if self.head else None
        value = next_head(self.deal.id, before, self.manifest, bytes(256))
        self.head = HEAD.sign(value, network, self.pair)

    def entry(self, index: int, missing: Sequence[ChunkId] = ()) -> Entry:
        """Return the checkpoint entry of holder `index`."""
        if self.head is None:
            root = Digest(EMPTY_ROOT.hash)
            return Entry(self.deal.id, index, NO_HEAD, 0, root, 0, 0)
        value = self.head.value
        spans = spans_of(self.manifest, missing)
        return Entry(
            self.deal.id,
            index,
            value.digest(),
            value.sequence,
            value.root,
            value.count,
            value.held_bytes,
            spans,
        )


def open_deal(
    number: int, holders: Sequence[VaultId], epoch: int, price: int, end_epoch: int
) -> FakeDeal:
    """Return a deal that begins in `epoch`, with nothing stored."""
    owner, nonce = AccountId(b"\x01" * 20), number.to_bytes(32, "big")
    pair = SigningPair(nonce)
    deal = Deal(
        id=deal_id(owner, nonce),
        owner=owner,
        nonce=nonce,
        deal_key=pair.public,
        k=K,
        holders=tuple(
            Holder(vault, price + i, epoch) for i, vault in enumerate(holders)
        ),
        capacity=1 << 24,
        opened_epoch=epoch,
        end_epoch=end_epoch,
        escrow=1 << 60,
    )
    return FakeDeal(deal, pair)


class FakeHeld:
    """What one vault holds; `lost` chunks are gone, `declared` are said to be."""

    def __init__(self, vault: VaultId) -> None:
        self.vault = vault
        self.deals: dict[DealId, FakeDeal] = {}
        self.lost: set[ChunkId] = set()
        self.altered_leaves: set[tuple[ChunkId, int]] = set()
        self.declared: set[ChunkId] = set()
        self.let_go: list[Entries] = []

    def entries(self) -> Entries:
        items = []
        for deal in sorted(self.deals):
            fake = self.deals[deal]
            index = fake.deal.index_of(self.vault)
            assert index is not None
            ours = {chunk.id for chunk in fake.chunks}
            items.append(fake.entry(index, sorted(self.declared & ours)))
        return Entries(tuple(items))

    def heads(self) -> tuple[SignedHead, ...]:
        return tuple(fake.head for fake in self.deals.values() if fake.head)

    def read(self, wanted: Sequence[WantedLeaf]) -> tuple[LeafProof | None, ...]:
        return tuple(self._leaf(leaf) for leaf in wanted)

    def _leaf(self, wanted: WantedLeaf) -> LeafProof | None:
        fake = self.deals[wanted.held.deal]
        place, inside = fake.manifest.tree.find(wanted.offset)
        chunk = fake.chunks[place]
        leaf = inside // LEAF_BYTES
        if chunk.id in self.lost or (chunk.id, leaf) in self.altered_leaves:
            return None
        index = wanted.held.index
        shard = bytes(chunk.shards[index])
        hashes = merkle.leaf_hashes(shard)
        start = leaf * LEAF_BYTES
        return LeafProof(
            wanted.entry,
            place,
            chunk.id,
            fake.manifest.tree.path(place),
            chunk.proof(index),
            merkle.path(hashes, leaf),
            shard[start : start + LEAF_BYTES],
        )
