"""Which snapshots the rules keep, and why; and the calendar they rely on."""

import datetime as dt
from collections.abc import Iterable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.client.core.blobs import BlobList
from holdfast.client.core.calendar import civil, day_of, months_before
from holdfast.client.core.retention import (
    UNLIMITED,
    Decision,
    Retention,
    Span,
    decide,
)
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


def kept(
    snapshots: Iterable[NamedSnapshot], retention: Retention
) -> tuple[NamedSnapshot, ...]:
    decisions = decide(snapshots, retention)
    return tuple(each.named for each in decisions if each.is_kept)


def times(snapshots: Sequence[NamedSnapshot]) -> list[str]:
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


def test_every_rule_that_keeps_a_snapshot_is_a_reason() -> None:
    decisions = decide(HOURLY, Retention(last=1, daily=2, monthly=3))
    assert [each.reasons for each in decisions] == [
        ("oldest monthly",),
        (),
        (),
        ("newest daily",),
        (),
        ("last", "newest daily", "newest monthly"),
    ]


def test_a_rule_that_may_keep_more_also_keeps_the_oldest() -> None:
    found = times(kept(HOURLY, Retention(daily=4)))
    assert found == ["2024-02-27 01", "2024-02-27 09", "2024-02-28 09", "2024-02-29 09"]


def test_unlimited_keeps_one_of_each_period_there_is() -> None:
    found = times(kept(HOURLY, Retention(daily=UNLIMITED)))
    assert len(found) == 4
    assert kept(HOURLY, Retention(last=UNLIMITED)) == tuple(HOURLY)


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
    assert len(kept(same_day, Retention(daily=1))) == 1
    assert [each.reasons for each in decide(same_day, Retention(daily=2))] == [
        ("oldest daily",),
        ("newest daily",),
    ]
    assert len({s.snapshot.time_ns // (86_400 * 10**9) for s in same_day}) == 2


def test_tagged_snapshots_stay() -> None:
    tagged = at("2020-01-01T00:00", tags=("release", "x"))
    rules = Retention(last=1, tags=(frozenset({"release"}),))
    assert times(kept([tagged, *HOURLY], rules)) == ["2020-01-01 00", "2024-02-29 09"]
    both = Retention(last=1, tags=(frozenset({"release", "y"}),))
    assert times(kept([tagged, *HOURLY], both)) == ["2024-02-29 09"]
    (first, *_) = decide([tagged, *HOURLY], rules)
    assert first.reasons == ("tagged release",)


@pytest.mark.parametrize(
    ("span", "count"),
    [
        (Span("7h", hours=7), 1),
        (Span("8h", hours=8), 1),
        (Span("9h", hours=9), 2),
        (Span("1d", days=1), 2),
        (Span("2d", days=2), 4),
        (Span("1m", months=1), 6),
    ],
)
def test_all_within_a_time_before_the_newest_stay(span: Span, count: int) -> None:
    decisions = decide(HOURLY, Retention(within=span))
    assert [each.is_kept for each in decisions] == [False] * (6 - count) + [
        True
    ] * count
    assert decisions[-1].reasons == (f"within {span.text}",)


def test_no_rule_keeps_nothing() -> None:
    assert kept(HOURLY, Retention()) == ()


def plainly(snapshots: Sequence[NamedSnapshot], rules: Retention) -> set[bytes]:
    """restic's rules, written with the standard library's calendar."""
    found: set[bytes] = set()
    newest_first = sorted(snapshots, key=lambda s: (s.snapshot.time_ns, s.id))[::-1]
    shapes = {
        rules.hourly: "%Y-%m-%d %H",
        rules.daily: "%Y-%m-%d",
        rules.weekly: "%G-%V",
        rules.monthly: "%Y-%m",
        rules.yearly: "%Y",
    }
    for count, shape in shapes.items():
        left, last = count, ""
        for place, named in enumerate(newest_first):
            zone = dt.timezone(dt.timedelta(seconds=named.snapshot.utc_offset_seconds))
            time = dt.datetime.fromtimestamp(named.snapshot.time_ns // 10**9, zone)
            period = time.strftime(shape)
            if left and (period != last or place == len(newest_first) - 1):
                found.add(named.id)
                left, last = left - 1, period
    return found


TIMES = st.datetimes(dt.datetime(1971, 1, 1), dt.datetime(2100, 1, 1))  # noqa: DTZ001
NEAR = st.integers(0, 24 * 400).map(
    lambda hours: dt.datetime(2023, 12, 1) + dt.timedelta(hours=hours)  # noqa: DTZ001
)


@given(
    st.lists(NEAR | TIMES, min_size=1, max_size=40, unique=True),
    st.permutations([1, 2, 3, 5, 8]),
)
def test_the_rules_are_those_of_restic(
    when: list[dt.datetime], counts: list[int]
) -> None:
    snapshots = [at(time.isoformat()) for time in when]
    hourly, daily, weekly, monthly, yearly = counts
    rules = Retention(0, hourly, daily, weekly, monthly, yearly)
    assert {named.id for named in kept(snapshots, rules)} == plainly(snapshots, rules)


def test_a_decision_without_a_reason_is_to_forget() -> None:
    assert not Decision(HOURLY[0], ()).is_kept


@given(date=st.dates())
def test_the_calendar_agrees_with_the_standard_library(date: dt.date) -> None:
    day = (date - dt.date(1970, 1, 1)).days
    assert civil(day) == (date.year, date.month, date.day)
    assert day_of(date.year, date.month, date.day) == day


@pytest.mark.parametrize(
    ("day", "months", "earlier"),
    [
        ("2024-03-15", 1, "2024-02-15"),
        ("2024-03-31", 1, "2024-03-02"),
        ("2023-03-31", 1, "2023-03-03"),
        ("2024-01-10", 25, "2021-12-10"),
        ("2024-02-29", 12, "2023-03-01"),
        ("2024-02-29", 0, "2024-02-29"),
    ],
)
def test_months_before_are_counted_by_the_calendar(
    day: str, months: int, earlier: str
) -> None:
    first = dt.date(1970, 1, 1)
    found = months_before((dt.date.fromisoformat(day) - first).days, months)
    assert (first + dt.timedelta(days=found)).isoformat() == earlier
