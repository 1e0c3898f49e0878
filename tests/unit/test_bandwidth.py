"""Limits of bandwidth: what passes when, and that nobody stalls the others."""

import asyncio
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.client.bandwidth import Bandwidth, Limiter, bandwidth
from holdfast.client.core.token_bucket import BURST_SECONDS, TokenBucket
from holdfast.client.core.upload_events import (
    ChunkAdded,
    ClockTicked,
    DealAbandoned,
    HeldBack,
)
from holdfast.client.deal_book import DealBook
from holdfast.client.download import Download
from holdfast.client.upload import Upload
from holdfast.protocol.chunk import encode_chunk
from holdfast.protocol.units import FRAME_BYTES_MAX, KIB, ChunkId
from holdfast.wire import frames
from small_market import Market, market
from upload_steps import STALLED
from upload_world import N, World, chunk, length

MEMO = b"\5" * 256
EMPTY = bytes(256)


@given(
    st.integers(1, 1 << 30),
    st.lists(st.tuples(st.integers(0, 1 << 22), st.floats(0, 100)), max_size=40),
)
def test_no_more_passes_in_any_time_than_the_rate_and_one_burst(
    rate: int, asked: list[tuple[int, float]]
) -> None:
    bucket = TokenBucket(rate)
    now = 0.0
    total = 0
    passed = [(0.0, 0)]
    for size, pause in asked:
        now += pause
        due = now + bucket.take(size, now)
        assert due >= passed[-1][0] - 1e-6, "who asks first passes first"
        total += size
        for since, before in passed:
            most = rate * (due - since + BURST_SECONDS)
            assert total - before <= most * (1 + 1e-6) + 1
        passed.append((due, total))


@given(st.lists(st.integers(1, 1 << 20), min_size=1, max_size=20))
def test_what_is_given_back_delays_nobody(sizes: list[int]) -> None:
    bucket = TokenBucket(1000)
    for size in sizes:
        bucket.take(size, 0.0)
    for size in sizes:
        bucket.give_back(size)
    assert bucket.take(int(bucket.burst), 0.0) == pytest.approx(0.0, abs=1e-6)


def test_without_a_limit_nobody_waits() -> None:
    async def story() -> None:
        await Limiter().pass_through(1 << 50)

    asyncio.run(story())
    assert Limiter().frame_bytes(80) == FRAME_BYTES_MAX


def test_whoever_is_cancelled_gives_back_what_was_taken() -> None:
    async def story() -> None:
        limiter = Limiter(1000)
        waiting = asyncio.create_task(limiter.pass_through(1 << 40))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait([waiting])
        await limiter.pass_through(100)

    asyncio.run(story())


@given(st.integers(1, 1 << 20), st.integers(1, 256))
def test_frames_are_short_enough_that_no_stream_rests_for_long(
    kib: int, streams: int
) -> None:
    size = bandwidth(kib, 0).upload.frame_bytes(streams)
    assert KIB <= size <= FRAME_BYTES_MAX
    if size > KIB:
        assert size * streams / (kib * KIB) <= 5.0


@pytest.mark.parametrize("frame_bytes", [KIB, 10_000, FRAME_BYTES_MAX])
def test_a_shard_in_frames_of_any_length_is_the_same_shard(frame_bytes: int) -> None:
    made = encode_chunk(os.urandom(200_000), 2, 4)
    proof, body = made.proof(1), made.shards[1]
    first, *more = frames.shard_frames(made.id, proof, body, frame_bytes=frame_bytes)
    start = frames.read_shard(first)
    parts = [bytes(start.part)]
    parts += [bytes(frames.read_more(frame, len(body))) for frame in more]
    assert b"".join(parts) == bytes(body)
    assert max(map(len, parts)) <= frame_bytes


def test_frames_that_start_short_double() -> None:
    made = encode_chunk(os.urandom(200_000), 2, 4)
    short = frames.shard_frames(
        made.id, made.proof(1), made.shards[1], frame_bytes=40_000, start_bytes=KIB * 8
    )
    first, *more = short
    parts = [bytes(frames.read_shard(first).part)]
    parts += [bytes(frames.read_more(frame, 200_000)) for frame in more]
    assert [len(part) for part in parts] == [8192, 16_384, 32_768, 40_000, 2_656]
    assert b"".join(parts) == bytes(made.shards[1])


def opened() -> World:
    world = World()
    world.begin()
    for index in range(N):
        world.connect(index)
    world.tell(ChunkAdded(chunk(0), length(0), world.now))
    return world


def test_nobody_is_left_behind_for_what_we_keep_back_ourselves() -> None:
    world = opened()
    for _ in range(100):
        world.now += 1
        for index in range(N):
            world.tell(HeldBack(index, world.now))
        world.tell(ClockTicked(world.now))
    assert not any(isinstance(effect, DealAbandoned) for effect in world.seen)
    for _ in range(STALLED + 1):
        world.now += 1
        world.tell(ClockTicked(world.now))
    assert any(isinstance(effect, DealAbandoned) for effect in world.seen)


async def sent(
    place: Market, book: DealBook, chunks: list[bytes], fault: str = ""
) -> list[ChunkId]:
    async with Upload(book, place.options()) as upload:
        first = (await upload.ready()).deal.holders[0].vault
        if fault:
            bad = next(vault for vault in place.vaults if vault.vault == first)
            setattr(bad.faults, fault, True)
        ids = await asyncio.to_thread(lambda: [upload.add(each) for each in chunks])
        await upload.commit(MEMO, [EMPTY])
        return ids


async def fetched(book: DealBook, ids: list[ChunkId]) -> list[bytes]:
    download = Download(book)
    try:
        for deal in await book.deals():
            state = await book.state(deal)
            manifest = await book.manifest(deal, state.head, sorted(state.answered))
            download.learn(deal, manifest)
        return [bytes(await download.get(each)) for each in ids]
    finally:
        await download.close()


def test_a_limited_upload_takes_its_time_and_loses_nothing(tmp_path: Path) -> None:
    async def story() -> None:
        chunks = [os.urandom(100 * KIB) for _ in range(2)]
        async with market(tmp_path) as place, place.client() as book:
            book.directory.bandwidth = bandwidth(400, 0)
            began = time.monotonic()
            ids = await sent(place, book, chunks)
            # Twice the chunks' bytes go out, the first quarter of a second's at once.
            assert time.monotonic() - began >= 400 / 400 - BURST_SECONDS - 0.01
            book.directory.bandwidth = bandwidth(0, 400)
            began = time.monotonic()
            assert await fetched(book, ids) == chunks
            assert time.monotonic() - began >= 200 / 400 - BURST_SECONDS - 0.01

    asyncio.run(story())


@pytest.mark.parametrize("fault", ["stores_nothing", "serves_nothing"])
def test_a_holder_that_takes_or_gives_nothing_does_not_hold_up_the_others(
    tmp_path: Path, fault: str
) -> None:
    async def story() -> None:
        chunks = [os.urandom(50 * KIB) for _ in range(3)]
        async with market(tmp_path) as place, place.client() as book:
            book.directory.bandwidth = bandwidth(2000, 2000)
            ids = await sent(place, book, chunks, fault)
            assert await fetched(book, ids) == chunks

    asyncio.run(story())


class CountingLimiter(Limiter):
    """Counts how often it is asked."""

    asked = 0

    async def pass_through(
        self, size: int, held_back: Callable[[], None] = lambda: None
    ) -> None:
        self.asked += 1
        await super().pass_through(size, held_back)


def test_nobody_is_asked_twice_for_what_only_our_limit_keeps_back(
    tmp_path: Path,
) -> None:
    async def story() -> None:
        chunks = [os.urandom(30 * KIB) for _ in range(2)]
        async with market(tmp_path) as place, place.client() as book:
            ids = await sent(place, book, chunks)
            # A chunk's shards wait for longer than spares would be asked after.
            limiter = CountingLimiter(10 * KIB)
            book.directory.bandwidth = Bandwidth(download=limiter)
            download = Download(book)
            for deal in await book.deals():
                state = await book.state(deal)
                held = await book.manifest(deal, state.head, sorted(state.answered))
                download.learn(deal, held)
            try:
                tasks = (download.get(each) for each in ids)
                assert [bytes(got) for got in await asyncio.gather(*tasks)] == chunks
            finally:
                await download.close()
            assert limiter.asked == 2 * len(chunks)

    asyncio.run(story())
