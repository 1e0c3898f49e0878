"""Whom an upload gives up and whom it waits for, on slow connections and quick."""

from typing import TypeGuard

from holdfast.client.core.upload_events import (
    ChunkAdded,
    ClockTicked,
    DealAbandoned,
    Effect,
    Flushed,
    FlushWanted,
    SendShard,
)
from upload_steps import MEMO, STALLED, of, opened, settle, wait
from upload_world import N, World, chunk

SLOW = 20
"""Seconds for a shard, whoever's it is: each waits N times as long for its own."""


def land(world: World, *, but: frozenset[int] = frozenset()) -> bool:
    """Let one shard arrive, of the holder that has waited longest; tell if one did.

    What is short goes through at once.
    """

    def arrives(effect: Effect) -> bool:
        return _is_long(effect) and effect.index not in but

    _end_what_is_short(world)
    place = next((at for at, each in enumerate(world.todo) if arrives(each)), None)
    if place is not None:
        world.happen(place)
        _end_what_is_short(world)
    return place is not None


def _end_what_is_short(world: World) -> None:
    while short := [at for at, each in enumerate(world.todo) if not _is_long(each)]:
        world.happen(short[0])


def _is_long(effect: Effect) -> TypeGuard[SendShard]:
    return isinstance(effect, SendShard)


def left_behind(world: World) -> list[int]:
    ends = [end for end in of(world, DealAbandoned) if isinstance(end, DealAbandoned)]
    return [left.index for end in ends for left in end.left_behind]


def test_nobody_is_blamed_for_a_slow_connection() -> None:
    world = opened(6)
    world.tell(FlushWanted(MEMO, frozenset(), world.now))
    wait(world, N * SLOW)
    while land(world):
        wait(world, SLOW)
    settle(world)
    assert not left_behind(world)
    assert of(world, Flushed)


def test_who_is_served_last_is_not_blamed() -> None:
    """The others were served one after the other, and quickly by themselves."""
    world = opened(6)
    for served in range(N):
        while land(world, but=frozenset(range(N)) - {served}):
            wait(world, SLOW // 2)
    assert not left_behind(world)


def test_the_time_of_a_long_shard_counts_after_a_short_one_too() -> None:
    world = opened(1)
    world.tell(ChunkAdded(chunk(1), 1_000, world.now))
    wait(world, 40)
    while land(world, but=frozenset({2})):
        wait(world, 1)
    wait(world, 60)
    assert not left_behind(world)


def test_who_takes_nothing_while_the_others_do_is_blamed_soon() -> None:
    world = opened(3)
    wait(world, 2)
    while land(world, but=frozenset({1, 3})):
        pass
    wait(world, 27)
    assert not left_behind(world)
    wait(world, 2)
    assert left_behind(world) == [1, 3]


def test_who_stops_on_a_slow_connection_is_blamed_in_the_end() -> None:
    world = opened(12)
    gone: frozenset[int] = frozenset()
    began = world.now
    while not left_behind(world):
        if world.now > 4 * N * SLOW:
            gone = frozenset({2})
        land(world, but=gone)
        wait(world, SLOW)
        assert world.now < began + 4 * N * SLOW + 2 * STALLED
    assert left_behind(world) == [2]


def test_a_connection_that_becomes_slow_has_nobody_blamed() -> None:
    world = opened(8)
    for _ in range(2 * N):
        land(world)
        wait(world, 1)
    while land(world):
        wait(world, SLOW)
    assert not left_behind(world)


def test_where_nothing_arrives_at_all_it_ends_after_minutes() -> None:
    world = opened(2)
    wait(world, STALLED)
    assert not left_behind(world)
    wait(world, 1)
    assert left_behind(world) == list(range(N))


def test_after_a_night_in_suspend_a_stuck_holder_is_blamed_as_soon_as_ever() -> None:
    world = opened(6)
    wait(world, 1)
    for _ in range(2 * N):
        land(world)
    world.now += 30_000
    world.tell(ClockTicked(world.now))
    while land(world, but=frozenset({2})):
        wait(world, 1)
    wait(world, 30 + 1)
    assert left_behind(world) == [2]


def test_one_that_takes_longer_with_every_shard_is_blamed_all_the_same() -> None:
    """Its own shards would make the connection look slow."""
    world = opened(40)
    for _ in range(2 * N):
        land(world)
        wait(world, 1)
    while land(world, but=frozenset({2})):
        pass
    gap = 15
    while not left_behind(world):
        assert gap < 60
        wait(world, gap)
        land(world)
        gap += gap // 5
    assert left_behind(world) == [2]
