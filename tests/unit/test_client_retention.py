import datetime as dt

from hypothesis import given
from hypothesis import strategies as st

from holdfast.client.core.blobs import BlobList
from holdfast.client.core.retention import Retention, _year_and_month, groups, kept
from holdfast.client.core.snapshot import (
    NamedSnapshot,
    Snapshot,
    SnapshotStats,
    name_snapshot,
)

UTC = dt.UTC


def at(when: str, *, tags: tuple[str, ...] = (), host: str = "host") -> NamedSnapshot:
    time = dt.datetime.fromisoformat(when)
    offset = time.utcoffset() or dt.timedelta()
    seconds = int(time.replace(tzinfo=time.tzinfo or UTC).timestamp())
    return name_snapshot(
        bytes(32),
        Snapshot(
            time_ns=seconds * 10**9,
            utc_offset_seconds=int(offset.total_seconds()),
            host=host,
            user="user",
            paths=(b"/a",),
            tags=tags,
            tree=BlobList(),
            parent=None,
            stats=SnapshotStats(),
            program="test",
        ),
    )


def times(snapshots: tuple[NamedSnapshot, ...]) -> list[str]:
    return [
        dt.datetime.fromtimestamp(s.snapshot.time_ns / 10**9, UTC).strftime(
            "%Y-%m-%d %H"
        )
        for s in snapshots
    ]


HOURLY = [
    at(f"2024-02-{day:02}T{hour:02}:00") for day in (27, 28, 29) for hour in (1, 9)
]


def test_the_last_are_the_newest() -> None:
    assert times(kept(HOURLY, Retention(last=2))) == ["2024-02-29 01", "2024-02-29 09"]


def test_a_day_keeps_its_newest() -> None:
    found = times(kept(HOURLY, Retention(daily=2)))
    assert found == ["2024-02-28 09", "2024-02-29 09"]


def test_rules_add_up() -> None:
    found = times(kept(HOURLY, Retention(last=1, daily=3, hourly=2)))
    assert found == ["2024-02-27 09", "2024-02-28 09", "2024-02-29 01", "2024-02-29 09"]


def test_weeks_begin_on_monday() -> None:
    days = [at(f"2024-01-{day:02}T12:00") for day in (7, 8, 14, 15)]
    found = times(kept(days, Retention(weekly=9)))
    assert found == ["2024-01-07 12", "2024-01-14 12", "2024-01-15 12"]


def test_months_and_years_end_where_the_calendar_says() -> None:
    days = [at(f"{day}T12:00") for day in ("2023-12-31", "2024-01-01", "2024-02-29")]
    assert len(kept(days, Retention(monthly=9))) == 3
    found = times(kept(days, Retention(yearly=9)))
    assert found == ["2023-12-31 12", "2024-02-29 12"]


def test_a_day_is_that_of_the_backups_place() -> None:
    same_day = [at("2024-01-01T23:30:00-05:00"), at("2024-01-01T08:00:00-05:00")]
    assert len(kept(same_day, Retention(daily=5))) == 1
    assert len({s.snapshot.time_ns // (86_400 * 10**9) for s in same_day}) == 2


def test_tagged_snapshots_stay() -> None:
    tagged = at("2020-01-01T00:00", tags=("release",))
    found = kept([tagged, *HOURLY], Retention(last=1, tags=frozenset({"release"})))
    assert times(found) == ["2020-01-01 00", "2024-02-29 09"]


def test_no_rule_keeps_nothing() -> None:
    assert kept(HOURLY, Retention()) == ()


def test_hosts_are_kept_apart() -> None:
    found = groups([at("2024-01-01T00:00"), at("2024-01-01T00:00", host="other")])
    assert [len(group) for group in found.values()] == [1, 1]


@given(date=st.dates())
def test_the_calendar_agrees_with_the_standard_library(date: dt.date) -> None:
    day = (date - dt.date(1970, 1, 1)).days
    assert _year_and_month(day) == (date.year, date.month)
