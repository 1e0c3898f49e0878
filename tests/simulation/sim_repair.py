"""What holders ask of each other, without sockets: shards, heads, manifests, receipts.

Production decides who may have what and checks what comes; only the streams are
replaced. Whoever cannot be reached, or refuses, gives nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from holdfast.protocol import merkle
from holdfast.protocol.checkpoint import Entry
from holdfast.protocol.chunk import ChunkHeader, check_shard
from holdfast.protocol.deal import Deal
from holdfast.protocol.errors import ProtocolError
from holdfast.protocol.malformed import MalformedChunk, ProvenShard
from holdfast.protocol.manifest import Head, Manifest
from holdfast.protocol.receipt import FullReceipt
from holdfast.protocol.repair import SIBLING_REQUEST
from holdfast.protocol.takeover import TAKEOVER_REQUEST, SignedTakeoverRequest
from holdfast.protocol.units import ChunkId, DealId, VaultId
from holdfast.vault.core.deal_holding import DealHolding
from holdfast.vault.rebuilding import LostShard, Rebuilder
from holdfast.vault.receipt_spreading import ATTEMPTS, ReceiptSpreading
from holdfast.vault.sibling_stream import FetchedShard
from holdfast.vault.taking_over import TakingOver
from holdfast.wire import frames

if TYPE_CHECKING:
    from simulation.sim_vault import SimVault

Reach = Callable[[VaultId], "SimVault | None"]


class SimStream:
    """Stands in for `SiblingStream`."""

    def __init__(
        self, source: "SimVault", index: int, deal: DealId, opening: bytes
    ) -> None:
        self.index = index
        self.failed = False
        self.moved = 0
        self._source = source
        self._deal = deal
        self._entry: Entry | None = None
        try:
            self._open(opening)
        except ProtocolError:
            self.failed = True

    def _open(self, opening: bytes) -> None:
        shown, node = frames.read_opening(opening), self._source.node
        now = self._source.now()
        if shown.authority is frames.Authority.HOLDER:
            request = SIBLING_REQUEST.decode(shown.evidence)
            self._entry = node.check_sibling(request, now)
        else:
            leave = node.check_takeover(TAKEOVER_REQUEST.decode(shown.evidence), now)
            self.failed = not leave.shards

    async def shard(self, chunk: ChunkId, header: ChunkHeader) -> FetchedShard | None:
        if self.failed:
            return None
        held = self._source.holder.serve(self._deal, chunk, self.index)
        if held is None:
            return None
        body: bytes | None = bytes(held.body)
        if self._source.mask:
            body = self._source.mask.serve(held.proof, bytes(held.body))
        if body is None:
            return None
        try:
            check_shard(chunk, held.proof, body)
        except ProtocolError:
            self.failed = True
            return None
        self.moved += len(body)
        return FetchedShard(ProvenShard(held.proof, body), merkle.data_root(body))

    def close(self) -> None:
        self.failed = True


class SimRebuilder(Rebuilder):
    """Rebuilds one shard after the other; `moved` counts bytes fetched."""

    def __init__(self, driver: Any, reach: Reach) -> None:
        peers: Any = None
        super().__init__(driver, peers)
        self._reach = reach
        self.moved = 0
        self.failed = 0

    def _open(self, deal: Deal, openings: Mapping[VaultId, bytes]) -> list[Any]:
        streams = []
        for index, holder in enumerate(deal.holders):
            opening, own = openings.get(holder.vault), self._driver.holder.vault
            source = None if holder.vault == own else self._reach(holder.vault)
            if opening and source:
                streams.append(SimStream(source, index, deal.id, opening))
        return streams

    async def _rebuild_all(
        self,
        holding: DealHolding,
        lost: Sequence[LostShard],
        siblings: Sequence[Any],
    ) -> int:
        rebuilt = 0
        for one in lost:
            done = await self._rebuild_one(holding, one, siblings)
            rebuilt += done
            self.failed += not done
        self.moved += sum(stream.moved for stream in siblings)
        return rebuilt

    async def _void(self, shown: MalformedChunk) -> None:
        deal = self._filling.get(shown.deal)
        if await self.voiding.void(shown) and deal is not None:
            for holder in deal.holders:
                if source := self._reach(holder.vault):
                    await source.holder.data.voiding.take(shown)


class SimTakingOver(TakingOver):
    """Asks siblings for heads and manifests directly."""

    def __init__(self, driver: Any, ledger: Any, rebuilder: Any, reach: Reach) -> None:
        peers: Any = None
        super().__init__(driver, ledger, peers, rebuilder)
        self._reach = reach

    async def _state(
        self, vault: VaultId, request: SignedTakeoverRequest
    ) -> FullReceipt | ProtocolError | None:
        source = self._reach(vault)
        if source is None:
            return ProtocolError("it cannot be reached")
        try:
            source.node.check_takeover(request, source.now())
        except ProtocolError as error:
            return error
        holding = source.holder.driver.holdings.deals.get(request.value.deal)
        return holding.full if holding else None

    async def _manifest(
        self, vault: VaultId, request: SignedTakeoverRequest, head: Head, deal: Deal
    ) -> Manifest | None:
        source = self._reach(vault)
        if source is None:
            return None
        holding = source.holder.driver.holdings.deals.get(deal.id)
        if holding is None or holding.head(head.digest()) is None:
            return None
        store = source.holder.driver.store
        return await store.manifests.of(deal.id, head.digest())


class SimSpreading(ReceiptSpreading):
    """Shows new full receipts to the next holder at once."""

    def __init__(self, driver: Any, ledger: Any, reach: Reach) -> None:
        peers: Any = None
        super().__init__(driver, ledger, peers)
        self._reach = reach

    async def spread(self) -> None:
        vault = self._driver.holder.vault
        for deal in self._ledger.deals_held(vault):
            if self._is_new(deal):
                await self._show_next(deal)

    async def _show_next(self, deal: Deal) -> None:
        holding = self._driver.holdings.deals[deal.id]
        full = holding.full
        assert full
        before, attempts = self._tried.get(deal.id, (full, 0))
        attempts = attempts + 1 if before == full else 1
        source = self._reach(deal.holders[(holding.index + 1) % deal.n].vault)
        if source:
            try:
                await source.holder.data.owners.acknowledge(full)
                attempts = ATTEMPTS
            except ProtocolError:
                pass
        self._tried[deal.id] = full, attempts
