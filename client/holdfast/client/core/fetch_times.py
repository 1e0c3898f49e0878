"""Which holders keep a reader waiting, beside the others.

Who is silent for much longer than the others are is late, and a spare is asked beside
it. A slow connection makes all of them silent, and spares would only make it slower.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from holdfast.client.core.patience import TIMES, Gaps, patience
from holdfast.protocol.units import FRAME_BYTES_MAX

LATE_SECONDS_MIN: Final = 0.3
STALL_SECONDS: Final = 20.0
SECONDS_MAX: Final = 300.0
_PARTS_QUIET_SECONDS: Final = 2.0
_SHARDS_QUIET_SECONDS: Final = 10.0
_FIRST_SHARD_SECONDS: Final = 60.0


@dataclass(slots=True)
class _Pulse:
    """One holder's: it is silent `since` its last beat, or since it was asked."""

    waits: bool = False
    since: float = -math.inf
    beat: float = -math.inf
    gaps: Gaps = field(default_factory=Gaps)


class Pulses:
    """When each of n holders last brought something, and how long that took.

    Something has up to `size` bytes. Where nobody brings anything for much longer than
    all who should take at their common pace, at least for `quiet_seconds`, all of them
    are late; and for `first_seconds`, before the pace is known.
    """

    def __init__(
        self, n: int, size: int, quiet_seconds: float, first_seconds: float
    ) -> None:
        self._pulses = [_Pulse() for _ in range(n)]
        self._size = size
        self._quiet_seconds = quiet_seconds
        self._first_seconds = first_seconds
        # How much all brought of late, and in how long, while anything was due.
        self._seconds = 0.0
        self._bytes = 0.0
        self._counted = 0.0

    def begin(self, index: int, now: float) -> None:
        """Note that from now on a holder is to bring something."""
        if not self._waiting():
            self._counted = now
        pulse = self._pulses[index]
        pulse.waits = True
        pulse.since = now

    def beat(self, index: int, size: int, now: float) -> None:
        """Note that a holder brought something of `size` bytes."""
        pulse = self._pulses[index]
        pulse.gaps.add(now, now - pulse.since)
        pulse.since = pulse.beat = now
        keep = 1 - 1 / (2 * len(self._pulses))
        self._seconds = keep * self._seconds + now - self._counted
        self._bytes = keep * self._bytes + size
        self._counted = now

    def rest(self, index: int) -> None:
        """Note that nothing more is to come from a holder."""
        self._pulses[index].waits = False

    def stood_still(self, index: int, seconds: float) -> None:
        """Note that we ourselves did nothing for a while."""
        self._pulses[index].since += seconds

    def silence(self, index: int, now: float) -> float:
        """Return for how many seconds a holder has brought nothing that is due."""
        pulse = self._pulses[index]
        return now - pulse.since if pulse.waits else 0.0

    def patience(self, index: int, now: float, least: float) -> float:
        """Return how many seconds a holder may be silent, beside the others."""
        return patience(list(self._others(index, now)), least, SECONDS_MAX)

    def late(self, now: float) -> frozenset[int]:
        """Return who is silent for so long that a spare is to be asked."""
        all_are_quiet = now - self._last_news() > self._longest_quiet()
        return frozenset(
            index
            for index in range(len(self._pulses))
            if (silence := self.silence(index, now)) > LATE_SECONDS_MIN
            and (all_are_quiet or silence > self.patience(index, now, LATE_SECONDS_MIN))
        )

    def last_beat_but(self, index: int) -> float:
        """Return when any other holder last brought something."""
        others = self._pulses[:index] + self._pulses[index + 1 :]
        return max((each.beat for each in others), default=-math.inf)

    def _others(self, index: int, now: float) -> Iterator[float]:
        """Yield the silence of each other that had something to bring meanwhile.

        Nothing is known yet of those that were asked later and are silent.
        """
        mine = self._pulses[index]
        for each in self._pulses:
            if each is mine:
                continue
            silent = now - each.since if each.waits else 0.0
            before = each.gaps.longest_since(mine.since)
            if before is not None:
                yield max(before, silent)
            elif each.waits and each.since <= mine.since:
                yield silent

    def _last_news(self) -> float:
        """Return when a holder last brought something, or was asked for the first."""
        return max(
            max(each.beat, each.since if each.waits else -math.inf)
            for each in self._pulses
        )

    def _longest_quiet(self) -> float:
        if not self._bytes:
            return self._first_seconds
        usual = self._waiting() * self._size * self._seconds / self._bytes
        return min(max(TIMES * usual, self._quiet_seconds), SECONDS_MAX)

    def _waiting(self) -> int:
        return sum(each.waits for each in self._pulses)


class HolderTimes:
    """How n holders keep up with the shards, of up to `shard_bytes`, asked of them.

    Parts of shards tell soon who is gone; whole shards, who only drips.
    """

    def __init__(self, n: int, shard_bytes: int) -> None:
        self._due = [0] * n
        self._parts = Pulses(
            n, FRAME_BYTES_MAX, _PARTS_QUIET_SECONDS, _PARTS_QUIET_SECONDS
        )
        self._shards = Pulses(
            n, shard_bytes, _SHARDS_QUIET_SECONDS, _FIRST_SHARD_SECONDS
        )

    def asked(self, index: int, now: float) -> None:
        """Note that a holder is to bring one more shard."""
        if not self._due[index]:
            self._parts.begin(index, now)
            self._shards.begin(index, now)
        self._due[index] += 1

    def part_came(self, index: int, size: int, now: float) -> None:
        """Note that `size` bytes of a shard came."""
        self._parts.beat(index, size, now)

    def brought(self, index: int, size: int, now: float) -> None:
        """Note that a holder brought a shard of `size` bytes."""
        self._shards.beat(index, size, now)
        self._answered(index)

    def refused(self, index: int, now: float) -> None:
        """Note that a holder brought no shard, which says nothing of how fast it is."""
        self._parts.begin(index, now)
        self._shards.begin(index, now)
        self._answered(index)

    def gone(self, index: int) -> None:
        """Note that a holder will not bring what is still due."""
        self._due[index] = 0
        self._parts.rest(index)
        self._shards.rest(index)

    def stood_still(self, index: int, seconds: float) -> None:
        """Blame a holder not for a time when we did nothing, as when stopped."""
        self._parts.stood_still(index, seconds)
        self._shards.stood_still(index, seconds)

    def late(self, now: float) -> frozenset[int]:
        """Return all beside whom a spare is to be asked."""
        return self._parts.late(now) | self._shards.late(now)

    def is_stalled(self, index: int, now: float) -> bool:
        """Tell whether to wait no longer for a holder at all.

        While others are being served, its turn may only not have come yet.
        """
        silence = self._shards.silence(index, now)
        if silence > SECONDS_MAX:
            return True
        served = now - self._parts.last_beat_but(index) <= STALL_SECONDS
        patience = self._shards.patience(index, now, STALL_SECONDS)
        return not served and silence > patience

    def _answered(self, index: int) -> None:
        self._due[index] -= 1
        if not self._due[index]:
            self._parts.rest(index)
            self._shards.rest(index)
