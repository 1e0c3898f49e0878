"""Fetching one chunk: k of its n shards from the holders that seem fastest.

When one lags, refuses or serves garbage, a spare is asked at once, so that n - k
holders may be dead or hostile. Which holder seems how fast is `HolderScores`.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

_COOL_DOWN_SECONDS: Final = 20.0
_NEWS_SHARE: Final = 0.25
_UNKNOWN_SECONDS: Final = 0.1


@dataclass(slots=True)
class HolderScores:
    """How fast each of n holders answered lately, and who just failed."""

    n: int
    _seconds: dict[int, float] = field(default_factory=dict)
    _failed_at: dict[int, float] = field(default_factory=dict)

    def answered(self, index: int, seconds: float) -> None:
        """Note how long a holder took to bring a shard."""
        before = self._seconds.get(index, seconds)
        self._seconds[index] = before + _NEWS_SHARE * (seconds - before)
        self._failed_at.pop(index, None)

    def failed(self, index: int, now: float) -> None:
        """Note that a holder could not or would not bring a shard."""
        self._failed_at[index] = now

    def order(self, now: float, late: Collection[int] = ()) -> tuple[int, ...]:
        """Return all holders, those to be asked first in front; the `late` come last.

        Holders of about the same speed stand by index: the first k shards are the
        data itself and cost no decoding.
        """
        return tuple(
            sorted(
                range(self.n),
                key=lambda index: (
                    index in late or self._is_cooling(index, now),
                    self._rounded_speed(index),
                    index,
                ),
            )
        )

    def _is_cooling(self, index: int, now: float) -> bool:
        failed = self._failed_at.get(index)
        return failed is not None and now - failed < _COOL_DOWN_SECONDS

    def _rounded_speed(self, index: int) -> int:
        """Return the holder's time in powers of two, so that equals stay equal."""
        seconds = self._seconds.get(index, _UNKNOWN_SECONDS)
        return max(1, int(seconds * 20)).bit_length()


@dataclass(slots=True)
class ChunkFetch:
    """The state of one chunk's fetch; holders are asked in the given order."""

    k: int
    order: Sequence[int]
    arrived: list[int] = field(default_factory=list)
    failures: dict[int, str] = field(default_factory=dict)
    _asked: set[int] = field(default_factory=set)
    _late: set[int] = field(default_factory=set)

    @property
    def is_done(self) -> bool:
        """Whether k shards are here."""
        return len(self.arrived) >= self.k

    @property
    def has_failed(self) -> bool:
        """Whether k shards cannot come together any more."""
        return len(self.order) - len(self.failures) < self.k

    @property
    def refusals(self) -> Mapping[int, str]:
        """Why each holder that failed did."""
        return self.failures

    def start(self) -> list[int]:
        """Return the holders to ask first."""
        return self._ask_more()

    def came(self, index: int) -> list[int]:
        """Note a verified shard; return whom else to ask."""
        if index not in self.arrived:
            self.arrived.append(index)
        return self._ask_more()

    def failed(self, index: int, reason: str) -> list[int]:
        """Note that a holder brings nothing; return whom to ask in its place."""
        self.failures[index] = reason
        return self._ask_more()

    def lags(self, index: int) -> list[int]:
        """Note that a holder is late; return whom to ask beside it."""
        if index not in self.arrived and index not in self.failures:
            self._late.add(index)
        return self._ask_more()

    def _ask_more(self) -> list[int]:
        hopeful = self._asked - self._late - self.failures.keys() - set(self.arrived)
        wanted = self.k - len(self.arrived) - len(hopeful)
        fresh = [index for index in self.order if index not in self._asked]
        asked = fresh[: max(wanted, 0)]
        self._asked.update(asked)
        return asked
