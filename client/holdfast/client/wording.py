"""How sizes, tokens, times and ids are written for people, and read back.

Programs get integers instead (`--json`).
"""

import re
from decimal import Decimal, InvalidOperation
from typing import Final

from holdfast.protocol.errors import HoldfastError
from holdfast.protocol.units import GRAINS_PER_HOLD, SUPPLY_MAX, Grains

_UNITS: Final = {"": 1, "k": 10, "m": 20, "g": 30, "t": 40, "p": 50}
_SIZE: Final = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgtp]?)(i?b)?", re.IGNORECASE)
_NAMES: Final = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")
_SPAN: Final = re.compile(r"(\d+)\s*([a-z]*)", re.IGNORECASE)
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800, "y": 31_557_600}
_WEI_SHOWN: Final = 10**9
_ETHER_PARTS: Final = 10**9
_WEI_MAX: Final = 10**27
_SPANS: Final = ("second", "minute", "hour", "day", "week", "year", "epoch")


class UnreadableAmountError(HoldfastError):
    """A size, an amount of tokens or a span of time that cannot be read."""


def size(count: int) -> str:
    """Return bytes as "1.5 GiB"."""
    amount = float(count)
    for name in _NAMES:
        if amount < 1024 or name == _NAMES[-1]:
            return f"{count} B" if name == "B" else f"{amount:.1f} {name}"
        amount /= 1024
    raise AssertionError


def hold(grains: Grains) -> str:
    """Return tokens as "12.5 HOLD", exactly."""
    whole, rest = divmod(abs(grains), GRAINS_PER_HOLD)
    digits = f"{rest:09d}".rstrip("0")
    sign = "-" if grains < 0 else ""
    return f"{sign}{whole:,}{'.' if digits else ''}{digits} HOLD"


def ether(wei: int) -> str:
    """Return wei as "0.0125 ether", cut after nine decimals but never to nothing."""
    if 0 < wei < _WEI_SHOWN:
        return "less than 0.000000001 ether"
    digits = f"{Decimal(wei // _WEI_SHOWN) / _ETHER_PARTS:,f}"
    return f"{digits.rstrip('0').rstrip('.') if '.' in digits else digits} ether"


def count(number: int, noun: str, nouns: str = "") -> str:
    """Return "1 file" or "1,200 files"."""
    return f"{number:,} {noun if number == 1 else nouns or noun + 's'}"


def span(seconds: float) -> str:
    """Return a length of time as "3.2 s", "4 min 5 s", "2 h 10 min" or "3 d 4 h"."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    for name, unit, lower, lower_unit in (
        ("d", 86400, "h", 3600),
        ("h", 3600, "min", 60),
    ):
        if whole >= unit:
            return f"{whole // unit} {name} {whole % unit // lower_unit} {lower}"
    return f"{whole // 60} min {whole % 60} s"


def read_size(text: str) -> int:
    """Return the bytes that "10GiB", "500 MB" or "4096" mean; K, M, G are 1024s."""
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise UnreadableAmountError(f"{text!r} is not a size such as 10GiB or 500MiB")
    bits = _UNITS[match[2].lower()]
    return int(Decimal(match[1]) * (1 << bits if bits > 1 else 1))


def read_hold(text: str) -> Grains:
    """Return the grains that "12.5" or "12.5 HOLD" mean."""
    bare = text.strip().upper().removesuffix("HOLD").strip().replace(",", "")
    try:
        grains = Decimal(bare) * GRAINS_PER_HOLD
        whole = int(grains)
    except (InvalidOperation, ValueError, OverflowError) as error:
        raise UnreadableAmountError(
            f"{text!r} is not an amount such as 12.5"
        ) from error
    if whole != grains or not 0 <= whole <= SUPPLY_MAX:
        raise UnreadableAmountError(
            f"{text!r} is not an amount: tokens have nine decimals and are not negative"
        )
    return whole


def read_ether(text: str) -> int:
    """Return the wei that "0.5" or "0.5 ether" mean."""
    bare = text.strip().lower().removesuffix("ether").strip().replace(",", "")
    try:
        wei = Decimal(bare) * _WEI_SHOWN * _ETHER_PARTS
        whole = int(wei)
    except (InvalidOperation, ValueError, OverflowError) as error:
        raise UnreadableAmountError(f"{text!r} is not an amount such as 0.5") from error
    if whole != wei or not 0 < whole <= _WEI_MAX:
        raise UnreadableAmountError(
            f"{text!r} is not an amount: ether has 18 decimals and is more than none"
        )
    return whole


def read_span(text: str, epoch_seconds: int) -> int:
    """Return the epochs that "90d", "2 weeks" or "500 epochs" mean, rounded up."""
    match = _SPAN.fullmatch(text.strip())
    unit = (match[2].lower() if match else "x") or "epoch"
    known = unit in _SECONDS or unit.removesuffix("s") in _SPANS
    if match is None or not known:
        raise UnreadableAmountError(
            f"{text!r} is not a time such as 90d, 12h or 500 epochs"
        )
    if unit.startswith("epoch"):
        return int(match[1])
    return -(-int(match[1]) * _SECONDS[unit[0]] // epoch_seconds)


def short(identity: bytes) -> str:
    """Return the first 12 hexadecimal digits of an id, enough to type."""
    return identity.hex()[:12]
