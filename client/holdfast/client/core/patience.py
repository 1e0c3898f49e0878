"""How long one of several holders may be silent before it is to blame for it.

A slow connection slows all holders down, and none of them is to blame for that; what
one may be blamed for is silence that the others do not share. The median of theirs
is what counts, so that no minority of them, stuck or evil, stretches it.
"""

from collections import deque
from collections.abc import Collection
from statistics import median_low
from typing import Final

TIMES: Final = 4
_GAPS_MAX: Final = 32


class Gaps:
    """How long one holder was silent, each time before it got ahead.

    What counts is the longest of a while: after a long shard a short one comes soon.
    """

    def __init__(self) -> None:
        # Later ones are shorter: a longer one takes the place of those before it.
        self._gaps: deque[tuple[float, float]] = deque(maxlen=_GAPS_MAX)

    def add(self, ended: float, seconds: float) -> None:
        """Note a gap that ended now."""
        while self._gaps and self._gaps[-1][1] <= seconds:
            self._gaps.pop()
        self._gaps.append((ended, seconds))

    def longest_since(self, when: float) -> float | None:
        """Return the longest of those that ended at `when` or later."""
        for ended, seconds in self._gaps:
            if ended >= when:
                return seconds
        return None

    @property
    def last(self) -> float:
        """The last gap, 0.0 before the first."""
        return self._gaps[-1][1] if self._gaps else 0.0


def patience(others: Collection[float], least: float, longest: float) -> float:
    """Return for how many seconds a holder may be silent.

    `others` has, for each of the other holders, how many seconds it is silent now or
    was before it last got ahead. Without others it is `longest`.
    """
    if not others:
        return longest
    return min(max(TIMES * median_low(others), least), max(least, longest))
