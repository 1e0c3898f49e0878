"""The Reed-Solomon code of a recovery kit: 168 symbols of data, 72 of check.

Symbols have 10 bits, so that a wrong character spoils one symbol, never two. A
codeword survives e wrong and s unreadable symbols while 2e + s <= 72: 5 % of all
characters wrong (26, at worst each in its own symbol), and one more line lost.
reedsolo's tables are globals: call this from one thread at a time.
"""

from array import array
from collections.abc import Iterator, Sequence
from typing import Final

import reedsolo

from holdfast.client.core.kit_lines import (
    LINE_SYMBOLS,
    LINES,
    SYMBOL_BITS,
    KitLine,
    Symbols,
)

CODE_SYMBOLS: Final = LINES * LINE_SYMBOLS
CHECK_SYMBOLS: Final = 72
DATA_SYMBOLS: Final = CODE_SYMBOLS - CHECK_SYMBOLS
DATA_BYTES: Final = DATA_SYMBOLS * SYMBOL_BITS // 8
_PRIMITIVE: Final = 0x409  # x^10 + x^3 + 1
_MASK: Final = (1 << SYMBOL_BITS) - 1


def encode(data: bytes) -> tuple[int, ...]:
    """Return the 240 symbols of 210 bytes."""
    assert len(data) == DATA_BYTES
    number = int.from_bytes(data, "big")
    symbols = [
        (number >> (SYMBOL_BITS * place)) & _MASK
        for place in reversed(range(DATA_SYMBOLS))
    ]
    codeword = tuple(_code().encode(array("i", symbols)))
    assert decode(codeword) == data, "another thread uses reedsolo"
    return codeword


def decode(symbols: Symbols) -> bytes | None:
    """Return the data that the 240 symbols meant, or None if too many are wrong.

    Beyond its bound a code can also give other data: check them.
    """
    assert len(symbols) == CODE_SYMBOLS
    unknown = [place for place, symbol in enumerate(symbols) if symbol is None]
    if len(unknown) > CHECK_SYMBOLS:
        return None
    word = array("i", [symbol or 0 for symbol in symbols])
    try:
        data, _, _ = _code().decode(word, erase_pos=unknown)
    except (reedsolo.ReedSolomonError, ZeroDivisionError):
        # Beyond the bound reedsolo may also find a locator with double roots.
        return None
    number = 0
    for symbol in data:
        number = number << SYMBOL_BITS | symbol
    return number.to_bytes(DATA_BYTES, "big")


def attempts(lines: Sequence[KitLine]) -> Iterator[Symbols]:
    """Yield the symbols to decode: as they are, then without the unsound lines.

    The second saves a kit of which a few lines are wrong from end to end.
    """
    yield tuple(symbol for line in lines for symbol in line.symbols)
    nothing: Symbols = (None,) * LINE_SYMBOLS
    yield tuple(
        symbol for line in lines for symbol in (line.symbols if line.sound else nothing)
    )


def _code() -> reedsolo.RSCodec:
    """Return a new codec: making it is what fills the tables for this field."""
    return reedsolo.RSCodec(
        CHECK_SYMBOLS, nsize=(1 << SYMBOL_BITS) - 1, c_exp=SYMBOL_BITS, prim=_PRIMITIVE
    )
