"""A simulated vault's data side: production's, on a simulated disk, in one thread.

The journal is a real one in memory, where every commit is durable; the disk may
forget, rot and fill up. Nothing here ever waits.
"""

import random
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from typing import Any

from holdfast.ledger.core.followed import LedgerState
from holdfast.protocol.answer import LeafProof
from holdfast.protocol.chunk import (
    EncodedChunk,
)
from holdfast.protocol.deal import Deal
from holdfast.protocol.errors import HoldfastError
from holdfast.protocol.keys import NodeKeys
from holdfast.protocol.network import NetworkParams
from holdfast.protocol.takeover import SignedTakeover
from holdfast.protocol.units import ChunkId, DealId, NetworkId, VaultId
from holdfast.vault.core.admission import Admission
from holdfast.vault.core.challenged import WantedLeaf
from holdfast.vault.core.effects import RebuildMissing, TakeOver
from holdfast.vault.core.holding_events import (
    HaveShard,
    HealShard,
    Refuse,
    ShardOffered,
    ShardStaged,
)
from holdfast.vault.core.refusals import Refusal, RefusedError, lacks_room
from holdfast.vault.data_side import DataSide, World
from holdfast.vault.former_deals import FormerDeals
from holdfast.vault.holdings_database import HoldingsDatabase
from holdfast.vault.holdings_driver import Holder, HoldingsDriver, Limits, Store
from holdfast.vault.holdings_journal import HoldingsJournal
from holdfast.vault.holdings_queries import HoldingsQueries
from holdfast.vault.manifests import Manifests
from holdfast.vault.owner_desk import only
from holdfast.vault.quote_desk import Terms
from holdfast.vault.recovery import recover
from holdfast.vault.shard_files import ShardDamagedError, ShardFiles, StoredShard
from holdfast.vault.shard_intake import ArrivedShard, keep_verified, stage_verified
from holdfast.vault.workers import disk_troubles
from simulation.sim_disk import SimDisk
from simulation.sim_repair import Reach, SimRebuilder, SimSpreading, SimTakingOver

QUOTA_BYTES = 1 << 30
PRICE = 3 << 30


def at_once(work: Coroutine[Any, Any, Any]) -> Any:
    """Run work that never waits."""
    try:
        work.send(None)
    except StopIteration as ended:
        return ended.value
    raise AssertionError("it waits")


class SameThread:
    """Stands in for `Workers`: everything happens at once."""

    def __init__(self) -> None:
        self.shards = self.syncing = self.journal = self.audits = self._run

    async def _run(self, call: Callable[..., Any], *arguments: object) -> Any:
        with disk_troubles():
            return call(*arguments)

    async def rest(self) -> None:
        pass

    def close(self) -> None:
        pass


class SimShardFiles(ShardFiles):
    """Verifies a shard again only when its file's bytes are other ones."""

    def __init__(self, root: str, disk: SimDisk) -> None:
        super().__init__(root, disk)  # type: ignore[arg-type] # a path is a string
        self._sim = disk
        self._verified: dict[str, tuple[bytes, StoredShard]] = {}

    def _read(self, path: str, chunk: ChunkId, index: int | None) -> StoredShard:
        file = self._sim.files.get(path)
        known = self._verified.get(path)
        if file and known and known[0] is file.data:
            return known[1]
        shard = super()._read(path, chunk, index)
        assert file
        self._verified[path] = file.data, shard
        return shard


class View:
    """The mirrored ledger, at the simulation's time."""

    def __init__(self, state: LedgerState, now: Callable[[], float]) -> None:
        self.state = state
        self.now = now

    @property
    def params(self) -> NetworkParams:
        return self.state.params

    @property
    def network_id(self) -> NetworkId:
        return self.state.network_id

    def epoch(self) -> int:
        return self.params.epoch_at(self.now())

    def deal(self, deal: DealId) -> Deal | None:
        return self.state.deal(deal)

    async def find_deal(self, deal: DealId) -> Deal | None:
        return self.state.deal(deal)

    def deals_held(self, vault: VaultId) -> tuple[Deal, ...]:
        return self.state.deals_held(vault)

    def identities(self) -> Mapping[VaultId, bytes]:
        return self.state.identities()

    def registry(self, epoch: int) -> tuple[VaultId, ...]:
        return self.state.registry(epoch)

    def group(self, vault: VaultId, epoch: int) -> tuple[VaultId, ...]:
        return self.state.group(vault, epoch)


class SimHolder:
    """What one vault holds; a crash loses what was not synced."""

    def __init__(
        self,
        keys: NodeKeys,
        state: LedgerState,
        now: Callable[[], float],
        reach: Reach,
    ) -> None:
        self.keys = keys
        self._reach = reach
        self.disk = SimDisk()
        self._now = now
        self._database = HoldingsDatabase(":memory:")  # type: ignore[arg-type]
        self.data = self._open(state)

    @property
    def driver(self) -> HoldingsDriver:
        return self.data.driver

    @property
    def files(self) -> ShardFiles:
        return self.driver.store.files

    def restart(self, state: LedgerState, dice: random.Random) -> None:
        self.disk.crash(dice)
        self.data = self._open(state)

    def _open(self, state: LedgerState) -> DataSide:
        journal = HoldingsJournal(self._database)
        queries = HoldingsQueries(self._database)
        files = SimShardFiles("/d", self.disk)
        workers: Any = SameThread()
        vault = self.keys.vault_id
        view: Any = View(state, self._now)
        driver = HoldingsDriver(
            Holder(vault, self.keys.identity, state.params),
            Limits(QUOTA_BYTES, 0),
            recover(vault, files, journal, queries),
            Store(journal, queries, files, workers, Manifests(queries, workers)),
        )
        peers: Any = None
        world = World(view, peers, view, lambda: Terms(PRICE))
        admission = Admission(vault, queries.promises())
        data = DataSide(driver, world, admission, self._database)
        self.rebuilder = SimRebuilder(driver, self._reach)
        takeovers = SimTakingOver(driver, view, self.rebuilder, self._reach)
        data._rebuilder, data._takeovers = self.rebuilder, takeovers
        data._former = FormerDeals(driver, view, takeovers)
        data._spreading = SimSpreading(driver, view, self._reach)
        return data

    # What an owner does.

    def staged(self, deal: Deal) -> frozenset[ChunkId]:
        return frozenset(self.driver.holdings.of(deal).staged)

    def take(self, deal: Deal, chunk: EncodedChunk, index: int) -> None:
        """Take a shard as the intake does; raises RefusedError, ProtocolError."""
        at_once(self.data.authority.writable(deal.id))
        holding = self.driver.holdings.of(deal)
        header, proof = chunk.header, chunk.proof(index)
        if (index, header.k, header.n) != (holding.index, deal.k, deal.n):
            raise RefusedError(Refusal.INVALID, "another holder's shard")
        offered = ShardOffered(
            chunk.id, header.shard_bytes, deal.capacity, self.driver.room()
        )
        (order,) = holding.receive(offered)
        if isinstance(order, Refuse) and self.files.has(deal.id, chunk.id):
            order = HaveShard()
        only([order])
        shard = ArrivedShard(chunk.id, proof, (chunk.shards[index],))
        with disk_troubles():
            if isinstance(order, HealShard):
                keep_verified(self.files, deal.id, shard)
                at_once(self.driver.healed(deal.id, (chunk.id,)))
            elif not isinstance(order, HaveShard) and stage_verified(
                self.files, deal.id, shard
            ):
                size = header.shard_bytes
                now = self._now()
                holding.receive(ShardStaged(chunk.id, header.length, size, now))

    # What the audits and the upkeep do.

    def read(self, wanted: Sequence[WantedLeaf]) -> tuple[LeafProof | None, ...]:
        found: tuple[LeafProof | None, ...] = at_once(self.data.read_leaves(wanted))
        return found

    def serve(self, deal: DealId, chunk: ChunkId, index: int) -> StoredShard | None:
        """Return a whole shard for a sibling; damage that is met is remembered."""
        try:
            return self.files.read(deal, chunk, index)
        except ShardDamagedError:
            at_once(self.driver.damaged(deal, (chunk,)))
            return None

    def rebuild(self, order: RebuildMissing) -> int:
        """Return how many shards are durable again."""
        rebuilt = self.data.rebuild_missing(order.deal, order.entry, order.requests)
        return int(at_once(rebuilt))

    def take_over(self, order: TakeOver) -> tuple[SignedTakeover | None, str, bool]:
        """Return the claim to a slot, or why there is none, and if others had one."""
        try:
            return at_once(self.data.take_over(order)), "", True
        except HoldfastError as error:
            return None, str(error), not lacks_room(error)

    def drop_takeover(self, deal: DealId) -> None:
        at_once(self.data.drop_takeover(deal))

    def begin_epoch(self, epoch: int) -> None:
        at_once(self.data.epoch_started(epoch))

    def scrub(self, shards: int) -> None:
        at_once(self.data.scrub(shards))

    def keep_silent(self) -> None:
        """From now on remember no damage, so that no checkpoint declares it."""

        async def deaf(_deal: DealId, _chunks: Iterable[ChunkId]) -> int:
            return 0

        self.driver.damaged = deaf  # type: ignore[method-assign,assignment]

    def has(self, deal: DealId, chunk: ChunkId, index: int) -> bool:
        """Tell whether a shard is really there and whole, whatever is declared."""
        try:
            self.files.read(deal, chunk, index)
        except ShardDamagedError:
            return False
        return True
