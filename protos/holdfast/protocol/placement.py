"""Who is near what: XOR distance, close groups, and the period's committee.

Everything here is a pure function of the registry and a point, so everybody
who has the same registry finds the same vaults, in one hop.
"""

import hashlib
import heapq
from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterable, Sequence

from holdfast.protocol.units import Digest, VaultId

STAND_INS = 16


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


def monitored(
    registry: Sequence[VaultId],
    others: Iterable[VaultId],
    vault: VaultId,
    period_beacon: Digest,
    size: int,
) -> tuple[VaultId, ...]:
    """Return those of `others` whose neighbours include `vault`, of `registry`.

    It is `neighbours` the other way round, in O(log n) for each of the others: who
    shares a longer prefix with a point than we do is nearer to it.
    """
    ordered = sorted(registry)
    place = int.from_bytes(vault, "big")
    found = []
    for other in others:
        text = b"holdfast neighbours v1" + other + period_beacon
        point = int.from_bytes(hashlib.sha256(text).digest(), "big")
        # The subtree around the point that begins where we part from it.
        apart = (point ^ place).bit_length()
        if other == vault or not apart:
            nearer = 0
        else:
            low = point >> (apart - 1) << (apart - 1)
            high = low + (1 << (apart - 1)) - 1
            first = bisect_left(ordered, low.to_bytes(32, "big"))
            nearer = bisect_right(ordered, high.to_bytes(32, "big")) - first
        if nearer > size:
            continue
        if vault in neighbours(registry, other, period_beacon, size):
            found.append(other)
    return tuple(found)


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


def stand_ins(
    members: Sequence[VaultId], vault: VaultId, epoch_beacon: Digest
) -> tuple[VaultId, ...]:
    """Return who stands in for a vault's neighbours: committee members, without itself.

    They are drawn as a committee is, by SHA-256 of the epoch's beacon and the vault.
    """
    text = b"holdfast stand-ins v1" + epoch_beacon + vault
    others = [member for member in members if member != vault]
    return committee(others, Digest(hashlib.sha256(text).digest()), STAND_INS)
