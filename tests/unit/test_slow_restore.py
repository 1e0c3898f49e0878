"""Reading over connections that are slow, with holders that hang and that drip."""

import asyncio
import os
from dataclasses import replace
from functools import cache

import pytest

from holdfast.client.download import Download
from holdfast.protocol.chunk import EncodedChunk, encode_chunk
from holdfast.protocol.deal import Deal, Holder
from holdfast.protocol.units import MIB, ChunkId, VaultId
from slow_link import AtOnce, Link, play, stand_still
from upload_world import DEAL

K, N = 4, 8
CHUNK_BYTES = 4 * MIB
SLOW = 250_000
QUICK = 100_000_000
FOUR_OF_EIGHT: Deal = replace(
    DEAL,
    k=K,
    holders=tuple(Holder(VaultId(bytes([9 + i]) * 32), 1, 0) for i in range(N)),
)


@cache
def plain() -> tuple[bytes, ...]:
    return tuple(os.urandom(CHUNK_BYTES) for _ in range(4))


@cache
def coded() -> tuple[EncodedChunk, ...]:
    return tuple(encode_chunk(each, K, N) for each in plain())


def link(rate: float) -> Link:
    chunks = {ChunkId(each.id): each for each in coded()}
    return Link(FOUR_OF_EIGHT, chunks, rate)


def restored(link: Link, *, ahead: bool = True, stopped: float = 0) -> float:
    """Read all chunks, as a restore does; return how many seconds that took.

    After five seconds the reader is `stopped` for so many.
    """
    took = 0.0

    async def story() -> None:
        nonlocal took
        loop = asyncio.get_running_loop()
        reader = Download(link.book(), pool=AtOnce())
        reader.learn_chunks(link.deal, [(each.id, CHUNK_BYTES) for each in coded()])
        serving = asyncio.ensure_future(link.serve())
        loop.call_later(5, stand_still, stopped)
        ids = [each.id for each in coded()]
        try:
            if ahead:
                reader.prefetch(ids)
            await asyncio.sleep(0)
            for chunk, data in zip(ids, plain(), strict=True):
                assert await reader.get(chunk) == data
            took = loop.time()
        finally:
            await reader.close()
            serving.cancel()

    play(story())
    return took


NEEDED = 4 * CHUNK_BYTES


@pytest.mark.parametrize("in_order", [False, True])
def test_a_slow_connection_carries_nothing_in_vain(in_order: bool) -> None:
    slow = link(SLOW)
    slow.in_order = in_order
    took = restored(slow)
    assert slow.carried < 1.01 * NEEDED
    assert took < 1.03 * NEEDED / SLOW


@pytest.mark.parametrize("bare", [{0}, {0, 1, 2}])
def test_refusals_do_not_make_a_slow_connection_look_quick(bare: set[int]) -> None:
    slow = link(SLOW)
    slow.bare = bare
    restored(slow)
    assert slow.carried < 1.01 * NEEDED


def test_one_that_hangs_on_a_slow_connection_costs_little() -> None:
    slow = link(SLOW)
    slow.hung = {1}
    took = restored(slow)
    assert slow.carried < 1.3 * NEEDED
    assert took < 1.5 * NEEDED / SLOW


@pytest.mark.parametrize("kind", ["hung", "drip"])
@pytest.mark.parametrize("bad", [{0}, {1, 3}])
def test_on_a_quick_connection_bad_holders_cost_moments(
    kind: str, bad: set[int]
) -> None:
    quick = link(QUICK)
    setattr(quick, kind, bad)
    assert restored(quick) < 2


@pytest.mark.parametrize(
    ("kind", "bad", "seconds"),
    [
        ("hung", {0, 1, 2}, 3),
        ("hung", {0, 1, 2, 3}, 3),
        ("drip", {0, 1, 2}, 12),
        ("drip", {0, 1, 2, 3}, 65),
    ],
)
def test_nearly_all_that_were_asked_first_may_be_bad(
    kind: str, bad: set[int], seconds: float
) -> None:
    quick = link(QUICK)
    setattr(quick, kind, bad)
    assert restored(quick) < seconds


def test_one_that_hangs_is_waited_for_once() -> None:
    quick = link(QUICK)
    quick.hung = {0}
    assert restored(quick, ahead=False) < 1
    assert quick.asked[0] == 1


def test_a_connection_that_becomes_slow_is_not_made_slower() -> None:
    wide = link(QUICK)
    wide.slows_at, wide.slow_rate = NEEDED // 8, SLOW
    restored(wide)
    assert wide.carried < 1.6 * NEEDED


def test_after_a_reader_was_stopped_nobody_is_given_up() -> None:
    slow = link(SLOW)
    slow.hung = {4, 5, 6, 7}
    assert restored(slow, stopped=3600) < 3600 + 1.03 * NEEDED / SLOW
