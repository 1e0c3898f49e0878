"""The recovery kit: a code on paper that survives wrong and missing characters.

It carries the master key, the network's identity and where to find it. Whoever
reads a kit has the key: it is as secret as the 24 words.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from holdfast.client.core import kit_code
from holdfast.client.core.kit_bytes import (
    ENTRIES_BYTES,
    Kit,
    KitEndpoint,
    KitError,
    KitReading,
    decode_kit,
    encode_kit,
    is_sound,
)
from holdfast.client.core.kit_lines import (
    LINE_CHARACTERS,
    LINE_SYMBOLS,
    LINES,
    KitLine,
    placements,
    print_line,
)
from holdfast.protocol.units import NetworkId

TEXT_CHARACTERS_MAX: Final = 1 << 16


def make_kit(
    master: bytes,
    network: NetworkId,
    ledger: KitEndpoint,
    seeds: Iterable[KitEndpoint],
) -> Kit:
    """Return the kit with as many of the seeds, best first, as fit into a code.

    Raises KitError if not even the ledger's endpoint fits.
    """
    left = ENTRIES_BYTES - ledger.entry_bytes
    if left < 0:
        raise KitError(
            f"the ledger's address is too long for a recovery kit: {ledger.endpoint}"
        )
    fitting: list[KitEndpoint] = []
    for seed in seeds:
        if seed.entry_bytes <= left:
            fitting.append(seed)
            left -= seed.entry_bytes
    return Kit(master, network, ledger, tuple(fitting))


def print_kit(kit: Kit) -> tuple[str, ...]:
    """Return the code's 16 lines, in groups and without their numbers."""
    symbols = kit_code.encode(encode_kit(kit))
    return tuple(
        print_line(number, symbols[(number - 1) * LINE_SYMBOLS :][:LINE_SYMBOLS])
        for number in range(1, LINES + 1)
    )


def read_kit(text: str) -> KitReading:
    """Return the kit that `text` spells, mistakes mended, or raise KitError.

    Case, spaces, hyphens, empty lines, and O for 0 or I and L for 1 do not matter;
    "?" stands for a character that cannot be read; a line may be left out or be in
    another place if the lines have their numbers, like "7:". One thread at a time.
    """
    if len(text) > TEXT_CHARACTERS_MAX:
        raise KitError("this text is far too long for a recovery kit's code")
    tried = list(placements(text))
    for lines in tried:
        for symbols in kit_code.attempts(lines):
            data = kit_code.decode(symbols)
            if data is not None and is_sound(data):
                mended = tuple(line.number for line in lines if not line.sound)
                return KitReading(decode_kit(data), mended)
    if not tried:
        raise KitError(
            f"a recovery kit's code has {LINES} lines of {LINE_CHARACTERS} characters; "
            'begin each line with its number and a colon, like "7:"'
        )
    raise _unreadable(_likeliest(tried))


def _likeliest(tried: Sequence[Sequence[KitLine]]) -> Sequence[KitLine]:
    """Return the first way to read the text that is not far worse than the best.

    Of wrong lines one in 64 has a check that fits in some other place.
    """
    sound = [sum(line.sound for line in lines) for lines in tried]
    return next(
        lines
        for lines, count in zip(tried, sound, strict=True)
        if 2 * count >= max(sound)
    )


def _unreadable(lines: Sequence[KitLine]) -> KitError:
    wrong = tuple(line for line in lines if not line.sound)
    if not wrong:
        return KitError(
            "every line reads well, but they do not belong together; "
            "are they from two different kits?"
        )
    found = "; ".join(
        f"line{'s' * (len(numbers) > 1)} {', '.join(map(str, numbers))} {what}"
        for what, numbers in _complaints(wrong).items()
    )
    return KitError(
        f"too much of the code is wrong or missing to mend it: {found}. "
        "Compare these lines with the paper, and type ? for what cannot be read",
        tuple(line.number for line in wrong),
    )


def _complaints(wrong: Iterable[KitLine]) -> dict[str, list[int]]:
    complaints: dict[str, list[int]] = {}
    for line in wrong:
        complaints.setdefault(_complaint(line), []).append(line.number)
    return complaints


def _complaint(line: KitLine) -> str:
    if not line.typed:
        return "missing"
    if line.typed < LINE_CHARACTERS:
        return "too short"
    if line.typed > LINE_CHARACTERS:
        return "too long"
    return "unreadable in places" if None in line.symbols else "mistyped"
