"""The files that benchmarks store: the same for all systems, different in each run."""

import os
import random
from pathlib import Path

KIB, MIB = 1 << 10, 1 << 20
SMALL_BYTES = 20 * KIB


def random_file(top: Path, mib: int, seed: int) -> int:
    """Make one file that neither compresses nor repeats; return its bytes."""
    top.mkdir()
    with (top / f"random {seed}").open("wb") as file:
        for _ in range(mib):
            file.write(os.urandom(MIB))
    return mib * MIB


def mixed_tree(top: Path, mib: int, seed: int) -> int:
    """Make a tree of documents, pictures and archives; return its bytes.

    About a third of the bytes is text that compresses to half; the rest does not
    compress. Nine of ten files are small, nine of ten bytes are in large ones.
    """
    dice = random.Random(seed)
    total, wanted, number = 0, mib * MIB, 0
    while total < wanted:
        number += 1
        size = min(_size(dice), wanted - total)
        path = top / f"d{number % 31}" / f"s{number % 7}" / f"{number}"
        path.parent.mkdir(parents=True, exist_ok=True)
        text = dice.random() < 0.35
        data = os.urandom(size // 2 + 1).hex().encode() if text else os.urandom(size)
        path.write_bytes(data[:size])
        total += size
    return total


def _size(dice: random.Random) -> int:
    if dice.random() < 0.9:
        return int(dice.uniform(2, 60) * KIB)
    return int(dice.lognormvariate(0.5, 1.0) * MIB) + 256 * KIB


def small_files(top: Path, count: int, seed: int) -> int:
    """Make `count` files of 20 KiB that do not compress; return their bytes."""
    for number in range(count):
        path = top / f"d{number % 40}" / f"{seed}-{number}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(os.urandom(SMALL_BYTES))
    return count * SMALL_BYTES
