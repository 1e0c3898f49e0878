"""Hostile callers of a vault's data side: each gets its status, nobody else notices."""

import asyncio
import functools
import random
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import pytest

from holdfast.protocol.chunk import encode_chunk
from holdfast.protocol.deal import GRANT, Deal, Grant, Purpose
from holdfast.protocol.keys import SigningPair
from holdfast.protocol.manifest import (
    HEAD,
    MANIFEST_CHANGE,
    NO_HEAD,
    ManifestChange,
    ManifestEntry,
    SignedHead,
)
from holdfast.protocol.receipt import FULL_RECEIPT, FullReceipt
from holdfast.protocol.repair import SIBLING_REQUEST
from holdfast.protocol.units import ChunkId, Digest
from holdfast.wire import frames, rpc
from holdfast.wire.v1 import vault_pb2 as pb
from vault_data_world import (
    DEADLINE,
    DEAL_PAIR,
    PARAMS,
    TLS,
    DataWorld,
    DealOwner,
    OwnerLine,
    a_chunk,
    a_deal,
    data_world,
    entry_of,
    grant,
    sibling_requests,
    sign_head,
    vault_keys,
)

Code = grpc.StatusCode
METHODS = ("Describe", "Quote", "DealState", "Propose", "Acknowledge", "Manifest")
STRANGER = SigningPair(b"\x66" * 32)
DICE = random.Random(11)
CALM = {
    Code.OK,
    Code.INVALID_ARGUMENT,
    Code.UNAUTHENTICATED,
    Code.PERMISSION_DENIED,
    Code.NOT_FOUND,
    Code.FAILED_PRECONDITION,
    Code.RESOURCE_EXHAUSTED,
}


async def code_of(call: Awaitable[Any]) -> tuple[Code, str]:
    try:
        await asyncio.wait_for(call, DEADLINE)
    except grpc.aio.AioRpcError as error:
        return error.code(), error.details() or ""
    return Code.OK, ""


async def raw(line: OwnerLine, method: str, request: bytes) -> tuple[Code, str]:
    """Call a method with bytes that nobody made into a message."""
    path = f"/holdfast.v1.Vault/{method}"
    if method == "Manifest":

        async def drain() -> None:
            call: Any = line.channel.unary_stream(path)
            async for _ in call(request, metadata=rpc.metadata(), timeout=DEADLINE):
                pass

        return await code_of(drain())
    call: Any = line.channel.unary_unary(path)
    return await code_of(call(request, metadata=rpc.metadata(), timeout=DEADLINE))


async def stream_code(line: OwnerLine, name: str, *sent: bytes) -> tuple[Code, str]:
    """Send frames, read until the end, and return how the stream ended."""
    endpoint = line.world.peers.endpoints[line.vault]
    return await asyncio.to_thread(blocking_stream_code, endpoint, name, sent)


def blocking_stream_code(
    endpoint: str, name: str, sent: tuple[bytes, ...]
) -> tuple[Code, str]:
    """Do it without asyncio.

    There, a write that meets the end of its stream loses the server's status and
    makes up INTERNAL.
    """
    call = hostile_channel(endpoint).stream_stream(name)(
        iter(sent), metadata=rpc.metadata(), timeout=DEADLINE
    )
    try:
        for _ in call:
            pass
    except grpc.RpcError:
        pass
    return call.code(), call.details() or ""


@functools.lru_cache
def hostile_channel(endpoint: str) -> Any:
    credentials = grpc.ssl_channel_credentials(TLS.certificate_pem)
    return grpc.secure_channel(endpoint, credentials, options=rpc._CHANNEL_OPTIONS)


def granted(line: OwnerLine, purpose: Purpose) -> bytes:
    return frames.opening(frames.Authority.GRANT, line.grant(purpose))


async def alive(owner: DealOwner) -> None:
    """An honest owner still gets everything done."""
    chunk = a_chunk(DICE.randbytes(40_000), owner.deal)
    await owner.upload(chunk)
    (found,) = await owner.lines[0].fetch(frames.Want(chunk.id, 0, frames.TO_THE_END))
    assert found is not None
    assert found[1] == chunk.shards[0]


def run(tmp_path: Path, story: Callable[[DataWorld], Awaitable[None]]) -> None:
    async def whole() -> None:
        async with data_world(tmp_path, 2) as world:
            await story(world)
            for vault in world.vaults:
                hostile_channel(world.peers.endpoints[vault.vault]).close()

    asyncio.run(whole())


def test_arbitrary_bytes_are_answered_calmly_by_every_method(tmp_path: Path) -> None:
    async def story(world: DataWorld) -> None:
        owner = DealOwner(world, world.open_deal())
        await alive(owner)
        line = owner.lines[0]
        assert owner.head
        assert owner.full
        good = {
            "Propose": pb.ProposeRequest(
                head=HEAD.encode(owner.head), base=NO_HEAD, change=b"\0" * 12
            ),
            "Acknowledge": pb.AcknowledgeRequest(
                full_receipt=FULL_RECEIPT.encode(owner.full)
            ),
            "DealState": pb.DealStateRequest(grant=line.grant(Purpose.READ)),
            "Manifest": pb.ManifestRequest(
                grant=line.grant(Purpose.READ), head=owner.digest
            ),
            "Quote": pb.QuoteRequest(deal=b"\1" * 32, capacity=5, end_epoch=100),
            "Describe": pb.DescribeRequest(),
        }
        for method in METHODS:
            encoded = good[method].SerializeToString()
            for _ in range(25):
                spoilt = bytearray(encoded)
                for _ in range(DICE.randint(1, 4)):
                    if spoilt:
                        spoilt[DICE.randrange(len(spoilt))] = DICE.randrange(256)
                for junk in (DICE.randbytes(DICE.randint(1, 300)), bytes(spoilt)):
                    code, text = await raw(line, method, junk)
                    assert code in CALM, (method, code, text)
                    assert "Traceback" not in text
        await alive(owner)

    run(tmp_path, story)


def test_bytes_that_are_no_message_are_invalid_and_not_internal(tmp_path: Path) -> None:
    async def story(world: DataWorld) -> None:
        line = DealOwner(world, world.open_deal()).lines[0]
        for method in METHODS:
            code, text = await raw(line, method, b"\xff\xff\xff\xff\x07")
            assert code is Code.INVALID_ARGUMENT, (method, text)

    run(tmp_path, story)


def test_arbitrary_frames_end_a_stream_calmly(tmp_path: Path) -> None:
    async def story(world: DataWorld) -> None:
        owner = DealOwner(world, world.open_deal())
        await alive(owner)
        line = owner.lines[0]
        chunk = a_chunk(b"z" * 5_000, owner.deal)
        (shard,) = frames.shard_frames(chunk.id, chunk.proof(0), chunk.shards[0])
        want = frames.want(frames.Want(chunk.id, 0, 1))
        for name, purpose, second in (
            (frames.STORE, Purpose.WRITE, shard),
            (frames.FETCH, Purpose.READ, want),
        ):
            first = granted(line, purpose)
            for _ in range(30):
                spoilt = bytearray(DICE.choice((first, second)))
                spoilt[DICE.randrange(len(spoilt))] ^= 1 << DICE.randrange(8)
                noise = DICE.randbytes(DICE.randint(0, 80))
                for sent in (
                    (noise,),
                    (first, noise),
                    (first, second[:-1], noise),
                    (bytes(spoilt), second),
                    (first, bytes(spoilt)),
                    (second,),
                    (first, first),
                    (),
                ):
                    code, text = await stream_code(line, name, *sent)
                    assert code in CALM, (name, code, text)
        await alive(owner)

    run(tmp_path, story)


def test_oversized_messages_and_frames_are_refused(tmp_path: Path) -> None:
    async def story(world: DataWorld) -> None:
        owner = DealOwner(world, world.open_deal())
        line = owner.lines[0]
        code, _ = await raw(line, "Propose", bytes(17 << 20))
        assert code is Code.RESOURCE_EXHAUSTED
        chunk = encode_chunk(DICE.randbytes(6 << 20), 2, 2)
        frame = b"".join(
            (
                next(
                    iter(frames.shard_frames(chunk.id, chunk.proof(0), chunk.shards[0]))
                ),
                b"x",
            )
        )
        code, _ = await stream_code(
            line, frames.STORE, granted(line, Purpose.WRITE), frame
        )
        assert code is Code.INVALID_ARGUMENT
        await alive(owner)

    run(tmp_path, story)


@pytest.mark.parametrize(
    ("changes", "signer", "code"),
    [
        ({}, STRANGER, Code.PERMISSION_DENIED),
        ({"vault": vault_keys(1).vault_id}, None, Code.PERMISSION_DENIED),
        ({"purpose": 7}, None, Code.PERMISSION_DENIED),
        ({"expires_epoch": 9}, None, Code.PERMISSION_DENIED),
        ({"deal": b"\x99" * 32}, None, Code.NOT_FOUND),
    ],
)
def test_a_grant_that_is_not_good_opens_nothing(
    tmp_path: Path, changes: dict[str, Any], signer: SigningPair | None, code: Code
) -> None:
    async def story(world: DataWorld) -> None:
        owner = DealOwner(world, world.open_deal())
        await alive(owner)
        line = owner.lines[0]
        for purpose, name in (
            (Purpose.WRITE, frames.STORE),
            (Purpose.READ, frames.FETCH),
        ):
            good = GRANT.decode(line.grant(purpose))
            said = replace(good.value, **changes)
            signed = (
                GRANT.sign(said, PARAMS.network_id, signer) if signer else _resign(said)
            )
            opening = frames.opening(frames.Authority.GRANT, GRANT.encode(signed))
            assert (await stream_code(line, name, opening))[0] is code
        for request in (
            pb.DealStateRequest(grant=GRANT.encode(signed)),
            pb.ManifestRequest(grant=GRANT.encode(signed), head=owner.digest),
        ):
            method = type(request).__name__.removesuffix("Request")
            found, _ = await raw(line, method, request.SerializeToString())
            assert found is code

    run(tmp_path, story)


def _resign(said: Grant) -> Any:
    return GRANT.sign(said, PARAMS.network_id, DEAL_PAIR)


def test_grants_for_reading_do_not_write_and_the_other_way_round(
    tmp_path: Path,
) -> None:
    async def story(world: DataWorld) -> None:
        line = DealOwner(world, world.open_deal()).lines[0]
        for name, wrong in (
            (frames.STORE, Purpose.READ),
            (frames.FETCH, Purpose.WRITE),
        ):
            code, _ = await stream_code(line, name, granted(line, wrong))
            assert code is Code.PERMISSION_DENIED
            nothing = frames.opening(frames.Authority.GRANT, b"")
            for first in ((nothing,), ()):
                code, _ = await stream_code(line, name, *first)
                assert code is Code.UNAUTHENTICATED
        code, _ = await raw(line, "DealState", b"")
        assert code is Code.UNAUTHENTICATED

    run(tmp_path, story)


def test_deals_of_others_and_unknown_deals_are_not_found(tmp_path: Path) -> None:
    async def story(world: DataWorld) -> None:
        others = a_deal([vault_keys(8).vault_id, vault_keys(9).vault_id], nonce=9)
        unknown = a_deal([world.vaults[0].vault], nonce=10)
        world.ledger.deals[others.id] = others
        good = DealOwner(world, world.open_deal()).lines[0]
        for deal in (others, unknown):
            head, _ = DealOwner(world, deal).following(ManifestChange())
            request = pb.ProposeRequest(
                head=HEAD.encode(head),
                base=NO_HEAD,
                change=MANIFEST_CHANGE.encode(ManifestChange()),
            )
            code, _ = await raw(good, "Propose", request.SerializeToString())
            assert code is Code.NOT_FOUND
            opening = frames.opening(
                frames.Authority.GRANT, grant(deal, good.vault, Purpose.WRITE)
            )
            code, _ = await stream_code(good, frames.STORE, opening)
            assert code is Code.NOT_FOUND
        world.ledger.reachable = False
        code, text = await stream_code(good, frames.STORE, opening)
        assert code is Code.UNAVAILABLE
        assert "ledger" in text

    run(tmp_path, story)


def test_a_deal_that_is_not_mirrored_yet_is_asked_for(tmp_path: Path) -> None:
    async def story(world: DataWorld) -> None:
        deal = a_deal([vault.vault for vault in world.vaults], nonce=4)
        world.ledger.unmirrored[deal.id] = deal
        await alive(DealOwner(world, deal))

    run(tmp_path, story)


def test_an_ended_deal_takes_nothing_new_but_is_still_read(tmp_path: Path) -> None:
    async def story(world: DataWorld) -> None:
        owner = DealOwner(world, world.open_deal())
        chunk = a_chunk(b"q" * 9_000, owner.deal)
        await owner.upload(chunk)
        world.ledger.now_epoch = owner.deal.end_epoch
        line = owner.lines[0]
        code, text = await stream_code(line, frames.STORE, granted(line, Purpose.WRITE))
        assert code is Code.FAILED_PRECONDITION
        assert "ended" in text
        head, _ = owner.following(ManifestChange())
        code, _ = await code_of(line.propose(head, ManifestChange(), owner.digest))
        assert code is Code.FAILED_PRECONDITION
        assert (await line.fetch(frames.Want(chunk.id, 0, 1)))[0] is not None

    run(tmp_path, story)


def test_shards_that_are_not_what_they_say_are_refused(tmp_path: Path) -> None:
    async def story(world: DataWorld) -> None:
        owner = DealOwner(world, world.open_deal())
        line = owner.lines[0]
        chunk = a_chunk(DICE.randbytes(40_000), owner.deal)
        other_policy = encode_chunk(b"w" * 4_000, 1, 2)
        cases: list[bytes] = [
            *frames.shard_frames(chunk.id, chunk.proof(0), chunk.shards[1]),
            *frames.shard_frames(chunk.id, chunk.proof(1), chunk.shards[1]),
            *frames.shard_frames(ChunkId(bytes(32)), chunk.proof(0), chunk.shards[0]),
            *frames.shard_frames(
                other_policy.id, other_policy.proof(0), other_policy.shards[0]
            ),
            *frames.shard_frames(chunk.id, chunk.proof(0), chunk.shards[0][:16_384]),
            *frames.shard_frames(chunk.id, chunk.proof(0), chunk.shards[0], 1),
        ]
        for frame in cases:
            opening = granted(line, Purpose.WRITE)
            code, _ = await stream_code(line, frames.STORE, opening, frame)
            assert code is Code.INVALID_ARGUMENT
        half = next(
            iter(frames.shard_frames(chunk.id, chunk.proof(0), chunk.shards[0]))
        )[:-1]
        code, _ = await stream_code(line, frames.STORE, opening, half)
        assert code is Code.INVALID_ARGUMENT
        assert world.vaults[0].data.figures().staged_bytes == 0
        await alive(owner)

    run(tmp_path, story)


def test_heads_that_lie_are_refused(tmp_path: Path) -> None:
    async def story(world: DataWorld) -> None:
        owner = DealOwner(world, world.open_deal(capacity=100_000))
        await alive(owner)
        line, base = owner.lines[0], owner.digest
        honest, _ = owner.following(ManifestChange())
        value = honest.value
        forged = HEAD.sign(value, PARAMS.network_id, STRANGER)
        held = owner.manifest.entries[0]
        wild = ManifestChange((), (ManifestEntry(ChunkId(b"\1" * 32), 1 << 30),))
        cases: list[tuple[SignedHead, ManifestChange, Digest, Code]] = [
            (forged, ManifestChange(), base, Code.PERMISSION_DENIED),
            (
                sign_head(replace(value, count=5)),
                ManifestChange(),
                base,
                Code.INVALID_ARGUMENT,
            ),
            (
                sign_head(replace(value, held_bytes=5)),
                ManifestChange(),
                base,
                Code.INVALID_ARGUMENT,
            ),
            (honest, ManifestChange((99,)), base, Code.INVALID_ARGUMENT),
            (honest, ManifestChange((), (held,)), base, Code.INVALID_ARGUMENT),
            (honest, wild, base, Code.INVALID_ARGUMENT),
            (
                honest,
                ManifestChange(),
                Digest(b"\7" * 32),
                Code.FAILED_PRECONDITION,
            ),
        ]
        for head, change, below, code in cases:
            found, text = await code_of(line.propose(head, change, below))
            assert found is code, text
        big = a_chunk(DICE.randbytes(199_000), owner.deal)
        await line.store(big)
        change = ManifestChange((), (entry_of(big),))
        head, _ = owner.following(change)
        code, text = await code_of(line.propose(head, change, base))
        assert code is Code.RESOURCE_EXHAUSTED
        assert "100000" in text
        await alive(owner)

    run(tmp_path, story)


def test_an_extension_that_is_just_being_mirrored_is_waited_for(
    tmp_path: Path,
) -> None:
    async def story(world: DataWorld) -> None:
        owner = DealOwner(world, world.open_deal(capacity=50_000))
        deal = owner.deal
        line = owner.lines[0]
        chunks = [a_chunk(DICE.randbytes(60_000 + i), deal) for i in range(2)]
        await line.store(*chunks)
        change = ManifestChange((), tuple(map(entry_of, chunks)))
        head, _ = owner.following(change)
        proposing = asyncio.ensure_future(line.propose(head, change))
        await asyncio.sleep(0)
        world.ledger.deals[deal.id] = replace(deal, capacity=100_000)
        assert (await proposing).receipt

    run(tmp_path, story)


def test_a_full_receipt_that_is_not_whole_is_refused(tmp_path: Path) -> None:
    async def story(world: DataWorld) -> None:
        owner = DealOwner(world, world.open_deal())
        await alive(owner)
        full = owner.full
        assert full
        line = owner.lines[0]
        swapped = (full.receipts[1], full.receipts[0])
        unsigned = replace(full.receipts[0], signature=bytes(64))
        wrong: list[tuple[FullReceipt, Code]] = [
            (replace(full, receipts=full.receipts[:1]), Code.INVALID_ARGUMENT),
            (replace(full, receipts=swapped), Code.INVALID_ARGUMENT),
            (
                replace(full, receipts=(unsigned, full.receipts[1])),
                Code.PERMISSION_DENIED,
            ),
            (
                replace(full, head=replace(full.head, signature=bytes(64))),
                Code.PERMISSION_DENIED,
            ),
        ]
        for shown, code in wrong:
            assert (await code_of(line.acknowledge(shown)))[0] is code
        await line.acknowledge(full)
        await alive(owner)

    run(tmp_path, story)


def test_replayed_requests_change_nothing(tmp_path: Path) -> None:
    async def story(world: DataWorld) -> None:
        owner = DealOwner(world, world.open_deal())
        chunk = a_chunk(DICE.randbytes(30_000), owner.deal)
        await owner.upload(chunk)
        first_head, first_full = owner.head, owner.full
        assert first_head
        assert first_full
        await owner.upload(a_chunk(DICE.randbytes(30_000), owner.deal))
        line, vault = owner.lines[0], world.vaults[0]
        before = vault.data.entries(), vault.data.figures()
        change = ManifestChange((), (entry_of(chunk),))
        again = await line.propose(first_head, change)
        assert again.receipt or again.newer.head
        await line.acknowledge(first_full)
        await line.store(chunk)
        assert (vault.data.entries(), vault.data.figures()) == before

    run(tmp_path, story)


def test_a_sibling_gets_what_it_declared_missing_and_nothing_else(
    tmp_path: Path,
) -> None:
    async def story(world: DataWorld) -> None:
        deal = world.open_deal()
        owner = DealOwner(world, deal)
        lost, kept = (a_chunk(DICE.randbytes(50_000), deal) for _ in range(2))
        await owner.upload(lost, kept)
        asker, sibling = world.vaults
        asker.shard_file(deal.id, lost.id).unlink()
        assert await asker.data.scrub(10) == 1
        request = sibling_requests(asker, asker.data.entries(), deal)[sibling.vault]
        opening = frames.opening(
            frames.Authority.HOLDER, SIBLING_REQUEST.encode(request)
        )
        line = owner.lines[1]
        whole = frames.Want(lost.id, 0, frames.TO_THE_END)
        ((_, body),) = [
            found for found in await line.fetch(whole, opening=opening) if found
        ]
        assert body == lost.shards[1]
        for want in (
            frames.Want(lost.id, 0, 1),
            frames.Want(kept.id, 0, frames.TO_THE_END),
            frames.Want(ChunkId(bytes(32)), 0, frames.TO_THE_END),
        ):
            code, _ = await stream_code(line, frames.FETCH, opening, frames.want(want))
            assert code is Code.PERMISSION_DENIED
        code, _ = await stream_code(line, frames.STORE, opening)
        assert code is Code.PERMISSION_DENIED

    run(tmp_path, story)


def test_only_so_many_streams_of_one_deal_run_at_once(tmp_path: Path) -> None:
    async def story(world: DataWorld) -> None:
        owner = DealOwner(world, world.open_deal())
        line = owner.lines[0]
        calls = []
        for _ in range(4):
            call = line.stream(frames.STORE)
            await call.write(granted(line, Purpose.WRITE))
            assert isinstance(await call.read(), bytes)
            calls.append(call)
        opening = granted(line, Purpose.WRITE)
        code, _ = await stream_code(line, frames.STORE, opening)
        assert code is Code.RESOURCE_EXHAUSTED
        for call in calls:
            await call.done_writing()
            assert await call.code() is Code.OK
        await alive(owner)

    run(tmp_path, story)


def test_callers_who_hang_up_anywhere_leave_the_vault_as_it_was(
    tmp_path: Path,
) -> None:
    async def story(world: DataWorld) -> None:
        deal = world.open_deal()
        owner = DealOwner(world, deal)
        await alive(owner)
        line = owner.lines[0]
        chunk = a_chunk(DICE.randbytes(3 << 20), deal)
        for steps in range(12):
            call = line.stream(frames.STORE)
            await call.write(granted(line, Purpose.WRITE))
            parts = list(frames.shard_frames(chunk.id, chunk.proof(0), chunk.shards[0]))
            for frame in parts[: steps % 3]:
                await call.write(frame)
            call.cancel()
            change = ManifestChange((), (entry_of(chunk),))
            head, _ = owner.following(change)
            proposing = asyncio.ensure_future(line.propose(head, change, owner.digest))
            for _ in range(steps):
                await asyncio.sleep(0)
            proposing.cancel()
        assert world.vaults[0].data.driver.arriving_bytes == 0
        owner.lines = [_at(world, deal, index) for index in range(2)]
        await owner.upload(chunk)

    run(tmp_path, story)


def _at(world: DataWorld, deal: Deal, index: int) -> OwnerLine:
    return OwnerLine(world, deal, index)
