"""The loop event → journal → machine → effects of the data side.

Whoever changes a deal holds its lock, so a deal's machine, its rows and its
files change together; different deals never wait for each other.
"""

import asyncio
from collections.abc import Iterable, Mapping
from weakref import WeakValueDictionary

from holdfast.ledger.core.account_key import AccountKey
from holdfast.protocol.frozen import frozen
from holdfast.protocol.keys import SigningPair
from holdfast.protocol.manifest import Manifest, ManifestChange, SignedHead
from holdfast.protocol.network import NetworkParams
from holdfast.protocol.receipt import RECEIPT, FullReceipt, Receipt, SignedReceipt
from holdfast.protocol.units import ChunkId, DealId, Digest, VaultId
from holdfast.vault.core.deal_state import DealState
from holdfast.vault.core.holding_events import (
    CheckpointAnswered,
    Countersigned,
    DealCollected,
    DropStaged,
    Effect,
    ForgetHeads,
    HeadAcknowledged,
    HeadCountersigned,
    HeadsForgotten,
    ShardsDamaged,
    ShardsRebuilt,
    Span,
    StagedDropped,
)
from holdfast.vault.core.holdings import Holdings
from holdfast.vault.holdings_journal import HoldingsJournal
from holdfast.vault.holdings_queries import HoldingsQueries
from holdfast.vault.manifests import Manifests, spans_in
from holdfast.vault.shard_files import ShardFiles
from holdfast.vault.workers import Workers


@frozen
class Holder:
    """Who holds: the vault, its keys, and its network."""

    vault: VaultId
    identity: SigningPair
    params: NetworkParams
    account: AccountKey | None = None


@frozen
class Limits:
    """How much may be held: bytes of shards, and what the disk must keep free."""

    quota_bytes: int
    reserve_bytes: int


@frozen
class Store:
    """Where it is held: journal, files, and the threads that use them."""

    journal: HoldingsJournal
    queries: HoldingsQueries
    files: ShardFiles
    workers: Workers
    manifests: Manifests


class HoldingsDriver:
    """Carries out what the machines of all deals order."""

    def __init__(
        self, holder: Holder, limits: Limits, holdings: Holdings, store: Store
    ) -> None:
        self.holder = holder
        self.limits = limits
        self.holdings = holdings
        self.store = store
        self.arriving_bytes = 0
        self._locks: WeakValueDictionary[DealId, asyncio.Lock] = WeakValueDictionary()

    def lock(self, deal: DealId) -> asyncio.Lock:
        """Return the lock to hold while changing a deal."""
        return self._locks.setdefault(deal, asyncio.Lock())

    def room(self) -> int:
        """Return how many shard bytes may still come, by quota and by disk."""
        by_quota = self.limits.quota_bytes - self.holdings.used_bytes
        by_disk = self.store.files.free_bytes() - self.limits.reserve_bytes
        return min(by_quota, by_disk) - self.arriving_bytes

    async def countersign(
        self,
        holding: DealState,
        head: SignedHead,
        digest: Digest,
        base: Digest,
        change: ManifestChange,
        manifest: Manifest,
        settle: tuple[ChunkId, ...],
        epoch: int,
    ) -> SignedReceipt:
        """Make a head's shards durable, journal it, and return the receipt."""
        deal, store = holding.deal, self.store
        await store.workers.syncing(store.files.settle, deal, settle)
        receipt = RECEIPT.sign(
            Receipt(
                deal,
                head.value.sequence,
                digest,
                holding.index,
                self.holder.vault,
                epoch,
            ),
            self.holder.params.network_id,
            self.holder.identity,
        )
        one = Countersigned(head, digest, receipt)
        await store.workers.journal(
            store.journal.countersign, holding, one, base, change
        )
        store.manifests.keep(deal, digest, manifest)
        holding.receive(HeadCountersigned(one, base, settle))
        return receipt

    async def acknowledge(
        self, holding: DealState, full: FullReceipt, digest: Digest
    ) -> None:
        """Journal a full receipt and let go of what it makes unneeded."""
        store = self.store
        after = await store.manifests.of(holding.deal, digest)
        before = (
            await store.manifests.of(holding.deal, holding.full_digest)
            if holding.full
            else Manifest(holding.k, holding.n)
        )
        await store.workers.journal(
            store.journal.acknowledge, holding.deal, digest, full, before, after
        )
        spans = spans_in(after, holding.missing)
        effects = holding.receive(HeadAcknowledged(full, digest, spans))
        await self.carry_out(holding, effects)

    async def answered(self, deal: DealId, head: Digest | None) -> None:
        """Note that a checkpoint with this head, or without the deal, was answered."""
        async with self.lock(deal):
            if holding := self.holdings.deals.get(deal):
                effects = holding.receive(CheckpointAnswered(head))
                await self.carry_out(holding, effects)

    async def damaged(self, deal: DealId, chunks: Iterable[ChunkId]) -> int:
        """Remember shards that are altered or gone; return how many were news.

        Chunks that no retained head contains are ignored.
        """
        async with self.lock(deal):
            holding = self.holdings.deals.get(deal)
            new = [c for c in chunks if holding and c not in holding.missing]
            if holding is None or not new:
                return 0
            store = self.store
            held = await store.workers.journal(store.journal.mark_missing, deal, new)
            if held:
                spans: Mapping[ChunkId, Span | None] = dict.fromkeys(held)
                if holding.full:
                    newest = await store.manifests.of(deal, holding.full_digest)
                    spans = spans_in(newest, held)
                holding.receive(ShardsDamaged(spans))
            return len(held)

    async def healed(self, deal: DealId, chunks: tuple[ChunkId, ...]) -> None:
        """Remember that lost shards are durable again."""
        async with self.lock(deal):
            if holding := self.holdings.deals.get(deal):
                store = self.store
                await store.workers.journal(store.journal.unmark_missing, deal, chunks)
                holding.receive(ShardsRebuilt(chunks))

    async def collect(self, deal: DealId) -> None:
        """Delete everything of a deal whose time is over."""
        async with self.lock(deal):
            if holding := self.holdings.deals.get(deal):
                store = self.store
                heads = (*holding.trunk, *holding.pending)
                await store.workers.journal(store.journal.collect, deal)
                self.holdings.receive(deal, DealCollected())
                store.manifests.forget(deal, heads)
                await store.workers.syncing(store.files.delete_deal, deal)

    async def carry_out(self, holding: DealState, effects: Iterable[Effect]) -> None:
        """Delete what a machine orders deleted, journal first."""
        store = self.store
        for effect in effects:
            match effect:
                case ForgetHeads(digests):
                    gone = await store.workers.journal(
                        store.journal.forget, holding.deal, digests
                    )
                    holding.receive(HeadsForgotten(digests, gone))
                    store.manifests.forget(holding.deal, digests)
                    await store.workers.syncing(
                        store.files.delete, holding.deal, tuple(gone)
                    )
                case DropStaged(chunks):
                    holding.receive(StagedDropped(chunks))
                    await store.workers.syncing(
                        store.files.drop_staged, holding.deal, chunks
                    )
                case _:
                    raise AssertionError(f"nobody carries out {effect}")
