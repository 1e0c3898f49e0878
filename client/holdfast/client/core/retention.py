"""Which snapshots to keep: the last few, and one for each of some periods.

As in restic, each rule keeps the newest snapshot of each of its newest periods, and a
snapshot stays if any rule keeps it. A rule with fewer periods than it may keep also
keeps the oldest snapshot. Days are those of the place of the backup.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from holdfast.client.core.calendar import civil, months_before
from holdfast.client.core.snapshot import NamedSnapshot, Snapshot
from holdfast.protocol.frozen import frozen

UNLIMITED: Final = -1
_HOUR_SECONDS: Final = 3600
_DAY_SECONDS: Final = 86_400
_SECOND_NS: Final = 10**9


@frozen
class Span:
    """A length of time by the calendar; `text` is how it was asked for."""

    text: str
    months: int = 0
    days: int = 0
    hours: int = 0


@frozen
class Retention:
    """How many snapshots, or periods with a snapshot, each rule keeps, or UNLIMITED.

    Kept are also snapshots that have all tags of one of `tags`, and those `within` a
    time before the newest.
    """

    last: int = 0
    hourly: int = 0
    daily: int = 0
    weekly: int = 0
    monthly: int = 0
    yearly: int = 0
    within: Span | None = None
    tags: tuple[frozenset[str], ...] = ()


NO_RULES: Final = Retention()


@frozen
class Decision:
    """A snapshot, and why it is kept; without a reason it goes."""

    named: NamedSnapshot
    reasons: tuple[str, ...]

    @property
    def is_kept(self) -> bool:
        """Whether any rule keeps the snapshot."""
        return bool(self.reasons)


def decide(
    snapshots: Iterable[NamedSnapshot], retention: Retention
) -> tuple[Decision, ...]:
    """Return for each snapshot of one group why it is kept, oldest first.

    The caller groups, and refuses a retention without rules.
    """
    newest_first = sorted(
        snapshots, key=lambda named: (named.snapshot.time_ns, named.id), reverse=True
    )
    reasons: dict[NamedSnapshot, list[str]] = {named: [] for named in newest_first}
    for name, count, period in _rules(retention):
        for named, reason in _newest_of_each(newest_first, name, count, period):
            reasons[named].append(reason)
    for named in newest_first:
        snapshot = named.snapshot
        reasons[named] += [
            f"tagged {', '.join(sorted(tags))}"
            for tags in retention.tags
            if tags <= set(snapshot.tags)
        ]
        if retention.within and _is_within(
            snapshot, newest_first[0].snapshot, retention.within
        ):
            reasons[named].append(f"within {retention.within.text}")
    return tuple(Decision(named, tuple(reasons[named])) for named in newest_first[::-1])


_Period = Callable[[Snapshot], object]


def _rules(retention: Retention) -> list[tuple[str, int, _Period]]:
    return [
        ("last", retention.last, lambda snapshot: snapshot),
        ("hourly", retention.hourly, lambda s: _local_seconds(s) // _HOUR_SECONDS),
        ("daily", retention.daily, _local_day),
        ("weekly", retention.weekly, lambda snapshot: (_local_day(snapshot) + 3) // 7),
        ("monthly", retention.monthly, lambda s: civil(_local_day(s))[:2]),
        ("yearly", retention.yearly, lambda s: civil(_local_day(s))[0]),
    ]


def _newest_of_each(
    newest_first: Sequence[NamedSnapshot], name: str, count: int, period: _Period
) -> list[tuple[NamedSnapshot, str]]:
    found: dict[object, tuple[NamedSnapshot, str]] = {}
    for named in newest_first:
        key = period(named.snapshot)
        if len(found) == count:
            return list(found.values())
        if key not in found:
            found[key] = (named, "last" if name == "last" else f"newest {name}")
    chosen = list(found.values())
    if chosen and chosen[-1][0] != newest_first[-1]:
        chosen.append((newest_first[-1], f"oldest {name}"))
    return chosen


def _is_within(snapshot: Snapshot, newest: Snapshot, span: Span) -> bool:
    day, rest = divmod(_local_seconds(newest), _DAY_SECONDS)
    start_day = months_before(day, span.months) - span.days
    start = start_day * _DAY_SECONDS + rest - span.hours * _HOUR_SECONDS
    start_ns = (start - newest.utc_offset_seconds) * _SECOND_NS
    return snapshot.time_ns - newest.time_ns % _SECOND_NS > start_ns


def _local_seconds(snapshot: Snapshot) -> int:
    return snapshot.time_ns // _SECOND_NS + snapshot.utc_offset_seconds


def _local_day(snapshot: Snapshot) -> int:
    return _local_seconds(snapshot) // _DAY_SECONDS
