"""Which snapshots are meant."""

import dataclasses

import pytest

from holdfast.client.core.blobs import BlobList
from holdfast.client.core.errors import SnapshotUnknownError
from holdfast.client.core.snapshot import (
    NamedSnapshot,
    Snapshot,
    SnapshotId,
    SnapshotStats,
)
from holdfast.client.core.snapshot_choice import (
    GroupBy,
    SnapshotFilter,
    find_snapshot,
    find_snapshots,
    group,
    newest_of_each,
)

BARE = Snapshot(
    time_ns=0,
    utc_offset_seconds=0,
    host="desk",
    user="user",
    paths=(b"/home",),
    tags=(),
    tree=BlobList(),
    parent=None,
    stats=SnapshotStats(),
    program="test",
)


def named(number: int, **fields: object) -> NamedSnapshot:
    identity = SnapshotId(bytes([number]) * 32)
    return NamedSnapshot(
        identity,
        dataclasses.replace(BARE, time_ns=number, **fields),  # type: ignore[arg-type] # fields by name
    )


ONE = named(0x11)
TWO = named(0x12, host="lap", tags=("a",))
THREE = named(0x33, paths=(b"/home", b"/etc"), tags=("a", "b"))
ALL = (ONE, TWO, THREE)


def test_hosts_are_alternatives() -> None:
    assert [s for s in ALL if SnapshotFilter(frozenset({"lap", "x"})).takes(s)] == [TWO]


def test_a_list_of_tags_must_be_there_as_a_whole_and_several_are_alternatives() -> None:
    both = SnapshotFilter(tags=(frozenset({"a", "b"}),))
    assert [s for s in ALL if both.takes(s)] == [THREE]
    either = SnapshotFilter(tags=(frozenset({"b"}), frozenset()))
    assert [s for s in ALL if either.takes(s)] == [ONE, THREE]


def test_all_paths_must_be_there() -> None:
    home = SnapshotFilter(paths=frozenset({b"/home"}))
    both = SnapshotFilter(paths=frozenset({b"/home", b"/etc"}))
    assert [s for s in ALL if home.takes(s)] == list(ALL)
    assert [s for s in ALL if both.takes(s)] == [THREE]


def test_the_start_of_an_id_is_enough() -> None:
    assert find_snapshot(ALL, "3") is THREE
    assert find_snapshot(ALL, "12") is TWO
    assert find_snapshot(ALL, "11" * 32) is ONE


def test_latest_is_the_newest_that_fits() -> None:
    assert find_snapshot(ALL, "latest") is THREE
    assert find_snapshot(ALL, "latest", SnapshotFilter(frozenset({"lap"}))) is TWO


@pytest.mark.parametrize("name", ["1", "", "zz", "latest!"])
def test_no_snapshot_and_several_are_errors(name: str) -> None:
    with pytest.raises(SnapshotUnknownError):
        find_snapshot(ALL, name)


def test_several_snapshots_of_a_name_are_told() -> None:
    with pytest.raises(SnapshotUnknownError, match="111111111111, 121212121212"):
        find_snapshot(ALL, "1")


def test_there_may_be_no_latest() -> None:
    with pytest.raises(SnapshotUnknownError, match="yet"):
        find_snapshot((), "latest")
    with pytest.raises(SnapshotUnknownError, match="of this host"):
        find_snapshot(ALL, "latest", SnapshotFilter(frozenset({"nobody"})))


def test_names_choose_once_and_no_names_choose_what_fits() -> None:
    assert find_snapshots(ALL, ["3", "latest", "12"]) == (THREE, TWO)
    assert find_snapshots(ALL, [], SnapshotFilter(frozenset({"desk"}))) == (ONE, THREE)


def test_groups_are_by_what_is_asked() -> None:
    more = (*ALL, named(0x44))
    assert list(group(more).values()) == [[ONE, named(0x44)], [TWO], [THREE]]
    assert list(group(more, [GroupBy.HOST]).values()) == [
        [ONE, THREE, named(0x44)],
        [TWO],
    ]
    assert len(group(more, [GroupBy.TAGS])) == 3
    assert list(group(more, []).values()) == [list(more)]


def test_the_newest_of_each_group_stay_in_order() -> None:
    more = (*ALL, named(0x44), named(0x45))
    assert newest_of_each(more, 2) == (TWO, THREE, named(0x44), named(0x45))
    assert newest_of_each(more, 1) == (TWO, THREE, named(0x45))
