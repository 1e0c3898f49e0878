"""How long one of several holders may be silent before it is to blame for it.

A slow connection slows all holders down, and none of them is to blame for that; what
one may be blamed for is silence that the others do not share. The median of theirs
is what counts, so that no minority of them, stuck or evil, stretches it.
"""

from collections.abc import Collection
from statistics import median_low
from typing import Final

TIMES: Final = 4


def patience(others: Collection[float], least: float, longest: float) -> float:
    """Return for how many seconds a holder may be silent.

    `others` has, for each of the other holders, how many seconds it is silent now or
    was before it last got ahead. Without others it is `longest`.
    """
    if not others:
        return longest
    return min(max(TIMES * median_low(others), least), max(least, longest))
