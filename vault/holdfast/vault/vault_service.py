"""The Vault service over gRPC: canonical bytes in and out, one status per refusal.

Messages are parsed here and not by gRPC, so that arbitrary bytes are answered
with INVALID_ARGUMENT.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from typing import Final, TypeVar

import grpc
from google.protobuf.message import Message

from holdfast.ledger.core.countersigning import account_signature
from holdfast.ledger.health import LedgerHealth
from holdfast.protocol.deal import QUOTE, Deal, Purpose
from holdfast.protocol.errors import DecodingError
from holdfast.protocol.frozen import frozen
from holdfast.protocol.malformed import MALFORMED_CHUNK
from holdfast.protocol.manifest import (
    HEAD,
    MANIFEST_CHANGE,
    MANIFEST_ENTRY,
    ManifestChange,
    SignedHead,
)
from holdfast.protocol.operator import OPERATOR_REQUEST, Order
from holdfast.protocol.receipt import FULL_RECEIPT, RECEIPT, SignedReceipt
from holdfast.protocol.takeover import TAKEOVER_REQUEST
from holdfast.protocol.units import DealId, Digest
from holdfast.vault.core.holding_events import (
    AskShards,
    Countersigned,
    GiveReceipt,
    ShowNewer,
)
from holdfast.vault.data_side import DataSide
from holdfast.vault.frame_stream import FrameStream
from holdfast.vault.handlers import (
    Context,
    Handler,
    many_to_many,
    one_to_many,
    one_to_one,
)
from holdfast.vault.operator_orders import check_order
from holdfast.vault.ports import SiblingCheck
from holdfast.vault.shard_intake import ShardIntake
from holdfast.vault.shard_serving import ShardServing
from holdfast.wire import frames
from holdfast.wire.v1 import vault_pb2 as pb

SERVICE: Final = "holdfast.v1.Vault"
NAMES: Final = (SERVICE,)
ENTRIES_PER_MESSAGE: Final = 4_096
SMALL_BYTES: Final = 64 << 10

M = TypeVar("M", bound=Message)


@frozen
class AuditFigures:
    """What the audit side tells everybody who asks how this vault stands.

    `record` is the encoded signed VaultRecord; the last two are 0 unless it leaves.
    """

    record: bytes
    standing: str
    ledger_sequence: int
    ledger_reachable: bool
    last_certified_epoch: int
    certified_epochs: int
    earned_grains: int
    claimed_grains: int
    ledger: LedgerHealth
    deals_left: int = 0
    stake_free_epoch: int = 0


def add_vault_services(
    server: grpc.aio.Server,
    data: DataSide,
    siblings: SiblingCheck,
    audits: Callable[[], AuditFigures],
) -> None:
    """Add the Vault service and the shard streams to a server."""
    service = VaultService(data, siblings, audits)
    intake = ShardIntake(data.driver, data.authority, data.world.clock)
    serving = ShardServing(data.driver, data.authority, siblings)
    server.add_generic_rpc_handlers(
        (
            grpc.method_handlers_generic_handler(SERVICE, service.handlers()),
            grpc.method_handlers_generic_handler(
                frames.SERVICE,
                {
                    "Store": _frames(intake.serve),
                    "Fetch": _frames(serving.serve),
                },
            ),
        )
    )


class VaultService:
    """The methods of the Vault service."""

    def __init__(
        self,
        data: DataSide,
        siblings: SiblingCheck,
        audits: Callable[[], AuditFigures],
    ) -> None:
        self._data = data
        self._siblings = siblings
        self._audits = audits

    def handlers(self) -> dict[str, Handler]:
        """Return the handler of each method."""
        return {
            "Describe": _one(pb.DescribeRequest, self.describe),
            "Quote": _one(pb.QuoteRequest, self.quote),
            "DealState": _one(pb.DealStateRequest, self.deal_state),
            "Propose": _one(pb.ProposeRequest, self.propose),
            "Acknowledge": _one(pb.AcknowledgeRequest, self.acknowledge),
            "Manifest": _many(pb.ManifestRequest, self.manifest),
            "ShowMalformed": _one(pb.ShowMalformedRequest, self.show_malformed),
            "Scrub": _many(pb.ScrubRequest, self.scrub),
        }

    async def describe(
        self, _request: pb.DescribeRequest, _context: Context
    ) -> pb.DescribeReply:
        """Say how the vault stands."""
        audits, held = self._audits(), self._data.figures()
        chain = audits.ledger.chain
        return pb.DescribeReply(
            record=audits.record,
            epoch=max(self._data.world.ledger.epoch(), 0),
            ledger_sequence=audits.ledger_sequence,
            held_bytes=held.held_bytes,
            quota_bytes=held.quota_bytes,
            held_shards=held.held_shards,
            standing=audits.standing,
            last_certified_epoch=audits.last_certified_epoch,
            earned_grains=audits.earned_grains,
            claimed_grains=audits.claimed_grains,
            ledger_reachable=audits.ledger_reachable,
            missing_shards=held.missing_shards,
            certified_epochs=audits.certified_epochs,
            ledger_lost_seconds=audits.ledger.lost_seconds or 0,
            ledger_trouble=audits.ledger.trouble,
            ledger_block=chain.block if chain else 0,
            ledger_block_seconds=chain.seconds if chain else 0,
            deals_left=audits.deals_left,
            stake_free_epoch=audits.stake_free_epoch,
        )

    async def quote(self, request: pb.QuoteRequest, context: Context) -> pb.QuoteReply:
        """Give a price for one index of a deal."""
        deal = DealId(_digest(request.deal, "deal"))
        asker = context.peer().rpartition(":")[0]
        quote = await self._data.quotes.quote(
            deal, request.capacity, request.end_epoch, asker
        )
        return pb.QuoteReply(
            quote=QUOTE.encode(quote), account_signature=account_signature(quote)
        )

    async def deal_state(
        self, request: pb.DealStateRequest, _context: Context
    ) -> pb.DealStateReply:
        """Show the newest heads of a deal."""
        deal = await self._opened(request)
        held = self._data.owners.state(deal)
        reply = pb.DealStateReply()
        if held.full:
            reply.full_receipt = FULL_RECEIPT.encode(held.full)
        if request.takeover:
            return reply
        reply.kept_bytes = held.durable_bytes + held.staged_bytes
        if held.newest and held.newest.digest in held.pending:
            reply.pending_head = HEAD.encode(held.newest.head)
            reply.pending_receipt = RECEIPT.encode(held.newest.receipt)
        return reply

    async def manifest(
        self, request: pb.ManifestRequest
    ) -> AsyncIterator[pb.ManifestReply]:
        """Stream the entries of one head."""
        deal = await self._opened(request)
        digest = Digest(_digest(request.head, "head"))
        manifest = await self._data.owners.manifest(deal, digest)
        write = MANIFEST_ENTRY.bare().write
        for at in range(0, len(manifest.entries), ENTRIES_PER_MESSAGE):
            batch = manifest.entries[at : at + ENTRIES_PER_MESSAGE]
            yield pb.ManifestReply(entries=b"".join(map(write, batch)))

    async def propose(
        self, request: pb.ProposeRequest, _context: Context
    ) -> pb.ProposeReply:
        """Countersign a head, or say what is in the way."""
        head = HEAD.decode(request.head)
        base = Digest(_digest(request.base, "base"))
        change = await _decode_change(request.change)
        if len(request.conflict) > 2:
            raise DecodingError("a conflict is two heads")
        shown = tuple(_countersigned(one) for one in request.conflict)
        match await self._data.owners.propose(head, base, change, shown):
            case GiveReceipt(receipt):
                return pb.ProposeReply(receipt=RECEIPT.encode(receipt))
            case AskShards(chunks):
                return pb.ProposeReply(missing=chunks)
            case ShowNewer(newer, full):
                return pb.ProposeReply(
                    newer=_written(newer),
                    full_receipt=FULL_RECEIPT.encode(full) if full else b"",
                )

    async def acknowledge(
        self, request: pb.AcknowledgeRequest, _context: Context
    ) -> pb.AcknowledgeReply:
        """Store a full receipt."""
        await self._data.owners.acknowledge(FULL_RECEIPT.decode(request.full_receipt))
        return pb.AcknowledgeReply()

    async def show_malformed(
        self, request: pb.ShowMalformedRequest, _context: Context
    ) -> pb.ShowMalformedReply:
        """Void a chunk of a deal of ours that is proved malformed."""
        decode = MALFORMED_CHUNK.decode
        shown = await asyncio.to_thread(decode, request.evidence)
        await self._data.authority.deal(shown.deal)
        await self._data.voiding.take(shown)
        return pb.ShowMalformedReply()

    async def scrub(self, request: pb.ScrubRequest) -> AsyncIterator[pb.ScrubReply]:
        """Verify every shard for the operator, and tell how far it has come."""
        data = self._data
        shown = OPERATOR_REQUEST.decode(request.request)
        check_order(shown, Order.SCRUB, data.driver.holder, data.world.clock)
        async for done in data.scrub_all():
            missing = data.figures().missing_shards
            yield pb.ScrubReply(
                total=done.total,
                verified=done.verified,
                damaged=done.damaged,
                missing=missing,
            )

    async def _opened(self, request: pb.DealStateRequest | pb.ManifestRequest) -> Deal:
        """Return the deal that a grant, or a candidate's request, opens."""
        if request.takeover:
            shown = TAKEOVER_REQUEST.decode(request.takeover)
            return self._siblings.check_takeover(shown).deal
        return await self._data.authority.granted(request.grant, set(Purpose))


def _digest(value: bytes, name: str) -> bytes:
    if len(value) != 32:
        raise DecodingError(f"{name} has {len(value)} bytes, not 32")
    return value


async def _decode_change(encoded: bytes) -> ManifestChange:
    if len(encoded) <= SMALL_BYTES:
        return MANIFEST_CHANGE.decode(encoded)
    return await asyncio.to_thread(MANIFEST_CHANGE.decode, encoded)


def _countersigned(shown: pb.Countersigned) -> tuple[SignedHead, SignedReceipt]:
    return HEAD.decode(shown.head), RECEIPT.decode(shown.receipt)


def _written(one: Countersigned) -> pb.Countersigned:
    return pb.Countersigned(
        head=HEAD.encode(one.head), receipt=RECEIPT.encode(one.receipt)
    )


def _one(
    request_type: type[M], method: Callable[[M, Context], Awaitable[Message]]
) -> Handler:
    async def answer(request: bytes, context: Context) -> bytes:
        reply = await method(request_type.FromString(request), context)
        return reply.SerializeToString()

    return one_to_one(answer)


def _many(
    request_type: type[M], method: Callable[[M], AsyncIterator[Message]]
) -> Handler:
    async def answers(request: bytes) -> AsyncGenerator[bytes, None]:
        async for reply in method(request_type.FromString(request)):
            yield reply.SerializeToString()

    return one_to_many(answers)


def _frames(serve: Callable[[FrameStream], Awaitable[None]]) -> Handler:
    return many_to_many(lambda context: serve(FrameStream(context)))
