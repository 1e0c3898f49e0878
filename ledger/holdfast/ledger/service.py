"""The ledger over gRPC: one small function for each method.

Requests are parsed here and not by gRPC, so that bytes that are no message are
INVALID_ARGUMENT like every other malformed input.
"""

import logging
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar

import grpc
from google.protobuf.message import DecodeError, Message

from holdfast.ledger.core.encodings import SIGNED_OPERATION
from holdfast.ledger.embedded import EmbeddedLedger
from holdfast.ledger.errors import LedgerError
from holdfast.ledger.messages import (
    account_id,
    account_message,
    beacon_message,
    deal_ids,
    deals_message,
    registry_message,
    settlement_bytes,
    sync_message,
    tip_message,
    vault_ids,
)
from holdfast.ledger.port import DEALS_PAGE, VAULTS_ASKED_MAX, WAIT_SECONDS_MAX
from holdfast.ledger.refusals import refusal_metadata, status_of
from holdfast.protocol.deal import DEAL
from holdfast.protocol.errors import DecodingError, ProtocolError
from holdfast.protocol.network import NETWORK_PARAMS
from holdfast.protocol.units import VaultId
from holdfast.wire.v1 import ledger_pb2 as pb

NAME: Final = "holdfast.v1.Ledger"
WAITING_MAX: Final = 256

Request = TypeVar("Request", bound=Message)
Context = grpc.aio.ServicerContext[bytes, bytes]
Handler = Callable[[bytes, Context], Awaitable[bytes]]

_log: Final = logging.getLogger(__name__)


class LedgerService:
    """Answers for one ledger; `add_to` puts it on a server."""

    def __init__(self, ledger: EmbeddedLedger) -> None:
        self._ledger = ledger

    def add_to(self, server: grpc.aio.Server) -> None:
        """Register every method with a server."""
        methods: dict[str, Handler] = {
            "Info": _method(pb.InfoRequest, self.info),
            "Tip": _method(pb.TipRequest, self.tip),
            "Beacons": _method(pb.BeaconsRequest, self.beacons),
            "Registry": _method(pb.RegistryRequest, self.registry),
            "Account": _method(pb.AccountRequest, self.account),
            "Deals": _method(pb.DealsRequest, self.deals),
            "DealsOf": _method(pb.DealsOfRequest, self.deals_of),
            "DealsHeld": _method(pb.DealsHeldRequest, self.deals_held),
            "Settlement": _method(pb.NewestSettlementRequest, self.settlement),
            "Committee": _method(pb.CommitteeRequest, self.committee),
            "Sync": _method(pb.SyncRequest, self.sync),
            "Submit": _method(pb.SubmitRequest, self.submit),
        }
        handlers: dict[str, grpc.RpcMethodHandler[bytes, bytes]] = {
            name: grpc.unary_unary_rpc_method_handler(method)
            for name, method in methods.items()
        }
        generic = grpc.method_handlers_generic_handler(NAME, handlers)
        server.add_generic_rpc_handlers((generic,))

    async def info(self, _request: pb.InfoRequest) -> pb.InfoReply:
        """Answer with the network's parameters."""
        return pb.InfoReply(params=NETWORK_PARAMS.encode(self._ledger.params))

    async def tip(self, _request: pb.TipRequest) -> pb.TipReply:
        """Answer with where the ledger stands."""
        return tip_message(await self._ledger.tip())

    async def beacons(self, request: pb.BeaconsRequest) -> pb.BeaconsReply:
        """Answer with beacons from an epoch on."""
        beacons = await self._ledger.beacons(request.first_epoch)
        return pb.BeaconsReply(beacons=[beacon_message(beacon) for beacon in beacons])

    async def registry(self, request: pb.RegistryRequest) -> pb.RegistryReply:
        """Answer with registry rows changed after a sequence."""
        return registry_message(await self._ledger.registry(request.after))

    async def account(self, request: pb.AccountRequest) -> pb.AccountReply:
        """Answer with an account."""
        account = await self._ledger.account(account_id(request.account))
        return account_message(account)

    async def deals(self, request: pb.DealsRequest) -> pb.DealsReply:
        """Answer with the deals that exist."""
        asked = deal_ids(_bounded(list(request.deals), DEALS_PAGE))
        found = await self._ledger.deals(asked)
        return pb.DealsReply(deals=[DEAL.encode(deal) for deal in found])

    async def deals_of(self, request: pb.DealsOfRequest) -> pb.DealsReply:
        """Answer with a piece of an owner's deals."""
        owner = account_id(request.owner)
        piece = self._ledger.deals_owned(owner, request.skip, DEALS_PAGE)
        return pb.DealsReply(deals=[DEAL.encode(deal) for deal in piece])

    async def deals_held(self, request: pb.DealsHeldRequest) -> pb.DealsHeldReply:
        """Answer with deals that some vaults hold."""
        vaults = _vaults(list(request.vaults))
        return deals_message(await self._ledger.deals_held(vaults, request.after))

    async def settlement(
        self, _request: pb.NewestSettlementRequest
    ) -> pb.NewestSettlementReply:
        """Answer with the newest settlement."""
        certificate = settlement_bytes(await self._ledger.settlement())
        return pb.NewestSettlementReply(certificate=certificate)

    async def committee(self, request: pb.CommitteeRequest) -> pb.CommitteeReply:
        """Answer with a period's committee."""
        return pb.CommitteeReply(vaults=await self._ledger.committee(request.period))

    async def sync(self, request: pb.SyncRequest) -> pb.SyncReply:
        """Answer with what a follower missed; not more than 256 may wait at once."""
        vaults = _vaults(list(request.vaults))
        if not 0 <= request.wait_seconds <= WAIT_SECONDS_MAX:
            raise DecodingError(f"waiting takes 0 to {WAIT_SECONDS_MAX} seconds")
        crowded = self._ledger.waiting >= WAITING_MAX
        wait = 0.0 if crowded else request.wait_seconds
        return sync_message(await self._ledger.sync(vaults, request.after, wait))

    async def submit(self, request: pb.SubmitRequest) -> pb.SubmitReply:
        """Apply an operation; the answer leaves after it is durable."""
        signed = SIGNED_OPERATION.decode(request.operation)
        applied = self._ledger.submit_signed(signed)
        return pb.SubmitReply(sequence=applied.sequence, epoch=applied.epoch)


def _method(
    kind: type[Request], answer: Callable[[Request], Awaitable[Message]]
) -> Handler:
    """Return the raw handler of a method: bytes in, bytes or a status out."""

    async def handle(data: bytes, context: Context) -> bytes:
        try:
            reply = await answer(_parsed(kind, data))
        except LedgerError as error:
            _log.info("refused", extra={"fields": {"code": error.code}})
            return await _abort(context, error)
        except ProtocolError as error:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
        return reply.SerializeToString()

    return handle


async def _abort(context: Context, error: LedgerError) -> bytes:
    await context.abort(status_of(error), str(error), refusal_metadata(error))
    raise AssertionError  # abort has raised


def _parsed(kind: type[Request], data: bytes) -> Request:
    try:
        return kind.FromString(data)
    except DecodeError as error:
        raise DecodingError(f"the bytes are no {kind.DESCRIPTOR.name}") from error


def _bounded(values: list[Any], limit: int) -> list[Any]:
    if len(values) > limit:
        raise DecodingError(f"{len(values)} items where at most {limit} may be")
    return values


def _vaults(values: list[bytes]) -> tuple[VaultId, ...]:
    return vault_ids(_bounded(values, VAULTS_ASKED_MAX))
