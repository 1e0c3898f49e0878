"""The data side of a vault, put together: what `main` opens and the audits use."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from holdfast.ledger.core.account_key import AccountKey
from holdfast.protocol.answer import LeafProof
from holdfast.protocol.checkpoint import Entries, Entry
from holdfast.protocol.deal import Deal
from holdfast.protocol.frozen import frozen
from holdfast.protocol.keys import NodeKeys
from holdfast.protocol.manifest import SignedHead
from holdfast.protocol.receipt import FullReceipt
from holdfast.protocol.repair import SignedSiblingRequest
from holdfast.protocol.takeover import SignedTakeover
from holdfast.protocol.units import MIB, DealId, VaultId
from holdfast.vault.adopting import Adopting, with_receipt_of
from holdfast.vault.authority import Authority
from holdfast.vault.core.admission import Admission
from holdfast.vault.core.effects import TakeOver
from holdfast.vault.core.holding_events import StagedExpired
from holdfast.vault.core.refusals import RefusedError
from holdfast.vault.disk import Disk, PosixDisk
from holdfast.vault.former_deals import FormerDeals
from holdfast.vault.holdings_database import HoldingsDatabase
from holdfast.vault.holdings_driver import Holder, HoldingsDriver, Limits, Store
from holdfast.vault.holdings_journal import HoldingsJournal
from holdfast.vault.holdings_queries import HoldingsQueries
from holdfast.vault.leaf_reading import LeafReader
from holdfast.vault.manifests import Manifests
from holdfast.vault.owner_desk import OwnerDesk
from holdfast.vault.ports import Clock, HeldFigures, LedgerView, Peers, WantedLeaf
from holdfast.vault.quote_desk import QuoteDesk, Terms
from holdfast.vault.rebuilding import Rebuilder
from holdfast.vault.receipt_spreading import ReceiptSpreading
from holdfast.vault.recovery import recover
from holdfast.vault.scrubbing import Progress, Scrubbing
from holdfast.vault.shard_files import ShardFiles
from holdfast.vault.taking_over import TakingOver
from holdfast.vault.workers import Workers, to_the_end

RESERVE_BYTES: Final = 256 * MIB
STAGED_SECONDS: Final = 86_400


@frozen
class World:
    """What the data side needs of the rest of the vault."""

    ledger: LedgerView
    peers: Peers
    clock: Clock
    terms: Callable[[], Terms]


class DataSide:
    """Everything a vault holds; it implements `HeldData`."""

    def __init__(
        self,
        driver: HoldingsDriver,
        world: World,
        admission: Admission,
        database: HoldingsDatabase,
    ) -> None:
        self.driver = driver
        self.world = world
        self.authority = Authority(driver.holder, world.ledger)
        self.owners = OwnerDesk(driver, self.authority, world.ledger)
        self.quotes = QuoteDesk(driver, world.ledger, admission, world.terms)
        self._leaves = LeafReader(driver)
        self._rebuilder = Rebuilder(driver, world.peers)
        self.voiding = self._rebuilder.voiding
        self._takeovers = TakingOver(driver, world.ledger, world.peers, self._rebuilder)
        self._former = FormerDeals(driver, world.ledger, self._takeovers)
        self._scrubbing = Scrubbing(driver)
        self._spreading = ReceiptSpreading(driver, world.ledger, world.peers)
        self._database = database

    @classmethod
    def open(
        cls,
        directory: Path,
        keys: NodeKeys,
        world: World,
        quota_bytes: int,
        reserve_bytes: int = RESERVE_BYTES,
        disk: Disk | None = None,
    ) -> "DataSide":
        """Open what `directory` holds and repair what a crash left; it blocks.

        Call it in the event loop's thread, before serving. Uses holdings.db and
        shards/ in `directory`. Raises JournalError, OSError.
        """
        database = HoldingsDatabase(directory / "holdings.db")
        journal, queries = HoldingsJournal(database), HoldingsQueries(database)
        files = ShardFiles(directory / "shards", disk or PosixDisk())
        holdings = recover(keys.vault_id, files, journal, queries)
        workers = Workers()
        driver = HoldingsDriver(
            Holder(
                keys.vault_id,
                keys.identity,
                world.ledger.params,
                AccountKey.from_secret(keys.account_secret),
            ),
            Limits(quota_bytes, reserve_bytes),
            holdings,
            Store(journal, queries, files, workers, Manifests(queries, workers)),
        )
        admission = Admission(keys.vault_id, queries.promises())
        return cls(driver, world, admission, database)

    async def close(self) -> None:
        """Let running work end, then let go of the files."""
        with suppress(RefusedError):  # a full disk only makes it scrub some again
            await self._scrubbing.remember()
        await asyncio.to_thread(self.driver.store.workers.close)
        self._database.close()

    def entries(self) -> Entries:
        """Return an entry for each deal held, under its newest acknowledged head."""
        ledger, holder = self.world.ledger, self.driver.holder
        given = ledger.deals_held(holder.vault)
        return self.driver.holdings.offer_entries(given, ledger.epoch(), holder.params)

    def signed_head(self, entry: Entry) -> SignedHead | None:
        """Return the signed head that an entry names."""
        holding = self.driver.holdings.deals.get(entry.deal)
        known = holding.head(entry.head) if holding else None
        return known.head if known else None

    def full_receipt(self, deal: DealId) -> FullReceipt | None:
        """Return the newest full receipt of a deal."""
        holding = self.driver.holdings.deals.get(deal)
        return holding.full if holding else None

    async def read_leaves(
        self, wanted: Sequence[WantedLeaf]
    ) -> tuple[LeafProof | None, ...]:
        """Read, check and prove leaves; None for one that is damaged or gone."""
        return await self._leaves.read(wanted)

    async def checkpoint_answered(self, entries: Entries) -> None:
        """Let go of heads and bytes that neither these entries nor newer heads need."""
        heads = {entry.deal: entry.head for entry in entries.items}
        for deal in list(self.driver.holdings.deals):
            await to_the_end(self.driver.answered(deal, heads.get(deal)))

    async def rebuild_missing(
        self, deal: Deal, entry: Entry, requests: Mapping[VaultId, SignedSiblingRequest]
    ) -> int:
        """Rebuild what `entry` declares missing; return how many shards were."""
        return await self._rebuilder.rebuild(deal, entry, requests)

    async def take_over(self, order: TakeOver) -> SignedTakeover | None:
        """Rebuild what a slot asks for and return our claim; raises RefusedError."""
        return await self._takeovers.take_over(order)

    async def drop_takeover(self, deal: DealId) -> None:
        """Delete what was fetched for a slot that another vault has now."""
        await self._takeovers.drop(deal)

    def figures(self) -> HeldFigures:
        """Return how much is held."""
        sums = self.driver.holdings.space.sums()
        return HeldFigures(
            held_bytes=sums.durable_bytes - sums.lost_bytes,
            held_shards=sums.durable_shards - sums.missing_shards,
            missing_shards=sums.missing_shards,
            staged_bytes=sums.staged_bytes,
            quota_bytes=self.driver.limits.quota_bytes,
        )

    async def epoch_started(self, epoch: int) -> None:
        """Do what is due once an epoch: expire, collect, hand full receipts on."""
        await self.quotes.expire(epoch)
        holder, holdings = self.driver.holder, self.driver.holdings
        for deal in self.world.ledger.deals_held(holder.vault):
            if holdings.collectable(deal, epoch, holder.params):
                await to_the_end(self.driver.collect(deal.id))
        before = self.world.clock.now() - STAGED_SECONDS
        for holding in list(holdings.deals.values()):
            if holding.staged:
                async with self.driver.lock(holding.deal):
                    effects = holding.receive(StagedExpired(before))
                    await to_the_end(self.driver.carry_out(holding, effects))
        await self._former.let_go(epoch)
        await self._renew_receipts()
        await self._spreading.spread()
        await self.driver.store.workers.rest()

    async def scrub(self, shards: int) -> int:
        """Verify the next `shards` shards, round and round; return damage found."""
        return await self._scrubbing.scrub(shards)

    def scrub_all(self) -> AsyncIterator[Progress]:
        """Verify every shard once, and say how far it has come."""
        return self._scrubbing.scrub_all()

    async def _renew_receipts(self) -> None:
        """Put our own receipts in the place of those of holders that we replaced."""
        holder, adopting = self.driver.holder, Adopting(self.driver)
        for deal in self.world.ledger.deals_held(holder.vault):
            holding = self.driver.holdings.deals.get(deal.id)
            if holding is None:
                continue
            renewed = with_receipt_of(holding, holder.vault, holder.identity.public)
            if renewed is not None:
                async with self.driver.lock(deal.id):
                    await to_the_end(adopting.renew(holding, renewed))
