"""Which chunks a partial check reads: "5%", "1/10" or "100M" of them."""

import re
from collections.abc import Mapping
from fractions import Fraction
from hashlib import sha256
from typing import Final

from holdfast.protocol.errors import HoldfastError
from holdfast.protocol.frozen import frozen
from holdfast.protocol.units import ChunkId

_PARTS_MAX: Final = 1_000_000
_PERCENT: Final = re.compile(r"(\d{1,3}(?:\.\d{1,6})?)\s*%")
_PART: Final = re.compile(r"(\d{1,7})\s*/\s*(\d{1,7})")


class SubsetError(HoldfastError):
    """A subset that cannot be read."""


@frozen
class Share:
    """A random share of all bytes, 0 < fraction <= 1."""

    fraction: Fraction


@frozen
class Part:
    """The same chunks each time: all `parts` together, numbered from 1, are all."""

    number: int
    parts: int


@frozen
class Size:
    """Random chunks of about so many bytes of ciphertext."""

    ciphertext_bytes: int


Subset = Share | Part | Size
EVERYTHING: Final = Share(Fraction(1))


def read_subset(text: str) -> Share | Part | None:
    """Return what "5%" or "1/10" means, or None if it is of neither form.

    Raises SubsetError for shares and parts that cannot be.
    """
    if percent := _PERCENT.fullmatch(text.strip()):
        fraction = Fraction(percent[1]) / 100
        if not 0 < fraction <= 1:
            raise SubsetError(f"{text!r} is not a share from above 0 % to 100 %")
        return Share(fraction)
    if part := _PART.fullmatch(text.strip()):
        number, parts = int(part[1]), int(part[2])
        if not 1 <= number <= parts <= _PARTS_MAX:
            raise SubsetError(f"{text!r} is not a part such as 1/10 or 10/10")
        return Part(number, parts)
    return None


def choose(
    lengths: Mapping[ChunkId, int], subset: Subset, seed: bytes
) -> tuple[ChunkId, ...]:
    """Return the chunks to read; `seed` rolls the dice, except for a Part.

    A share or size of anything takes one chunk at least.
    """
    if isinstance(subset, Part):
        return tuple(
            chunk
            for chunk in lengths
            if int.from_bytes(chunk[:8], "big") % subset.parts == subset.number - 1
        )
    total = sum(lengths.values())
    wanted = (
        subset.ciphertext_bytes
        if isinstance(subset, Size)
        else -(-total * subset.fraction.numerator // subset.fraction.denominator)
    )
    chosen: list[ChunkId] = []
    for chunk in sorted(lengths, key=lambda chunk: sha256(seed + chunk).digest()):
        if wanted <= 0:
            break
        chosen.append(chunk)
        wanted -= lengths[chunk]
    return tuple(chosen)
