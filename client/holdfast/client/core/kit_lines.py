"""The printed lines of a recovery kit's code: 16 lines of 8 groups of 4 characters.

Two characters of Crockford's base32 are one symbol of 10 bits. A line is 15 symbols
of the code and one check symbol, which tells a sound line from a mistyped one and
from another line. Reading refuses nothing: a symbol that cannot be read is None.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from holdfast.protocol.frozen import frozen

ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
LINES: Final = 16
LINE_SYMBOLS: Final = 15
LINE_CHARACTERS: Final = 32
GROUP_CHARACTERS: Final = 4
SYMBOL_BITS: Final = 10
_GROUPS: Final = LINE_CHARACTERS // GROUP_CHARACTERS
_VALUES: Final = (
    {sign: value for value, sign in enumerate(ALPHABET)}
    | {sign.lower(): value for value, sign in enumerate(ALPHABET)}
    | dict.fromkeys("Oo", 0)
    | dict.fromkeys("IiLl", 1)
)
_LABEL: Final = re.compile(r"\s*(\S{1,3}?)\s*:(.*)", re.DOTALL)
_LABEL_DIGITS: Final = str.maketrans("OoIiLl", "001111")

Symbols = tuple[int | None, ...]
_UNREADABLE: Final[Symbols] = (None,) * LINE_CHARACTERS


@frozen
class TypedLine:
    """One line as it was typed: its number if it names one, and its groups."""

    number: int | None
    groups: tuple[str, ...]

    @property
    def count(self) -> int:
        """How many characters were typed, the number aside."""
        return sum(map(len, self.groups))


@frozen
class KitLine:
    """What a line means at the place `number`, from 1; `sound` if its check fits."""

    number: int
    symbols: Symbols
    typed: int
    sound: bool


def print_line(number: int, symbols: Sequence[int]) -> str:
    """Return the groups of a line, one space between them, without its number."""
    assert len(symbols) == LINE_SYMBOLS
    pairs = [divmod(s, len(ALPHABET)) for s in (*symbols, _check(number, symbols))]
    signs = "".join(ALPHABET[high] + ALPHABET[low] for high, low in pairs)
    return " ".join(
        signs[start : start + GROUP_CHARACTERS]
        for start in range(0, LINE_CHARACTERS, GROUP_CHARACTERS)
    )


def placements(text: str) -> Iterator[tuple[KitLine, ...]]:
    """Yield every way to take `text` for the 16 lines, the likeliest first.

    The lines' numbers place them; or their order, if there are 16; or their checks;
    or the text is one run of characters, as a QR code holds it.
    """
    typed = list(_typed_lines(text))
    numbered = _placed_by_number(typed)
    if any(line.typed for line in numbered):
        yield numbered
    if len(typed) == LINES:
        yield tuple(_read(place, line) for place, line in enumerate(typed, 1))
    checked = _placed_by_check(typed)
    if any(line.sound for line in checked):
        yield checked
    run = "".join(sign for line in typed for sign in line.groups)
    if len(run) == LINES * LINE_CHARACTERS:
        yield tuple(
            _read(place, TypedLine(None, (run[end - LINE_CHARACTERS : end],)))
            for place, end in _ends_of_lines()
        )


def _ends_of_lines() -> Iterator[tuple[int, int]]:
    return ((place, place * LINE_CHARACTERS) for place in range(1, LINES + 1))


def _typed_lines(text: str) -> Iterator[TypedLine]:
    """Yield the lines; a number alone, as some copy it, belongs to the next one."""
    before: int | None = None
    for line in map(_typed_line, text.splitlines()):
        if line.groups:
            number = before if line.number is None else line.number
            yield TypedLine(number, line.groups)
            before = None
        elif line.number is not None:
            before = line.number


def _typed_line(text: str) -> TypedLine:
    label = _LABEL.fullmatch(text)
    number = _number(label[1]) if label else None
    groups = (label[2] if label else text).replace("-", " ").split()
    if not label and len(groups) == _GROUPS + 1 and len(groups[0]) < GROUP_CHARACTERS:
        number = _number(groups.pop(0))
    return TypedLine(number, tuple(groups))


def _number(label: str) -> int | None:
    digits = label.translate(_LABEL_DIGITS)
    if digits.isascii() and digits.isdigit() and 1 <= int(digits) <= LINES:
        return int(digits)
    return None


def _placed_by_number(typed: Sequence[TypedLine]) -> tuple[KitLine, ...]:
    """Return the lines at the places they name."""
    return _best(_read(line.number, line) for line in typed if line.number is not None)


def _placed_by_check(typed: Sequence[TypedLine]) -> tuple[KitLine, ...]:
    """Return the lines at the only places where their checks fit."""
    reads = (
        _read(number, line)
        for line in typed
        if line.count == LINE_CHARACTERS
        for number in range(1, LINES + 1)
    )
    return _best(read for read in reads if read.sound)


def _best(reads: Iterable[KitLine]) -> tuple[KitLine, ...]:
    """Return 16 lines, of several in one place that which is worth most."""
    lines = [KitLine(n, (None,) * LINE_SYMBOLS, 0, False) for n in range(1, LINES + 1)]
    for read in reads:
        if _worth(read) > _worth(lines[read.number - 1]):
            lines[read.number - 1] = read
    return tuple(lines)


def _worth(line: KitLine) -> tuple[bool, int, bool]:
    known = sum(symbol is not None for symbol in line.symbols)
    return line.sound, known, line.typed > 0


def _read(number: int, line: TypedLine) -> KitLine:
    """Return the line as the groups say or, if that is sound, regardless of them."""
    whole = _symbols("".join(line.groups)) if line.count == LINE_CHARACTERS else None
    if whole and _sound(number, whole):
        return KitLine(number, whole[:-1], line.count, True)
    symbols = _by_groups(line.groups) or whole or _pairs(_UNREADABLE)
    return KitLine(number, symbols[:-1], line.count, _sound(number, symbols))


def _by_groups(groups: Sequence[str]) -> Symbols | None:
    """Return the symbols, those of groups of a wrong length unknown.

    A space that was left out makes one group of two; None if it is unclear which.
    """
    sizes = [1] * len(groups)
    if len(groups) != _GROUPS:
        sizes = [max(1, (len(group) + 2) // GROUP_CHARACTERS) for group in groups]
    if sum(sizes) != _GROUPS:
        return None
    values: list[int | None] = []
    for group, size in zip(groups, sizes, strict=True):
        fits = len(group) == size * GROUP_CHARACTERS
        values += _values(group) if fits else [None] * (size * GROUP_CHARACTERS)
    return _pairs(values)


def _symbols(signs: str) -> Symbols:
    return _pairs(_values(signs))


def _values(signs: str) -> list[int | None]:
    return [_VALUES.get(sign) for sign in signs]


def _pairs(values: Sequence[int | None]) -> Symbols:
    return tuple(
        None if high is None or low is None else high * len(ALPHABET) + low
        for high, low in zip(values[::2], values[1::2], strict=True)
    )


def _sound(number: int, symbols: Symbols) -> bool:
    known = [symbol for symbol in symbols if symbol is not None]
    return len(known) == len(symbols) and known[-1] == _check(number, known[:-1])


def _check(number: int, symbols: Sequence[int]) -> int:
    spelt = bytes([number]) + b"".join(symbol.to_bytes(2, "big") for symbol in symbols)
    digest = hashlib.sha256(b"holdfast kit line v1" + spelt).digest()
    return int.from_bytes(digest[:2], "big") >> (16 - SYMBOL_BITS)
