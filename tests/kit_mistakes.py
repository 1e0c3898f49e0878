"""A recovery kit's code as clumsy hands type it."""

import random

from holdfast.client.core.kit import print_kit
from holdfast.client.core.kit_bytes import Kit
from holdfast.client.core.kit_lines import ALPHABET

WRONG = 26  # of 512 characters: 5 %, rounded up


def typed_with_mistakes(kit: Kit, seed: int, wrong: int = WRONG) -> str:
    """Return the code's 16 numbered lines with so many wrong characters."""
    dice = random.Random(seed)
    lines = [list(line) for line in print_kit(kit)]
    places = [
        (row, column)
        for row, line in enumerate(lines)
        for column, sign in enumerate(line)
        if sign != " "
    ]
    for row, column in dice.sample(places, wrong):
        others = ALPHABET.replace(lines[row][column], "")
        lines[row][column] = dice.choice(others)
    return "\n".join(f"{n:>2}: {''.join(line)}" for n, line in enumerate(lines, 1))
