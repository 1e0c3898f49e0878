"""What withholding blocks buys: the bias of a chain's block producer over a committee.

A beacon comes from the randomness that a chain gives the first block of an epoch. On
Ethereum each block before it adds its producer's reveal, so whoever makes the last k
blocks before the epoch chooses among 2^k beacons: he publishes each or withholds it.
What is in the blocks does not matter (a test of the contracts shows that).

python benchmarks/beacon_bias.py          # exact, and drawn with the protocol's code
"""

import hashlib
import random
from collections.abc import Iterator
from math import comb
from time import perf_counter
from typing import Final

from holdfast.ledger.core.address import keccak
from holdfast.protocol import placement
from holdfast.protocol.units import Digest, VaultId

SEATS: Final = 128
REGISTRIES: Final = (200, 1_000, 10_000)
SHARES: Final = (0.25, 0.33, 0.40, 0.45)
HELD: Final = (0, 1, 2, 4)
PRODUCERS: Final = (0.01, 0.10, 0.33)
TRIALS: Final = 1_000
RUN_MAX: Final = 24
HEADER_BYTES: Final = 600


def majority_chance(registry: int, minority: int) -> float:
    """Return how likely one draw gives a minority of vaults most of the seats."""
    seats = min(SEATS, registry)
    ways = sum(
        comb(minority, held) * comb(registry - minority, seats - held)
        for held in range(placement.majority(seats), min(seats, minority) + 1)
    )
    return ways / comb(registry, seats)


def best_of(chance: float, choices: int) -> float:
    """Return how likely at least one of several draws succeeds."""
    # As good for chances that are lost beside 1.
    return choices * chance if chance < 1e-12 else 1 - (1 - chance) ** choices


def with_blocks(chance: float, producer: float) -> float:
    """Return the chance of whoever makes a share of the blocks, whatever run he has."""
    runs = (
        producer**run * (1 - producer) * best_of(chance, 2**run)
        for run in range(RUN_MAX)
    )
    return sum(runs)


def drawn_chance(registry: int, minority: int, choices: int, seed: int) -> float:
    """Return how often the best of some real draws succeeds."""
    vaults = [
        VaultId(hashlib.sha256(number.to_bytes(4, "big")).digest())
        for number in range(registry)
    ]
    theirs = frozenset(vaults[:minority])
    dice = random.Random(seed)

    def won() -> bool:
        drawn = placement.committee(vaults, Digest(dice.randbytes(32)), SEATS)
        return len(theirs.intersection(drawn)) >= placement.majority(len(drawn))

    wins = sum(any(won() for _ in range(choices)) for _ in range(TRIALS))
    return wins / TRIALS


def headers_per_second() -> float:
    """Return how many block hashes one core tries, had the hash been the beacon."""
    header, count = bytearray(HEADER_BYTES), 20_000
    begun = perf_counter()
    for number in range(count):
        header[:4] = number.to_bytes(4, "big")
        keccak(bytes(header))
    return count / (perf_counter() - begun)


def lines() -> Iterator[str]:
    """Return the report."""
    yield f"one core tries {headers_per_second():,.0f} block hashes a second"
    yield "vaults  minority " + "".join(f"   best of {2**run:<4}" for run in HELD)
    for registry in REGISTRIES:
        for share in SHARES:
            chance = majority_chance(registry, round(share * registry))
            found = "".join(f"{best_of(chance, 2**run):>15.2e}" for run in HELD)
            yield f"{registry:>6}  {share:>7.0%}  {found}"
    yield "per period, 1,000 vaults, by share of the blocks made:"
    for share in SHARES:
        chance = majority_chance(1_000, round(share * 1_000))
        found = "".join(f"{with_blocks(chance, one):>15.2e}" for one in PRODUCERS)
        yield f"{share:>7.0%} {chance:>15.2e} {found}"
    for choices in (1, 2):
        exact = best_of(majority_chance(1_000, 450), choices)
        drawn = drawn_chance(1_000, 450, choices, seed=choices)
        yield f"45 % of 1,000, best of {choices}: {exact:.4f} exact, {drawn:.4f} drawn"


def main() -> None:
    """Print the report."""
    for line in lines():
        print(line, flush=True)


if __name__ == "__main__":
    main()
