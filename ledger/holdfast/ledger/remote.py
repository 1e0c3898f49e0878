"""A ledger elsewhere, over gRPC: every wait has an end, every retry a bound.

Reads and submissions alike may be repeated: a signed operation that was applied is
not applied again. What the ledger refuses comes back as the error it raised.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar

import grpc

from holdfast.ledger.core.account_key import AccountKey
from holdfast.ledger.core.encodings import SIGNED_OPERATION
from holdfast.ledger.core.operations import Operation, SignedOperation
from holdfast.ledger.core.values import Account, Applied, Beacon
from holdfast.ledger.errors import (
    LedgerAnswerError,
    LedgerError,
    LedgerUnreachableError,
    NonceError,
    WrongNetworkError,
)
from holdfast.ledger.messages import (
    account_value,
    beacon_value,
    deal_values,
    deals_value,
    registry_value,
    sync_value,
    tip_value,
    vault_ids,
)
from holdfast.ledger.network_file import NetworkFile
from holdfast.ledger.port import (
    DEALS_PAGE,
    DealChanges,
    RegistryChanges,
    SyncChanges,
    Tip,
)
from holdfast.ledger.refusals import refusal_error
from holdfast.protocol.deal import Deal
from holdfast.protocol.errors import ProtocolError
from holdfast.protocol.network import NETWORK_PARAMS, NetworkParams
from holdfast.protocol.settlement import CERTIFICATE, Certificate
from holdfast.protocol.units import AccountId, DealId, NetworkId, VaultId
from holdfast.wire import rpc
from holdfast.wire.v1 import ledger_pb2 as pb
from holdfast.wire.v1.ledger_pb2_grpc import LedgerStub

CALL_SECONDS: Final = 10.0
PATIENCE_SECONDS: Final = 15.0
PAUSES_SECONDS: Final = (0.1, 0.2, 0.4, 0.8, 1.6, 3.2)
NONCE_TRIES: Final = 4
PIECES_MAX: Final = 1 << 16

_AGAIN: Final = frozenset(
    {
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
    }
)

Reply = TypeVar("Reply")
Value = TypeVar("Value")


class RemoteLedger:
    """A ledger behind "host:port"; `connect` makes one."""

    def __init__(
        self, endpoint: str, channel: grpc.aio.Channel, patience_seconds: float
    ) -> None:
        self._endpoint = endpoint
        self._channel = channel
        self._patience_seconds = patience_seconds
        self._stub = LedgerStub(channel)
        self._params: NetworkParams | None = None

    @classmethod
    async def connect(
        cls,
        endpoint: str,
        certificate: bytes,
        network: NetworkId | None = None,
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> "RemoteLedger":
        """Return the ledger at `endpoint` that shows the PEM `certificate`.

        Each call is given up after `patience_seconds`. Raises LedgerUnreachableError
        when nobody answers, WrongNetworkError when it keeps another network's books.
        """
        channel = rpc.connect(endpoint, certificate)
        ledger = cls(endpoint, channel, patience_seconds)
        try:
            await ledger._learn(network)
        except BaseException:
            await ledger.close()
            raise
        return ledger

    @classmethod
    async def join(
        cls, file: NetworkFile, patience_seconds: float = PATIENCE_SECONDS
    ) -> "RemoteLedger":
        """Return the ledger that a network file names; errors as for `connect`."""
        return await cls.connect(
            file.endpoint, file.certificate, file.network_id, patience_seconds
        )

    @property
    def params(self) -> NetworkParams:
        """The network's parameters."""
        assert self._params is not None
        return self._params

    @property
    def network_id(self) -> NetworkId:
        """The network's id."""
        return self.params.network_id

    @property
    def accounts_certify(self) -> bool:
        """No: whoever runs this ledger verifies BLS signatures."""
        return False

    @property
    def health(self) -> None:
        """Nothing: this ledger is on no chain."""
        return

    def open_account(self, key: AccountKey) -> "RemoteAccount":
        """Return the account of a key, ready to write."""
        return RemoteAccount(self, key)

    async def tip(self) -> Tip:
        """Return where the ledger stands."""
        return await self._ask(self._stub.Tip, pb.TipRequest(), tip_value)

    async def beacons(self, first_epoch: int) -> tuple[Beacon, ...]:
        """Return the final beacons from `first_epoch` on, ascending, at most 1,024."""
        request = pb.BeaconsRequest(first_epoch=max(first_epoch, 0))
        return await self._ask(self._stub.Beacons, request, _beacons)

    async def registry(self, after: int) -> RegistryChanges:
        """Return at most 4,096 registry rows changed after sequence `after`."""
        request = pb.RegistryRequest(after=after)
        return await self._ask(self._stub.Registry, request, registry_value)

    async def account(self, account: AccountId) -> Account:
        """Return an account; one never heard of has nothing."""
        request = pb.AccountRequest(account=account)
        reply = await self._ask(self._stub.Account, request, _same)
        return account_value(account, reply)

    async def deals(self, deals: tuple[DealId, ...]) -> tuple[Deal, ...]:
        """Return those of the deals that exist."""
        found: list[Deal] = []
        for start in range(0, len(deals), DEALS_PAGE):
            request = pb.DealsRequest(deals=deals[start : start + DEALS_PAGE])
            found += await self._ask(self._stub.Deals, request, _deals)
        return tuple(found)

    async def deals_of(self, owner: AccountId) -> tuple[Deal, ...]:
        """Return all deals of an owner, oldest first."""
        found: list[Deal] = []
        for _ in range(PIECES_MAX):
            request = pb.DealsOfRequest(owner=owner, skip=len(found))
            piece = await self._ask(self._stub.DealsOf, request, _deals)
            found += piece
            if len(piece) < DEALS_PAGE:
                break
        return tuple(found)

    async def deals_held(self, vaults: tuple[VaultId, ...], after: int) -> DealChanges:
        """Return deals that any of these vaults hold or held, changed after."""
        request = pb.DealsHeldRequest(vaults=vaults, after=after)
        return await self._ask(self._stub.DealsHeld, request, deals_value)

    async def sync(
        self, vaults: tuple[VaultId, ...], after: int, wait_seconds: float = 0.0
    ) -> SyncChanges:
        """Return what changed after a sequence; wait for something if need be."""
        request = pb.SyncRequest(vaults=vaults, after=after, wait_seconds=wait_seconds)
        return await self._ask(self._stub.Sync, request, sync_value, wait_seconds)

    async def settlement(self) -> Certificate | None:
        """Return the newest settlement, or None before the first."""
        request = pb.NewestSettlementRequest()
        return await self._ask(self._stub.Settlement, request, _settlement)

    async def committee(self, period: int) -> tuple[VaultId, ...]:
        """Return the period's committee by rank; empty before it is drawn."""
        request = pb.CommitteeRequest(period=period)
        return await self._ask(self._stub.Committee, request, _committee)

    async def submit_signed(self, signed: SignedOperation) -> Applied:
        """Apply a signed operation, or raise the LedgerError that refuses it."""
        request = pb.SubmitRequest(operation=SIGNED_OPERATION.encode(signed))
        return await self._ask(self._stub.Submit, request, _applied)

    async def close(self) -> None:
        """Close the connection."""
        await self._channel.close()

    async def _learn(self, network: NetworkId | None) -> None:
        self._params = await self._ask(self._stub.Info, pb.InfoRequest(), _params)
        if network is not None and network != self._params.network_id:
            raise WrongNetworkError(network, self._params.network_id)

    async def _ask(
        self,
        method: Callable[..., Awaitable[Any]],
        request: object,
        read: Callable[[Any], Value],
        extra_seconds: float = 0.0,
    ) -> Value:
        """Return what the ledger answers, asking again while nobody does."""
        try:
            async with asyncio.timeout(self._patience_seconds + extra_seconds):
                reply = await self._patiently(method, request, extra_seconds)
        except TimeoutError as error:
            raise LedgerUnreachableError(self._endpoint) from error
        try:
            return read(reply)
        except ProtocolError as error:
            raise LedgerAnswerError(self._endpoint, str(error)) from error

    async def _patiently(
        self,
        method: Callable[..., Awaitable[Any]],
        request: object,
        extra_seconds: float,
    ) -> Any:  # noqa: ANN401 # any reply
        seconds = CALL_SECONDS + extra_seconds
        for pause in (*PAUSES_SECONDS, None):
            try:
                return await method(request, timeout=seconds, metadata=rpc.metadata())
            except grpc.aio.AioRpcError as error:
                refused = self._refusal(error)
                if refused is not None:
                    raise refused from error
                if pause is None:
                    raise LedgerUnreachableError(self._endpoint) from error
            await asyncio.sleep(pause)
        raise AssertionError  # the last pause is None

    def _refusal(self, error: grpc.aio.AioRpcError) -> LedgerError | None:
        """Return what the ledger said, or None if it said nothing and may be asked."""
        refused = refusal_error(error.trailing_metadata())
        if refused is not None:
            return refused
        if error.code() in _AGAIN:
            return None
        reason = error.details() or error.code().name
        return LedgerAnswerError(self._endpoint, reason)


class RemoteAccount:
    """An account that writes to a ledger elsewhere, one operation at a time.

    When nobody could say whether an operation was applied, submitting an equal one
    next sends the same bytes again, so that it is applied once. Two processes that
    write at once for one account get through, but if both sign equal operations
    with one nonce, these are one operation: as on any chain.
    """

    def __init__(self, ledger: RemoteLedger, key: AccountKey) -> None:
        self._ledger = ledger
        self._key = key
        self._turn = asyncio.Lock()
        self._unsure: SignedOperation | None = None

    @property
    def id(self) -> AccountId:
        """The account's address."""
        return self._key.id

    async def submit(self, operation: Operation) -> Applied:
        """Sign and apply an operation, or raise the LedgerError that refuses it.

        When another process has used the nonce meanwhile, the next one is taken.
        """
        async with self._turn:
            for _ in range(NONCE_TRIES - 1):
                # What was applied is recognised first, so this one was not.
                with contextlib.suppress(NonceError):
                    return await self._send(await self._signed(operation))
            return await self._send(await self._signed(operation))

    async def _signed(self, operation: Operation) -> SignedOperation:
        unsure, self._unsure = self._unsure, None
        if unsure is not None and unsure.operation == operation:
            return unsure
        nonce = (await self._ledger.account(self.id)).nonce
        return self._key.sign(self._ledger.params, nonce, operation)

    async def _send(self, signed: SignedOperation) -> Applied:
        self._unsure = signed
        try:
            applied = await self._ledger.submit_signed(signed)
        except LedgerUnreachableError:
            raise
        except LedgerError:
            self._unsure = None
            raise
        self._unsure = None
        return applied


def _same(reply: Reply) -> Reply:
    return reply


def _params(reply: pb.InfoReply) -> NetworkParams:
    return NETWORK_PARAMS.decode(reply.params)


def _beacons(reply: pb.BeaconsReply) -> tuple[Beacon, ...]:
    return tuple(beacon_value(beacon) for beacon in reply.beacons)


def _deals(reply: pb.DealsReply) -> tuple[Deal, ...]:
    return deal_values(list(reply.deals))


def _settlement(reply: pb.NewestSettlementReply) -> Certificate | None:
    present = reply.HasField("certificate")
    return CERTIFICATE.decode(reply.certificate) if present else None


def _committee(reply: pb.CommitteeReply) -> tuple[VaultId, ...]:
    return vault_ids(list(reply.vaults))


def _applied(reply: pb.SubmitReply) -> Applied:
    return Applied(reply.sequence, reply.epoch)
