"""Which snapshots to keep: the last few, and one for each of some periods.

As in restic, each rule keeps the newest snapshot of each of its newest periods, and a
snapshot stays if any rule keeps it. Days are those of the place of the backup.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from holdfast.client.core.snapshot import NamedSnapshot, Snapshot

_DAY_SECONDS: Final = 86_400
_SECOND_NS: Final = 10**9
_EPOCH_TO_MARCH_YEAR_0: Final = 719_468  # days from 0000-03-01 to 1970-01-01
_ERA_DAYS: Final = 146_097  # days in 400 years


@dataclass(frozen=True, slots=True)
class Retention:
    """How many snapshots, or periods with a snapshot, each rule keeps.

    Snapshots with one of `tags` are always kept.
    """

    last: int = 0
    hourly: int = 0
    daily: int = 0
    weekly: int = 0
    monthly: int = 0
    yearly: int = 0
    tags: frozenset[str] = frozenset()


def kept(
    snapshots: Iterable[NamedSnapshot], retention: Retention
) -> tuple[NamedSnapshot, ...]:
    """Return the snapshots of one group that the rules keep, oldest first.

    The caller groups by host and paths, and refuses a retention without rules.
    """
    newest_first = sorted(
        snapshots, key=lambda named: (named.snapshot.time_ns, named.id), reverse=True
    )
    chosen = {
        named.id
        for count, period in _rules(retention)
        for named in _newest_of_each(newest_first, count, period)
    }
    return tuple(
        named
        for named in reversed(newest_first)
        if named.id in chosen or not retention.tags.isdisjoint(named.snapshot.tags)
    )


def groups(
    snapshots: Iterable[NamedSnapshot],
) -> dict[tuple[str, tuple[bytes, ...]], list[NamedSnapshot]]:
    """Return snapshots by host and paths, to which retention applies apart."""
    found: dict[tuple[str, tuple[bytes, ...]], list[NamedSnapshot]] = {}
    for named in snapshots:
        key = (named.snapshot.host, tuple(sorted(named.snapshot.paths)))
        found.setdefault(key, []).append(named)
    return found


_Period = Callable[[Snapshot], object]


def _rules(retention: Retention) -> list[tuple[int, _Period]]:
    return [
        (retention.last, lambda snapshot: snapshot),
        (retention.hourly, lambda snapshot: _local_seconds(snapshot) // 3600),
        (retention.daily, _local_day),
        (retention.weekly, lambda snapshot: (_local_day(snapshot) + 3) // 7),
        (retention.monthly, lambda snapshot: _year_and_month(_local_day(snapshot))),
        (retention.yearly, lambda snapshot: _year_and_month(_local_day(snapshot))[0]),
    ]


def _newest_of_each(
    newest_first: list[NamedSnapshot], count: int, period: _Period
) -> list[NamedSnapshot]:
    found: dict[object, NamedSnapshot] = {}
    for named in newest_first:
        key = period(named.snapshot)
        if key not in found:
            if len(found) == count:
                break
            found[key] = named
    return list(found.values())


def _local_seconds(snapshot: Snapshot) -> int:
    return snapshot.time_ns // _SECOND_NS + snapshot.utc_offset_seconds


def _local_day(snapshot: Snapshot) -> int:
    return _local_seconds(snapshot) // _DAY_SECONDS


def _year_and_month(day: int) -> tuple[int, int]:
    """Return the Gregorian year and month of a day since 1970-01-01.

    Howard Hinnant, "chrono-compatible low-level date algorithms": years begin in
    March, so that the leap day is their last.
    """
    era, of_era = divmod(day + _EPOCH_TO_MARCH_YEAR_0, _ERA_DAYS)
    year = (of_era - of_era // 1460 + of_era // 36_524 - of_era // 146_096) // 365
    of_year = of_era - (365 * year + year // 4 - year // 100)
    march_based = (5 * of_year + 2) // 153
    month = march_based + 3 if march_based < 10 else march_based - 9
    return era * 400 + year + (month <= 2), month
