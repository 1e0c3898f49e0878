"""Which checkpoint of a vault says what is lost with it: the fullest of the last ones.

A vault that means to go could declare less just before, and be slashed for less.
"""

from collections.abc import Iterable

from holdfast.protocol.checkpoint import SignedCheckpoint


def fuller(
    known: SignedCheckpoint | None, new: SignedCheckpoint, epochs: int
) -> SignedCheckpoint:
    """Return the one with more bytes, unless it is `epochs` older than the other."""
    if known is None:
        return new
    older, newer = sorted((known, new), key=lambda signed: signed.value.epoch)
    fits = newer.value.epoch - older.value.epoch <= epochs
    more = older.value.present_bytes > newer.value.present_bytes
    return older if fits and more else newer


def fullest(
    known: Iterable[SignedCheckpoint | None], first_epoch: int, last_epoch: int
) -> SignedCheckpoint | None:
    """Return the one with the most bytes of those from within these epochs."""
    fitting = [
        signed
        for signed in known
        if signed and first_epoch <= signed.value.epoch <= last_epoch
    ]
    return max(fitting, key=lambda signed: signed.value.present_bytes, default=None)
