"""A vault that speaks the protocol from memory, with faults on demand."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import grpc

from holdfast.protocol.chunk import ShardProof, check_shard
from holdfast.protocol.deal import GRANT, QUOTE, Deal, Grant, Purpose, Quote
from holdfast.protocol.keys import NodeKeys
from holdfast.protocol.manifest import (
    HEAD,
    KEPT_CAPACITIES,
    MANIFEST_CHANGE,
    NO_HEAD,
    Head,
    SignedHead,
)
from holdfast.protocol.manifest import Manifest as ChunkList
from holdfast.protocol.receipt import (
    FULL_RECEIPT,
    RECEIPT,
    FullReceipt,
    Receipt,
    SignedReceipt,
    check_full_receipt,
)
from holdfast.protocol.record import VAULT_RECORD, SignedRecord, VaultRecord
from holdfast.protocol.units import GRAINS_PER_HOLD, ChunkId, DealId, Digest
from holdfast.wire import frames, rpc
from holdfast.wire.v1 import network_pb2, vault_pb2, vault_pb2_grpc
from vault_faults import Faults

PRICE = GRAINS_PER_HOLD // 1000
IDENTITIES = [rpc.make_certificate()]  # one key for all: making one takes a while


@dataclass
class HeldDeal:
    staged: dict[ChunkId, tuple[ShardProof, bytes]] = field(default_factory=dict)
    shards: dict[ChunkId, tuple[ShardProof, bytes]] = field(default_factory=dict)
    manifests: dict[Digest, ChunkList] = field(default_factory=dict)
    newest: tuple[SignedHead, SignedReceipt] | None = None
    full: FullReceipt | None = None

    def forget_staged(self) -> None:
        self.staged.clear()


class VaultStandIn:
    """One vault: `start` and `stop` it at will, its memory stays."""

    def __init__(self, number: int, ledger: Any, records: dict[Any, Any]) -> None:
        self.keys = NodeKeys(bytes([number]) * 32)
        self.vault = self.keys.vault_id
        self.faults = Faults()
        self.held: dict[DealId, HeldDeal] = {}
        self.price = PRICE
        self.stored_frames = 0
        self.on_call: Callable[[str], None] = _ignore
        self.withholds: Callable[[ChunkId], bool] = _never  # hangs on such wants
        self.reached = asyncio.Event()
        self.goes_on = asyncio.Event()
        self._ledger = ledger
        self._network = ledger.network_id
        self._records = records
        self._server: rpc.RunningServer | None = None
        self._port = 0

    @property
    def endpoint(self) -> str:
        return f"127.0.0.1:{self._port}"

    @property
    def certificate(self) -> bytes:
        return IDENTITIES[0].certificate_pem

    async def start(self) -> None:
        if self._server is not None:
            return
        self._server = await rpc.serve(
            f"127.0.0.1:{self._port}",
            IDENTITIES[0],
            [self._add],
            ["holdfast.v1.Vault"],
        )
        self._port = self._server.port
        self._records[self.vault] = self.record()

    async def stop(self) -> None:
        if self._server is not None:
            server, self._server = self._server, None
            await server.stop(0)

    async def crash(self) -> None:
        """Stop, and lose what was not made durable."""
        await self.stop()
        for held in self.held.values():
            held.forget_staged()

    def record(self) -> SignedRecord:
        record = VaultRecord(
            self.keys.identity.public,
            bytes(self.keys.box.public_key),
            self.keys.bls_public,
            b"\1" * 20,  # type: ignore[arg-type] # any account
            (self.endpoint,),
            IDENTITIES[0].certificate_der(),
            self.price,
            1 << 40,
            1,
        )
        return VAULT_RECORD.sign(record, self._network, self.keys.identity)

    def _add(self, server: grpc.aio.Server) -> None:
        vault_pb2_grpc.add_VaultServicer_to_server(_Calls(self), server)
        streams: dict[str, Any] = {
            "Store": grpc.stream_stream_rpc_method_handler(self._store),
            "Fetch": grpc.stream_stream_rpc_method_handler(self._fetch),
        }
        gossip: dict[str, Any] = {
            "Gossip": grpc.unary_unary_rpc_method_handler(
                self._gossip,
                network_pb2.GossipRequest.FromString,
                network_pb2.GossipReply.SerializeToString,
            )
        }
        server.add_generic_rpc_handlers(
            (
                grpc.method_handlers_generic_handler(frames.SERVICE, streams),
                grpc.method_handlers_generic_handler("holdfast.v1.Network", gossip),
            )
        )

    async def _gossip(self, request: Any, context: Any) -> Any:
        return network_pb2.GossipReply(
            records=[VAULT_RECORD.encode(record) for record in self._records.values()]
        )

    async def authorised(
        self, data: bytes, purposes: set[Purpose], context: Any
    ) -> tuple[Deal, HeldDeal]:
        grant = GRANT.decode(data)
        said: Grant = grant.value
        found = await self._ledger.deals((said.deal,))
        if not found or found[0].index_of(self.vault) is None:
            await context.abort(grpc.StatusCode.NOT_FOUND, "no such deal here")
        GRANT.verify(grant, self._network, found[0].deal_key)
        if said.vault != self.vault or Purpose(said.purpose) not in purposes:
            await context.abort(grpc.StatusCode.PERMISSION_DENIED, "another grant")
        return found[0], self.held.setdefault(said.deal, HeldDeal())

    async def _store(self, requests: Any, context: Any) -> AsyncIterator[bytes]:
        opening = frames.read_opening(await anext(requests))
        deal, held = await self.authorised(opening.evidence, {Purpose.WRITE}, context)
        yield frames.opened(tuple(held.staged))
        index = deal.index_of(self.vault)
        async for frame in requests:
            self.stored_frames += 1
            self.on_call("store")
            start = frames.read_shard(frame)
            body = bytearray(start.part)
            while len(body) < start.body_bytes:
                body += frames.read_more(
                    await anext(requests), start.body_bytes - len(body)
                )
            if self.faults.refuses_shards:
                await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "disk full")
            most = KEPT_CAPACITIES * deal.capacity
            if not self.faults.claimed_bytes and self._kept(held) + len(body) > most:
                await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "used up")
            assert start.proof.index == index
            check_shard(start.chunk, start.proof, body)
            if start.chunk not in held.shards:
                held.staged[start.chunk] = (start.proof, bytes(body))
            if not self.faults.stores_nothing:
                yield frames.stored(start.chunk)

    def _kept(self, held: HeldDeal) -> int:
        if self.faults.claimed_bytes:
            return self.faults.claimed_bytes
        here = sum(len(body) for _, body in (held.staged | held.shards).values())
        return here + self.faults.deleted_bytes

    async def _fetch(self, requests: Any, context: Any) -> AsyncIterator[bytes]:
        opening = frames.read_opening(await anext(requests))
        _, held = await self.authorised(opening.evidence, {Purpose.READ}, context)
        async for frame in requests:
            want = frames.read_want(frame)
            if self.faults.serves_nothing or self.withholds(want.chunk):
                self.reached.set()
                await asyncio.Event().wait()
            shard = held.shards.get(want.chunk)
            if shard is None or self.faults.absent:
                yield frames.absent(want.chunk)
                continue
            proof, body = shard
            if self.faults.serves_garbage:
                body = bytes(body[:-1]) + bytes([body[-1] ^ 1])
            for part in frames.shard_frames(want.chunk, proof, body):
                yield part
                if self.faults.lingers:
                    await self.goes_on.wait()


class _Calls(vault_pb2_grpc.VaultServicer):
    def __init__(self, vault: VaultStandIn) -> None:
        self._vault = vault

    async def Describe(self, request: Any, context: Any) -> Any:  # noqa: N802
        record = VAULT_RECORD.encode(self._vault.record())
        return vault_pb2.DescribeReply(record=record, standing="active")

    async def Quote(self, request: Any, context: Any) -> Any:  # noqa: N802
        vault = self._vault
        vault.on_call("quote")
        if vault.faults.refuses_quotes:
            await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "no room")
        tip = await vault._ledger.tip()
        quote = Quote(
            DealId(request.deal),
            vault.vault,
            vault.price,
            request.capacity,
            request.end_epoch,
            tip.epoch + 3,
        )
        signed = QUOTE.sign(quote, vault._network, vault.keys.identity)
        return vault_pb2.QuoteReply(quote=QUOTE.encode(signed))

    async def DealState(self, request: Any, context: Any) -> Any:  # noqa: N802
        _, held = await self._vault.authorised(
            request.grant, {Purpose.READ, Purpose.WRITE}, context
        )
        kept = self._vault._kept(held)
        reply = vault_pb2.DealStateReply(kept_bytes=kept)
        if held.full is not None:
            reply.full_receipt = FULL_RECEIPT.encode(held.full)
        if held.newest is not None and not _is_under(held.newest[0], held.full):
            reply.pending_head = HEAD.encode(held.newest[0])
            reply.pending_receipt = RECEIPT.encode(held.newest[1])
        return reply

    async def Scrub(self, request: Any, context: Any) -> Any:  # noqa: N802
        await context.abort(grpc.StatusCode.UNIMPLEMENTED, "owners do not scrub")
        yield vault_pb2.ScrubReply()

    async def ShowMalformed(self, request: Any, context: Any) -> Any:  # noqa: N802
        await context.abort(grpc.StatusCode.UNIMPLEMENTED, "owners show no proofs")

    async def Manifest(self, request: Any, context: Any) -> Any:  # noqa: N802
        _, held = await self._vault.authorised(request.grant, {Purpose.READ}, context)
        manifest = held.manifests.get(Digest(request.head))
        if manifest is None:
            await context.abort(grpc.StatusCode.NOT_FOUND, "no such head here")
        assert manifest is not None
        yield vault_pb2.ManifestReply(
            entries=b"".join(
                entry.chunk + entry.length.to_bytes(4, "big")
                for entry in manifest.entries
            )
        )

    async def Propose(self, request: Any, context: Any) -> Any:  # noqa: N802
        vault = self._vault
        vault.on_call("propose")
        if vault.faults.hangs_on_heads:
            vault.reached.set()
            await asyncio.Event().wait()
        if vault.faults.refuses_heads:
            await context.abort(grpc.StatusCode.FAILED_PRECONDITION, "not now")
        signed = HEAD.decode(request.head)
        head = signed.value
        (deal,) = await vault._ledger.deals((head.deal,))
        HEAD.verify(signed, vault._network, deal.deal_key)
        held = vault.held.setdefault(deal.id, HeldDeal())
        if held.newest and held.newest[0].value.digest() == head.digest():
            return vault_pb2.ProposeReply(receipt=RECEIPT.encode(held.newest[1]))
        if not _may_follow(head, held, _conflict(request)):
            if held.newest is None:
                await context.abort(grpc.StatusCode.FAILED_PRECONDITION, "no head")
            assert held.newest is not None
            return vault_pb2.ProposeReply(
                newer=vault_pb2.Countersigned(
                    head=HEAD.encode(held.newest[0]),
                    receipt=RECEIPT.encode(held.newest[1]),
                ),
                full_receipt=FULL_RECEIPT.encode(held.full) if held.full else b"",
            )
        base = Digest(request.base)
        before = ChunkList(deal.k, deal.n) if base == NO_HEAD else held.manifests[base]
        manifest = before.changed(MANIFEST_CHANGE.decode(request.change))
        assert (manifest.root, len(manifest.entries), manifest.held_bytes) == (
            head.root,
            head.count,
            head.held_bytes,
        )
        if head.held_bytes > deal.capacity:
            await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "over capacity")
        missing = [
            entry.chunk
            for entry in manifest.entries
            if entry.chunk not in held.shards and entry.chunk not in held.staged
        ]
        if missing:
            return vault_pb2.ProposeReply(missing=missing)
        for entry in manifest.entries:
            if entry.chunk in held.staged:
                held.shards[entry.chunk] = held.staged.pop(entry.chunk)
        return vault_pb2.ProposeReply(
            receipt=RECEIPT.encode(self._sign(deal, signed, manifest, held))
        )

    def _sign(
        self, deal: Deal, signed: SignedHead, manifest: ChunkList, held: HeldDeal
    ) -> SignedReceipt:
        vault = self._vault
        digest = signed.value.digest()
        index = deal.index_of(vault.vault)
        assert index is not None
        receipt = Receipt(
            deal.id,
            signed.value.sequence,
            Digest(bytes(32)) if vault.faults.signs_wrongly else digest,
            index,
            vault.vault,
            1,
        )
        countersigned = RECEIPT.sign(receipt, vault._network, vault.keys.identity)
        vault.on_call("countersigned")
        held.newest = (signed, countersigned)
        held.manifests[digest] = manifest
        return countersigned

    async def Acknowledge(self, request: Any, context: Any) -> Any:  # noqa: N802
        vault = self._vault
        vault.on_call("acknowledge")
        if vault.faults.refuses_full_receipts:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "not now")
        full = FULL_RECEIPT.decode(request.full_receipt)
        (deal,) = await vault._ledger.deals((full.head.value.deal,))
        identities = {
            vault_row.vault: vault_row.identity_key
            for vault_row in (await vault._ledger.registry(0)).vaults
        }
        check_full_receipt(full, deal, vault._network, identities)
        held = vault.held[deal.id]
        if full.head.value.digest() not in held.manifests:
            await context.abort(grpc.StatusCode.FAILED_PRECONDITION, "unknown head")
        before = held.full.head.value.sequence if held.full else 0
        if full.head.value.sequence > before:
            held.full = full
        return vault_pb2.AcknowledgeReply()


def _is_under(head: SignedHead, full: FullReceipt | None) -> bool:
    return full is not None and head.value.sequence <= full.head.value.sequence


def _conflict(request: Any) -> tuple[Head, ...]:
    return tuple(HEAD.decode(said.head).value for said in request.conflict)


def _may_follow(head: Head, held: HeldDeal, conflict: tuple[Head, ...]) -> bool:
    newest = held.newest[0].value if held.newest else None
    if newest is not None and head.sequence <= newest.sequence:
        return False
    follows = (
        newest.sequence + 1 if newest else 1,
        newest.digest() if newest else NO_HEAD,
    )
    if (head.sequence, head.predecessor) == follows:
        return True
    digests = {each.digest() for each in conflict}
    acknowledged = held.full.head.value.sequence if held.full else 0
    return (
        len(digests) == 2
        and {each.sequence for each in conflict} == {head.sequence - 1}
        and head.predecessor in digests
        and acknowledged < head.sequence - 1
    )


def _ignore(_call: str) -> None:
    """Tell nobody."""


def _never(_chunk: ChunkId) -> bool:
    """Withhold nothing."""
    return False
