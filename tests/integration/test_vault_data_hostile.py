"""Hostile callers of a vault's data side: each gets its status, nobody else notices."""

import asyncio
from pathlib import Path

from holdfast.protocol.chunk import encode_chunk
from holdfast.protocol.deal import Purpose
from holdfast.protocol.manifest import (
    HEAD,
    NO_HEAD,
    ManifestChange,
)
from holdfast.protocol.receipt import FULL_RECEIPT
from holdfast.wire import frames
from holdfast.wire.v1 import vault_pb2 as pb
from hostile_calls import (
    CALM,
    DICE,
    METHODS,
    Code,
    alive,
    at,
    granted,
    raw,
    run,
    stream_code,
)
from vault_data_owner import DealOwner
from vault_data_world import DataWorld, a_chunk, entry_of


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
        driver = world.vaults[0].data.driver
        async with asyncio.timeout(60):  # a shard that came whole is kept to the end
            while driver.arriving_bytes:
                await driver.store.workers.shards(int)  # behind it, in its threads
        owner.lines = [at(world, deal, index) for index in range(2)]
        await owner.upload(chunk)

    run(tmp_path, story)
