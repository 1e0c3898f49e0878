"""What to do about a transaction that was sent: a pure table of what was seen.

A nonce is used by one transaction only. While ours waits it is sent again with higher
fees, so several of ours may compete for the nonce; whichever gets in is the one.
"""

from dataclasses import replace
from enum import Enum
from typing import Final

from holdfast.ledger.evm.chain import Fees
from holdfast.ledger.evm.transaction import SignedTransaction
from holdfast.protocol.frozen import frozen

BUMPS_MAX: Final = 8
# Nodes want at least a tenth more for a replacement.
_GROWTH: Final = 5, 4


class Step(Enum):
    """What comes next for a transaction."""

    DONE = 1
    WAIT = 2
    SEND_AGAIN = 3
    RAISE_FEES = 4
    LOST = 5


@frozen
class Pending:
    """Our attempts for one nonce, the newest last, and when it was sent."""

    attempts: tuple[SignedTransaction, ...]
    sent_seconds: float

    @property
    def name(self) -> bytes:
        """The first attempt's hash, by which this is known."""
        return self.attempts[0].hash

    @property
    def newest(self) -> SignedTransaction:
        """The attempt with the highest fees."""
        return self.attempts[-1]

    def again(self, attempt: SignedTransaction, seconds: float) -> "Pending":
        """Return this with one more attempt."""
        return Pending((*self.attempts, attempt), seconds)

    def resent(self, seconds: float) -> "Pending":
        """Return this, sent now."""
        return replace(self, sent_seconds=seconds)


@frozen
class Seen:
    """What the chain shows of it; `used` is the account's nonce in final blocks.

    `block` is where one of the attempts stands, `final` the newest final block. It is
    `dropped` when it stood in a block a look before and does not any more.
    """

    block: int | None
    final: int
    used: int
    dropped: bool = False


def next_step(
    pending: Pending, seen: Seen, seconds: float, patience_seconds: float
) -> Step:
    """Return what to do about a transaction, `patience_seconds` being for a block."""
    if seen.block is not None:
        return Step.DONE if seen.block <= seen.final else Step.WAIT
    if seen.used > pending.newest.transaction.nonce:
        return Step.LOST
    if seen.dropped:
        return Step.SEND_AGAIN
    if seconds - pending.sent_seconds < patience_seconds:
        return Step.WAIT
    if len(pending.attempts) > BUMPS_MAX:
        return Step.SEND_AGAIN
    return Step.RAISE_FEES


def raised(old: Fees, asked: Fees) -> Fees:
    """Return fees that replace a transaction and are what the chain asks now."""
    up, down = _GROWTH
    return Fees(
        max(old.highest * up // down + 1, asked.highest),
        max(old.tip * up // down + 1, asked.tip),
    )
