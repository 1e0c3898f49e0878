"""Who is near what: XOR distance, close groups, and the period's committee.

Everything here is a pure function of the registry and a point, so everybody
who has the same registry finds the same vaults, in one hop.
"""

import hashlib
import heapq
from collections.abc import Collection, Iterable, Sequence

from holdfast.protocol.units import Digest, VaultId


def distance(left: bytes, right: bytes) -> int:
    """Return the XOR distance of two points of the 256-bit space."""
    return int.from_bytes(left, "big") ^ int.from_bytes(right, "big")


def closest(
    registry: Iterable[VaultId],
    point: bytes,
    count: int,
    without: Collection[VaultId] = (),
) -> tuple[VaultId, ...]:
    """Return the `count` vaults nearest to `point`, nearest first."""
    place = int.from_bytes(point, "big")
    candidates = (vault for vault in registry if vault not in without)
    return tuple(
        heapq.nsmallest(
            count, candidates, key=lambda vault: int.from_bytes(vault, "big") ^ place
        )
    )


def neighbours(
    registry: Sequence[VaultId], vault: VaultId, period_beacon: Digest, size: int
) -> tuple[VaultId, ...]:
    """Return the vaults that monitor `vault`: a close group without itself."""
    point = hashlib.sha256(b"holdfast neighbours v1" + vault + period_beacon).digest()
    count = min(size, max(len(registry) - 1, 0))
    return closest(registry, point, count, without={vault})


def majority(count: int) -> int:
    """Return how many of `count` members decide."""
    return count // 2 + 1


def committee(
    registry: Sequence[VaultId], period_beacon: Digest, size: int
) -> tuple[VaultId, ...]:
    """Return the period's committee by rank, drawn by its beacon from `registry`.

    The draw is SHA-256(beacon ‖ counter) modulo the registry's length, repeated
    places skipped, as a contract can repeat it. A registry no larger than `size`
    is the committee as a whole, ranked by the same draw.
    """
    wanted = min(size, len(registry))
    drawn: dict[int, None] = {}
    counter = 0
    while len(drawn) < wanted and counter < 64 * max(wanted, 1):
        seed = b"holdfast committee v1" + period_beacon + counter.to_bytes(4, "big")
        place = int.from_bytes(hashlib.sha256(seed).digest(), "big") % len(registry)
        drawn.setdefault(place)
        counter += 1
    for place in range(len(registry)):
        if len(drawn) >= wanted:
            break
        drawn.setdefault(place)
    return tuple(registry[place] for place in drawn)
