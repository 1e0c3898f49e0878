"""One vault over gRPC: every call with a deadline, every failure one of ours.

Nothing is decided here. What a vault says is decoded, not believed.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Final, TypeVar, cast

import grpc

from holdfast.client.core.deal_state import HolderWord
from holdfast.client.core.upload_events import Countersigned, Proposal
from holdfast.client.journal import unpacked_entries
from holdfast.client.network_errors import (
    Refusal,
    VaultMisbehavedError,
    VaultRefusedError,
    VaultUnreachableError,
)
from holdfast.ledger.core.countersigning import with_account_signature
from holdfast.protocol.answer import ANSWER, Answer
from holdfast.protocol.cases import CASE_FILE, CaseFile
from holdfast.protocol.checkpoint import STORAGE_CERTIFICATE, StorageCertificate
from holdfast.protocol.deal import GRANT, QUOTE, SignedGrant, SignedQuote
from holdfast.protocol.errors import DecodingError
from holdfast.protocol.faults import MISS_CERTIFICATE, MissCertificate
from holdfast.protocol.frozen import frozen
from holdfast.protocol.manifest import (
    CHUNKS_MAX,
    HEAD,
    MANIFEST_CHANGE,
    ManifestEntry,
)
from holdfast.protocol.receipt import (
    FULL_RECEIPT,
    RECEIPT,
    FullReceipt,
    SignedReceipt,
)
from holdfast.protocol.record import VAULT_RECORD, SignedRecord
from holdfast.protocol.settlement import (
    REPLACEMENT,
    TOTAL,
    TOTAL_PROOF,
    Total,
    TotalProof,
)
from holdfast.protocol.signing import Signed
from holdfast.protocol.units import ChunkId, DealId, Digest, VaultId
from holdfast.wire import frames, rpc
from holdfast.wire.v1 import network_pb2, network_pb2_grpc, vault_pb2, vault_pb2_grpc

CALL_SECONDS: Final = 10.0
PROPOSE_SECONDS: Final = 60.0
MANIFEST_SECONDS: Final = 60.0
STREAM_OPEN_SECONDS: Final = 10.0
AUDIT_SECONDS: Final = 30.0
TOTALS_MAX: Final = 1 << 24
Reply = TypeVar("Reply")

_REFUSALS: Final = {
    grpc.StatusCode.INVALID_ARGUMENT: Refusal.INPUT,
    grpc.StatusCode.OUT_OF_RANGE: Refusal.INPUT,
    grpc.StatusCode.PERMISSION_DENIED: Refusal.AUTHORITY,
    grpc.StatusCode.UNAUTHENTICATED: Refusal.AUTHORITY,
    grpc.StatusCode.NOT_FOUND: Refusal.UNKNOWN,
    grpc.StatusCode.RESOURCE_EXHAUSTED: Refusal.FULL,
    grpc.StatusCode.FAILED_PRECONDITION: Refusal.STATE,
    grpc.StatusCode.ALREADY_EXISTS: Refusal.STATE,
    grpc.StatusCode.ABORTED: Refusal.STATE,
    grpc.StatusCode.UNIMPLEMENTED: Refusal.BROKEN,
    grpc.StatusCode.INTERNAL: Refusal.BROKEN,
    grpc.StatusCode.UNKNOWN: Refusal.BROKEN,
    grpc.StatusCode.DATA_LOSS: Refusal.BROKEN,
}


class Missing(tuple[ChunkId, ...]):
    """A holder's answer to a proposal: it has no shards of these chunks."""

    __slots__ = ()


ProposeAnswer = SignedReceipt | Missing | Countersigned


@frozen
class ShownAudit:
    """What a vault keeps of one audit."""

    answer: Signed[Answer] | None
    certificate: StorageCertificate | None


@contextmanager
def translated(vault: VaultId) -> Iterator[None]:
    """Turn gRPC's errors, and undecodable answers, into ours."""
    try:
        yield
    except grpc.RpcError as error:
        raise _translate(vault, error) from error
    except (TimeoutError, grpc.aio.UsageError) as error:
        raise VaultUnreachableError(vault, "its time was over") from error
    except DecodingError as error:
        raise VaultMisbehavedError(
            vault, f"answers in a form that cannot be read: {error}"
        ) from error


def _translate(vault: VaultId, error: grpc.RpcError) -> Exception:
    code = error.code() if hasattr(error, "code") else None
    details = error.details() if hasattr(error, "details") else ""
    if code in _REFUSALS:
        return VaultRefusedError(vault, _REFUSALS[code], details or "")
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        return VaultUnreachableError(vault, "its time was over")
    if code is grpc.StatusCode.CANCELLED:
        return VaultUnreachableError(vault, "the connection was closed")
    if details and "failed to connect" not in details.lower():
        return VaultUnreachableError(vault, _first_line(details))
    return VaultUnreachableError(vault, "no connection to it can be made")


def _first_line(text: str) -> str:
    return text.splitlines()[0][:120]


class VaultLink:
    """A vault and the pinned channel to it."""

    def __init__(self, vault: VaultId, channel: grpc.aio.Channel) -> None:
        self.vault = vault
        self._channel = channel
        self._vault_calls = vault_pb2_grpc.VaultStub(channel)
        self._network_calls = network_pb2_grpc.NetworkStub(channel)

    async def close(self) -> None:
        """Close the channel."""
        await self._channel.close()

    async def describe(self) -> vault_pb2.DescribeReply:
        """Ask the vault how it stands."""
        return await self._call(self._vault_calls.Describe, vault_pb2.DescribeRequest())

    async def records(self) -> tuple[SignedRecord, ...]:
        """Ask for all the records that the vault knows; they are not verified."""
        reply = await self._call(
            self._network_calls.Gossip, network_pb2.GossipRequest()
        )
        with translated(self.vault):
            return tuple(VAULT_RECORD.decode(record) for record in reply.records)

    async def prove(self, party: int, key: bytes) -> tuple[TotalProof, ...]:
        """Ask for the proof of a total in the newest settlement, or of its absence."""
        request = network_pb2.ProveRequest(party=party, id=key)
        reply = await self._call(self._network_calls.Prove, request)
        with translated(self.vault):
            return tuple(TOTAL_PROOF.decode(proof) for proof in reply.proofs)

    async def certificate(
        self, vault: VaultId, epoch: int
    ) -> StorageCertificate | None:
        """Ask for the certificate of an audit, if it is kept; it is not verified."""
        request = network_pb2.AuditRequest(
            vault=vault, epoch=epoch, certificate_only=True
        )
        reply = await self._call(self._network_calls.Audit, request)
        with translated(self.vault):
            kept = reply.certificate
            return STORAGE_CERTIFICATE.decode(kept) if kept else None

    async def audit(self, vault: VaultId, epoch: int) -> ShownAudit:
        """Ask what is kept of one audit; nothing is verified."""
        request = network_pb2.AuditRequest(vault=vault, epoch=epoch)
        reply = await self._call(self._network_calls.Audit, request, AUDIT_SECONDS)
        with translated(self.vault):
            return ShownAudit(
                ANSWER.decode(reply.answer) if reply.answer else None,
                STORAGE_CERTIFICATE.decode(reply.certificate)
                if reply.certificate
                else None,
            )

    async def totals(self, period: int) -> tuple[Total, ...]:
        """Ask for all totals of a settlement; their root is not checked."""
        request = network_pb2.TotalsRequest(period=period)
        leaves: list[Total] = []
        replaced: list[Total] = []
        with translated(self.vault):
            call = self._network_calls.Totals(
                request, timeout=MANIFEST_SECONDS, metadata=rpc.metadata()
            )
            async for page in call:
                leaves += [TOTAL.decode(leaf) for leaf in page.totals]
                replaced += [REPLACEMENT.decode(one).leaf() for one in page.replaced]
                if len(leaves) + len(replaced) > TOTALS_MAX:
                    raise DecodingError("a settlement has more totals than any can")
        return (*leaves, *sorted(replaced, key=lambda leaf: leaf.id))

    async def misses(self, vault: VaultId) -> tuple[MissCertificate, ...]:
        """Ask which missed epochs of a vault are known; nothing is verified."""
        request = network_pb2.MissesRequest(vault=vault)
        reply = await self._call(self._network_calls.Misses, request)
        with translated(self.vault):
            return tuple(MISS_CERTIFICATE.decode(miss) for miss in reply.misses)

    async def case(self, vault: VaultId) -> CaseFile:
        """Ask for the newest case against a vault; nothing is verified."""
        request = network_pb2.CaseRequest(vault=vault)
        reply = await self._call(self._network_calls.Case, request, AUDIT_SECONDS)
        with translated(self.vault):
            return CASE_FILE.decode(reply.file)

    async def quote(self, deal: DealId, capacity: int, end_epoch: int) -> SignedQuote:
        """Ask for a quote; only its form is checked."""
        request = vault_pb2.QuoteRequest(
            deal=deal, capacity=capacity, end_epoch=end_epoch
        )
        reply = await self._call(self._vault_calls.Quote, request)
        with translated(self.vault):
            quote = QUOTE.decode(reply.quote)
        return with_account_signature(quote, reply.account_signature)

    async def deal_state(self, index: int, grant: SignedGrant) -> HolderWord:
        """Ask holder `index` how far a deal is; nothing is verified."""
        request = vault_pb2.DealStateRequest(grant=GRANT.encode(grant))
        reply = await self._call(self._vault_calls.DealState, request)
        with translated(self.vault):
            full = (
                FULL_RECEIPT.decode(reply.full_receipt)
                if (reply.full_receipt)
                else None
            )
            return HolderWord(
                index,
                full,
                _countersigned(reply.pending_head, reply.pending_receipt)
                if reply.pending_head
                else None,
                reply.kept_bytes,
            )

    async def manifest(
        self, grant: SignedGrant, head: Digest
    ) -> tuple[ManifestEntry, ...]:
        """Fetch the entries under a head; their root is not checked."""
        request = vault_pb2.ManifestRequest(grant=GRANT.encode(grant), head=head)
        entries: list[ManifestEntry] = []
        with translated(self.vault):
            call = self._vault_calls.Manifest(
                request, timeout=MANIFEST_SECONDS, metadata=rpc.metadata()
            )
            async for reply in call:
                entries += unpacked_entries(reply.entries)
                if len(entries) > CHUNKS_MAX:
                    raise DecodingError("a manifest has more chunks than any can")
        return tuple(entries)

    async def propose(self, proposal: Proposal) -> ProposeAnswer:
        """Ask the holder to countersign a head."""
        request = vault_pb2.ProposeRequest(
            head=HEAD.encode(proposal.head),
            base=proposal.base,
            change=MANIFEST_CHANGE.encode(proposal.change),
            conflict=[
                vault_pb2.Countersigned(
                    head=HEAD.encode(said.head), receipt=RECEIPT.encode(said.receipt)
                )
                for said in proposal.conflict
            ],
        )
        reply = await self._call(self._vault_calls.Propose, request, PROPOSE_SECONDS)
        with translated(self.vault):
            return _propose_answer(reply)

    async def acknowledge(self, full: FullReceipt) -> None:
        """Hand over a full receipt; it is stored when this returns."""
        request = vault_pb2.AcknowledgeRequest(full_receipt=FULL_RECEIPT.encode(full))
        await self._call(self._vault_calls.Acknowledge, request)

    def store(self) -> "ShardStream":
        """Return a new stream that takes shards."""
        return ShardStream(self.vault, self._channel, frames.STORE)

    def fetch(self) -> "ShardStream":
        """Return a new stream that brings shards."""
        return ShardStream(self.vault, self._channel, frames.FETCH)

    async def _call(
        self,
        method: Callable[..., Awaitable[Reply]],
        request: object,
        seconds: float = CALL_SECONDS,
    ) -> Reply:
        with translated(self.vault):
            return await method(request, timeout=seconds, metadata=rpc.metadata())


class ShardStream:
    """One Store or Fetch stream: raw frames both ways."""

    def __init__(self, vault: VaultId, channel: grpc.aio.Channel, path: str) -> None:
        self.vault = vault
        self._call: grpc.aio.StreamStreamCall[bytes, bytes] = channel.stream_stream(
            path
        )(metadata=rpc.metadata())

    async def open(self, grant: SignedGrant) -> None:
        """Show the grant, the first frame of every stream."""
        opening = frames.opening(frames.Authority.GRANT, GRANT.encode(grant))
        with translated(self.vault):
            async with asyncio.timeout(STREAM_OPEN_SECONDS):
                await self.write(opening)

    async def write(self, frame: bytes) -> None:
        """Send a frame; waits while the vault takes no more."""
        with translated(self.vault):
            try:
                await self._call.write(frame)
            except asyncio.InvalidStateError:
                await self._raise_status()

    async def read(self) -> bytes:
        """Return the next frame, or raise when the stream is over."""
        with translated(self.vault):
            frame = await self._call.read()
            if frame is grpc.aio.EOF:
                await self._raise_status()
            return cast("bytes", frame)

    async def read_within(self, seconds: float = STREAM_OPEN_SECONDS) -> bytes:
        """Return the next frame if it comes in time, or raise."""
        with translated(self.vault):
            async with asyncio.timeout(seconds):
                return await self.read()

    async def frames(self) -> AsyncIterator[bytes]:
        """Yield frames until the stream breaks, which raises."""
        while True:
            yield await self.read()

    async def done(self) -> None:
        """Say that nothing more will be sent."""
        with translated(self.vault):
            await self._call.done_writing()

    def cancel(self) -> None:
        """Break the stream off."""
        self._call.cancel()

    async def _raise_status(self) -> None:
        code = await self._call.code()
        if code is not grpc.StatusCode.OK:
            details = await self._call.details()
            refusal = _REFUSALS.get(code)
            if refusal is not None:
                raise VaultRefusedError(self.vault, refusal, details or "")
        raise VaultUnreachableError(self.vault, "it closed the stream")


def _countersigned(head: bytes, receipt: bytes) -> Countersigned:
    return Countersigned(HEAD.decode(head), RECEIPT.decode(receipt))


def _propose_answer(reply: vault_pb2.ProposeReply) -> ProposeAnswer:
    if reply.receipt:
        return RECEIPT.decode(reply.receipt)
    if reply.HasField("newer"):
        return _countersigned(reply.newer.head, reply.newer.receipt)
    if reply.missing and all(len(chunk) == 32 for chunk in reply.missing):
        return Missing(ChunkId(chunk) for chunk in reply.missing)
    raise DecodingError("a proposal was neither taken nor refused")
