"""Who is late with shards, and for whom to wait no longer: pure decisions."""

import pytest

from holdfast.client.core.fetch_times import HolderTimes
from holdfast.protocol.units import MIB

N = 4


def asked(*indexes: int) -> HolderTimes:
    times = HolderTimes(N, MIB)
    for index in indexes:
        times.asked(index, 0.0)
    return times


def bring(times: HolderTimes, index: int, now: float) -> None:
    times.part_came(index, MIB, now)
    times.brought(index, MIB, now)


def test_who_rests_is_never_late() -> None:
    times = asked(0, 1)
    bring(times, 0, 0.1)
    times.gone(1)
    assert times.late(1e6) == frozenset()
    assert not times.is_stalled(0, 1e6)


def test_who_is_silent_for_much_longer_than_the_others_is_late() -> None:
    times = asked(0, 1, 2)
    for now in (1.0, 2.0, 3.0, 4.0):
        assert times.late(now - 0.1) == frozenset()
        times.part_came(0, MIB, now)
        times.part_came(1, MIB, now)
    assert times.late(4.1) == {2}


def test_who_has_the_connection_alone_is_late_soon() -> None:
    times = asked(0, 1, 2, 3)
    for index in (0, 1, 2):
        bring(times, index, 8.0 + index)
    assert times.late(10.0 + 4 * 2.9) == frozenset()
    assert times.late(10.0 + 4 * 3.2) == {3}


def test_one_quick_holder_makes_nobody_late() -> None:
    times = asked(0, 1, 2, 3)
    bring(times, 0, 0.01)
    assert times.late(1.9) == frozenset()


def test_where_nobody_brings_anything_all_are_late() -> None:
    times = asked(0, 1)
    assert times.late(1.9) == frozenset()
    assert times.late(2.1) == {0, 1}


def test_a_spare_just_asked_tells_nothing_yet() -> None:
    times = asked(0, 1)
    for now in (5.0, 15.0):
        times.part_came(0, MIB, now)
        times.part_came(1, MIB, now)
    times.asked(2, 20.0)
    times.asked(3, 20.0)
    assert times.late(20.0) == frozenset()


def test_who_only_drips_is_late_once_the_others_are_through() -> None:
    times = asked(0, 1, 2)
    bring(times, 0, 1.0)
    bring(times, 1, 1.0)
    for tick in range(1, 45):
        times.part_came(2, 1, tick / 10)
    assert times.late(4.5) == {2}


@pytest.mark.parametrize(("silent", "over"), [(19.0, False), (21.0, True)])
def test_one_is_given_up_when_all_the_others_are_through(
    silent: float, over: bool
) -> None:
    times = asked(0, 1, 2)
    bring(times, 0, 0.5)
    bring(times, 1, 0.5)
    assert times.is_stalled(2, silent) is over


def test_while_others_are_served_nobody_is_given_up_for_minutes() -> None:
    times = asked(0, 1, 2)
    for tick in range(1, 300):
        times.asked(0, tick)
        bring(times, 0, tick)
        times.asked(1, tick)
        bring(times, 1, tick)
        assert not times.is_stalled(2, tick + 0.5)
    assert times.is_stalled(2, 301.0)


def test_where_nobody_brings_anything_it_takes_minutes_to_give_up() -> None:
    times = asked(0, 1)
    assert not times.is_stalled(0, 299.0)
    assert times.is_stalled(0, 301.0)
