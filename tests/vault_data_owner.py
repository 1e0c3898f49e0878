"""An owner who talks to the vaults of a data world over gRPC."""

import asyncio
from collections.abc import Sequence
from typing import Any

import grpc

from holdfast.protocol.answer import EntryProof
from holdfast.protocol.checkpoint import (
    CHECKPOINT,
    Entries,
    StandingCheckpoint,
    checkpoint_of,
)
from holdfast.protocol.chunk import EncodedChunk
from holdfast.protocol.deal import (
    Deal,
    Purpose,
)
from holdfast.protocol.manifest import (
    HEAD,
    MANIFEST_CHANGE,
    NO_HEAD,
    Manifest,
    ManifestChange,
    SignedHead,
    next_head,
)
from holdfast.protocol.receipt import (
    FULL_RECEIPT,
    RECEIPT,
    FullReceipt,
    SignedReceipt,
)
from holdfast.protocol.repair import (
    SIBLING_REQUEST,
    SiblingRequest,
    SignedSiblingRequest,
)
from holdfast.protocol.units import (
    ChunkId,
    Digest,
    VaultId,
)
from holdfast.wire import frames, rpc
from holdfast.wire.v1 import vault_pb2 as pb
from holdfast.wire.v1.vault_pb2_grpc import VaultStub
from vault_data_world import (
    DEADLINE,
    PARAMS,
    DataWorld,
    RunningVault,
    entry_of,
    full_receipt,
    grant,
    sign_head,
)


class OwnerLine:
    """What an owner does at one holder, straight over the wire."""

    def __init__(self, world: DataWorld, deal: Deal, index: int) -> None:
        self.world, self.deal, self.index = world, deal, index
        self.vault = deal.holders[index].vault

    @property
    def channel(self) -> grpc.aio.Channel:
        found = self.world.peers.channel(self.vault)
        assert found is not None
        return found

    def grant(self, purpose: Purpose) -> bytes:
        return grant(self.deal, self.vault, purpose)

    async def call(self, method: str, request: Any) -> Any:
        stub = VaultStub(self.channel)
        return await getattr(stub, method)(
            request, metadata=rpc.metadata(), timeout=DEADLINE
        )

    def stream(self, name: str) -> Any:
        opened: Any = self.channel.stream_stream(name)
        return opened(metadata=rpc.metadata(), timeout=DEADLINE)

    async def store(self, *chunks: EncodedChunk) -> frozenset[ChunkId]:
        """Send shards and wait until all are confirmed; return what was staged."""
        call = self.stream(frames.STORE)
        await call.write(
            frames.opening(frames.Authority.GRANT, self.grant(Purpose.WRITE))
        )
        staged = frames.read_opened(await read(call))
        for chunk in chunks:
            for frame in frames.shard_frames(
                chunk.id, chunk.proof(self.index), chunk.shards[self.index]
            ):
                await call.write(frame)
        await call.done_writing()
        confirmed = {
            frames.read_chunk(await read(call), frames.Kind.STORED) for _ in chunks
        }
        assert confirmed == {chunk.id for chunk in chunks}
        assert await call.read() is grpc.aio.EOF
        return staged

    async def propose(
        self,
        head: SignedHead,
        change: ManifestChange,
        base: Digest = NO_HEAD,
        conflict: Sequence[tuple[SignedHead, SignedReceipt]] = (),
    ) -> Any:
        return await self.call(
            "Propose",
            pb.ProposeRequest(
                head=HEAD.encode(head),
                base=base,
                change=MANIFEST_CHANGE.encode(change),
                conflict=[
                    pb.Countersigned(head=HEAD.encode(h), receipt=RECEIPT.encode(r))
                    for h, r in conflict
                ],
            ),
        )

    async def acknowledge(self, full: FullReceipt) -> None:
        request = pb.AcknowledgeRequest(full_receipt=FULL_RECEIPT.encode(full))
        await self.call("Acknowledge", request)

    async def state(self) -> Any:
        request = pb.DealStateRequest(grant=self.grant(Purpose.READ))
        return await self.call("DealState", request)

    async def manifest(self, head: Digest) -> bytes:
        request = pb.ManifestRequest(grant=self.grant(Purpose.WRITE), head=head)
        call = VaultStub(self.channel).Manifest(
            request, metadata=rpc.metadata(), timeout=DEADLINE
        )
        return b"".join([reply.entries async for reply in call])

    async def fetch(
        self, *wanted: frames.Want, opening: bytes = b""
    ) -> list[tuple[frames.ShardStart, bytes] | None]:
        """Return what was wanted; None for a shard that is absent."""
        call = self.stream(frames.FETCH)
        evidence = self.grant(Purpose.READ)
        await call.write(opening or frames.opening(frames.Authority.GRANT, evidence))
        for want in wanted:
            await call.write(frames.want(want))
        await call.done_writing()
        found = [await read_shard(call) for _ in wanted]
        assert await call.read() is grpc.aio.EOF
        return found


async def read(call: Any) -> bytes:
    frame = await call.read()
    assert isinstance(frame, bytes), "the stream ended"
    return frame


async def read_shard(call: Any) -> tuple[frames.ShardStart, bytes] | None:
    first = await read(call)
    if frames.kind(first) is frames.Kind.ABSENT:
        return None
    start = frames.read_shard(first)
    body = bytes(start.part)
    while len(body) < start.body_bytes:
        body += frames.read_more(await read(call), start.body_bytes - len(body))
    return start, body


class DealOwner:
    """An owner with one deal: uploads heads to all holders."""

    def __init__(self, world: DataWorld, deal: Deal) -> None:
        self.world, self.deal = world, deal
        self.lines = [OwnerLine(world, deal, index) for index in range(deal.n)]
        self.manifest = Manifest(deal.k, deal.n)
        self.head: SignedHead | None = None
        self.full: FullReceipt | None = None

    @property
    def digest(self) -> Digest:
        return self.head.value.digest() if self.head else NO_HEAD

    def following(
        self, change: ManifestChange, memo: bytes = bytes(256)
    ) -> tuple[SignedHead, Manifest]:
        manifest = self.manifest.changed(change)
        before = self.head.value if self.head else None
        return sign_head(next_head(self.deal.id, before, manifest, memo)), manifest

    async def upload(
        self,
        *chunks: EncodedChunk,
        removed: tuple[int, ...] = (),
        not_acknowledged_at: tuple[int, ...] = (),
    ) -> FullReceipt:
        """Store, propose and acknowledge one head at all holders."""
        await asyncio.gather(*(line.store(*chunks) for line in self.lines))
        change = ManifestChange(removed, tuple(entry_of(chunk) for chunk in chunks))
        head, manifest = self.following(change)
        replies = await asyncio.gather(
            *(line.propose(head, change, self.digest) for line in self.lines)
        )
        receipts = [RECEIPT.decode(reply.receipt) for reply in replies]
        self.head, self.manifest = head, manifest
        full = full_receipt(head, receipts, self.world.ledger, self.deal)
        self.full = full
        told = [line for line in self.lines if line.index not in not_acknowledged_at]
        await asyncio.gather(*(line.acknowledge(full) for line in told))
        return full


def sibling_requests(
    vault: RunningVault, entries: Entries, deal: Deal
) -> dict[VaultId, SignedSiblingRequest]:
    """Return a vault's requests to all siblings for what its entries lack."""
    place = next(i for i, e in enumerate(entries.items) if e.deal == deal.id)
    entry = entries.items[place]
    head = vault.data.signed_head(entry)
    assert head is not None
    checkpoint = CHECKPOINT.sign(
        checkpoint_of(vault.vault, 10, entries), PARAMS.network_id, vault.keys.identity
    )
    standing = StandingCheckpoint(checkpoint, ())
    proof = EntryProof(entry, place, entries.tree().path(place), head)
    return {
        holder.vault: SIBLING_REQUEST.sign(
            SiblingRequest(holder.vault, 10, standing, proof),
            PARAMS.network_id,
            vault.keys.identity,
        )
        for holder in deal.holders
        if holder.vault != vault.vault
    }
