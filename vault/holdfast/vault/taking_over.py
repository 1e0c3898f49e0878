"""Taking over an index of a deal: its head, its manifest, its shards, a receipt.

The siblings are asked for the newest full head, which is adopted; then the shards
are rebuilt. What is done already is not done again, so a run that was interrupted
anywhere, or one that finds a newer head, only does what is left.
"""

import asyncio
from collections.abc import Mapping
from typing import Final

import grpc

from holdfast.protocol.chunk import ChunkHeader
from holdfast.protocol.deal import Deal
from holdfast.protocol.encoding import Reader
from holdfast.protocol.errors import ProtocolError
from holdfast.protocol.frozen import frozen
from holdfast.protocol.manifest import (
    CHUNKS_MAX,
    MANIFEST_ENTRY,
    Head,
    Manifest,
    ManifestEntry,
)
from holdfast.protocol.receipt import FULL_RECEIPT, FullReceipt, check_full_receipt
from holdfast.protocol.takeover import (
    TAKEOVER,
    TAKEOVER_REQUEST,
    SignedTakeover,
    SignedTakeoverRequest,
    Takeover,
)
from holdfast.protocol.units import DealId, VaultId
from holdfast.vault.adopting import Adopting
from holdfast.vault.core.deal_state import DealState
from holdfast.vault.core.effects import TakeOver
from holdfast.vault.core.refusals import Refusal, RefusedError
from holdfast.vault.holdings_driver import HoldingsDriver
from holdfast.vault.ports import LedgerView, Peers
from holdfast.vault.rebuilding import LostShard, Rebuilder
from holdfast.vault.workers import to_the_end
from holdfast.wire import frames, rpc
from holdfast.wire.v1 import vault_pb2 as pb

STATE: Final = "/holdfast.v1.Vault/DealState"
MANIFEST: Final = "/holdfast.v1.Vault/Manifest"
STATE_SECONDS: Final = 5.0
MANIFEST_SECONDS: Final = 60.0
_ENTRY_BYTES: Final = 36

Requests = Mapping[VaultId, SignedTakeoverRequest]


@frozen
class Found:
    """The newest full receipt that the siblings have, and who of them has it."""

    full: FullReceipt
    among: tuple[VaultId, ...]


class TakingOver:
    """Does what a takeover needs on the data side; refuses with RefusedError."""

    def __init__(
        self,
        driver: HoldingsDriver,
        ledger: LedgerView,
        peers: Peers,
        rebuilder: Rebuilder,
    ) -> None:
        self._driver = driver
        self._ledger = ledger
        self._peers = peers
        self._rebuilder = rebuilder
        self._adopting = Adopting(driver)
        self.running: set[DealId] = set()

    async def take_over(self, order: TakeOver) -> SignedTakeover | None:
        """Return our claim once we hold all that the slot asks for.

        A slot that is ours already has nothing to claim: its newest head is adopted,
        and what that lacks is declared missing and rebuilt as a holder. Raises
        RefusedError when that is not possible now, and says why.
        """
        deal = order.deal
        ours = order.lost == self._driver.holder.vault
        if not ours:
            self.running.add(deal.id)
        holding = await self._begin(deal, order.index)
        found = await self._newest(order)
        if found:
            everybody = {**order.requests, **order.last_requests}
            await self._catch_up(deal, holding, found, everybody)
        if ours:
            return None
        receipt = None
        if holding.full:
            await self._fill(order, holding)
            epoch = self._ledger.epoch()
            receipt = await to_the_end(self._adopting.receipt(holding, epoch))
        holder = self._driver.holder
        claim = Takeover(
            deal.id,
            order.index,
            order.lost,
            holder.vault,
            self._ledger.epoch(),
            holding.full,
            receipt,
        )
        return TAKEOVER.sign(claim, holder.params.network_id, holder.identity)

    async def drop(self, deal: DealId) -> None:
        """Delete what was fetched for a slot that another vault has now."""
        self.running.discard(deal)
        found = self._ledger.deal(deal)
        if found is None or found.index_of(self._driver.holder.vault) is None:
            await to_the_end(self._driver.collect(deal))

    async def _begin(self, deal: Deal, index: int) -> DealState:
        known = self._driver.holdings.deals.get(deal.id)
        if known is not None and known.index != index:
            await to_the_end(self._driver.collect(deal.id))
        return self._driver.holdings.taking(deal, index)

    async def _newest(self, order: TakeOver) -> Found | None:
        """Return the newest full receipt that k or more holders know of, if any."""
        deal = order.deal
        replies = await self._states(deal, order.requests)
        if len(replies) < deal.k:
            last = await self._states(deal, order.last_requests)
            # A receipt proves itself; that there is none is no ejected vault's to say.
            replies |= {vault: full for vault, full in last.items() if full}
        if len(replies) < deal.k:
            text = f"only {len(replies)} of the deal's holders serve this vault"
            raise RefusedError(Refusal.UNREADY, text)
        newest: Found | None = None
        for vault, full in replies.items():
            if full is None:
                continue
            if newest is None or _sequence(full) > _sequence(newest.full):
                newest = Found(full, (vault,))
            elif full.head == newest.full.head:
                newest = Found(newest.full, (*newest.among, vault))
        return newest

    async def _states(
        self, deal: Deal, requests: Requests
    ) -> dict[VaultId, FullReceipt | None]:
        """Return what those say that answer: a full receipt that holds, or none."""
        shown = await asyncio.gather(
            *(self._state(vault, request) for vault, request in requests.items())
        )
        return {
            vault: full if full and self._holds(full, deal) else None
            for vault, full in zip(requests, shown, strict=True)
            if not isinstance(full, ProtocolError)
        }

    async def _catch_up(
        self, deal: Deal, holding: DealState, found: Found, requests: Requests
    ) -> None:
        if holding.full and _sequence(found.full) <= _sequence(holding.full):
            return
        head = found.full.head.value
        if head.held_bytes - holding.durable_bytes > self._driver.room():
            raise RefusedError(Refusal.EXHAUSTED, "there is no room for that deal")
        for vault in found.among:
            manifest = await self._manifest(vault, requests[vault], head, deal)
            if manifest is not None:
                index = holding.index
                adopted = self._adopting.adopt(deal, index, found.full, manifest)
                await to_the_end(adopted)
                return
        raise RefusedError(Refusal.UNREADY, "no holder shows the deal's manifest")

    async def _fill(self, order: TakeOver, holding: DealState) -> None:
        unanswered, openings = 0, _openings(order.requests)
        if lost := await self._lost(holding):
            filled = await self._rebuilder.fill(order.deal, holding, lost, openings)
            unanswered = filled.unanswered
        last = _openings(order.last_requests)
        if last and (lost := await self._lost(holding)):
            everybody = openings | last
            await self._rebuilder.fill(order.deal, holding, lost, everybody)
        # What every sibling says it lacks is no reason to leave the slot open: it is
        # declared missing, and asked for again as a holder.
        if unanswered and (left := await self._lost(holding)):
            text = f"{len(left)} shards cannot be rebuilt from the siblings just now"
            raise RefusedError(Refusal.UNREADY, text)

    async def _lost(self, holding: DealState) -> list[LostShard]:
        if not holding.missing:
            return []
        store = self._driver.store
        manifest = await store.manifests.of(holding.deal, holding.full_digest)
        places = (manifest.positions.get(chunk) for chunk in holding.missing)
        return [
            LostShard(
                manifest.entries[place].chunk,
                ChunkHeader(manifest.k, manifest.n, manifest.entries[place].length),
            )
            for place in sorted(place for place in places if place is not None)
            if manifest.entries[place].chunk not in holding.void
        ]

    def _holds(self, full: FullReceipt, deal: Deal) -> bool:
        network = self._driver.holder.params.network_id
        try:
            check_full_receipt(full, deal, network, self._ledger.identities())
        except ProtocolError:
            return False
        return True

    async def _state(
        self, vault: VaultId, request: SignedTakeoverRequest
    ) -> FullReceipt | ProtocolError | None:
        channel = self._peers.channel(vault)
        if channel is None:
            return ProtocolError("nobody knows where that vault listens")
        call: grpc.aio.UnaryUnaryMultiCallable[
            pb.DealStateRequest, pb.DealStateReply
        ] = channel.unary_unary(
            STATE,
            request_serializer=pb.DealStateRequest.SerializeToString,
            response_deserializer=pb.DealStateReply.FromString,
        )
        shown = pb.DealStateRequest(takeover=TAKEOVER_REQUEST.encode(request))
        try:
            reply = await call(shown, metadata=rpc.metadata(), timeout=STATE_SECONDS)
            full = reply.full_receipt
            return FULL_RECEIPT.decode(full) if full else None
        except grpc.aio.AioRpcError as error:
            return ProtocolError(error.details() or error.code().name)
        except ProtocolError as error:
            return error

    async def _manifest(
        self, vault: VaultId, request: SignedTakeoverRequest, head: Head, deal: Deal
    ) -> Manifest | None:
        """Return the manifest under a head, if that sibling shows it."""
        channel = self._peers.channel(vault)
        if channel is None:
            return None
        call: grpc.aio.UnaryStreamMultiCallable[
            pb.ManifestRequest, pb.ManifestReply
        ] = channel.unary_stream(
            MANIFEST,
            request_serializer=pb.ManifestRequest.SerializeToString,
            response_deserializer=pb.ManifestReply.FromString,
        )
        evidence = TAKEOVER_REQUEST.encode(request)
        asked = pb.ManifestRequest(head=head.digest(), takeover=evidence)
        room = min(head.count, CHUNKS_MAX) * _ENTRY_BYTES
        body = bytearray()
        try:
            stream = call(asked, metadata=rpc.metadata(), timeout=MANIFEST_SECONDS)
            async for page in stream:
                body += page.entries
                if len(body) > room:
                    stream.cancel()
                    return None
            made = self._driver.store.workers.shards(
                manifest_of, bytes(body), head, deal
            )
            return await made
        except (grpc.aio.AioRpcError, ProtocolError):
            return None


def _openings(requests: Requests) -> dict[VaultId, bytes]:
    return {
        vault: frames.opening(
            frames.Authority.TAKEOVER, TAKEOVER_REQUEST.encode(request)
        )
        for vault, request in requests.items()
    }


def manifest_of(body: bytes, head: Head, deal: Deal) -> Manifest:
    """Return the manifest of concatenated entries; it blocks.

    Raises ProtocolError unless it is the one that the head commits to.
    """
    reader = Reader(body)
    read = MANIFEST_ENTRY.bare().read
    entries: list[ManifestEntry] = [
        read(reader) for _ in range(len(body) // _ENTRY_BYTES)
    ]
    try:
        manifest = Manifest(deal.k, deal.n, tuple(entries))
        stated = (manifest.root, len(entries), manifest.held_bytes)
    except ValueError as error:
        raise ProtocolError("an entry has a length that no chunk has") from error
    if stated != (head.root, head.count, head.held_bytes):
        raise ProtocolError("the entries do not make the head's manifest")
    if len(manifest.positions) != len(entries):
        raise ProtocolError("a chunk stands twice in a manifest")
    return manifest


def _sequence(full: FullReceipt) -> int:
    return full.head.value.sequence
