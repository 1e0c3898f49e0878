"""How a ledger was when it was last asked, for people who ask whether all is well.

A ledger on a chain has blocks, and shows none but final ones: how old the newest of
those is, is the finality lag.
"""

from collections.abc import Iterator
from datetime import UTC, datetime

from holdfast.protocol.frozen import frozen


@frozen
class ChainHealth:
    """How a chain was when it was last asked.

    `block` is the newest final one that was followed, timed at `seconds` (Unix),
    `undone` how often the chain took final blocks back, `trouble` why it could not
    be asked, or None.
    """

    block: int
    seconds: int
    undone: int = 0
    trouble: str | None = None


@frozen
class LedgerHealth:
    """Whether the ledger answers, or since when (Unix seconds) not, and why.

    `chain` is None where the ledger is no chain, or none was ever reached.
    """

    lost_seconds: int | None = None
    trouble: str = ""
    chain: ChainHealth | None = None

    @classmethod
    def told(cls, lost: int, trouble: str, block: int, seconds: int) -> "LedgerHealth":
        """Return it as a vault's Describe puts it, with 0 for what is not there."""
        chain = ChainHealth(block, seconds) if block else None
        return cls(lost or None, trouble, chain)

    def as_text(self, now: float) -> str:
        """Return it as part of a sentence."""
        return ", ".join(self._parts(now))

    def _parts(self, now: float) -> Iterator[str]:
        if self.lost_seconds is None:
            yield "followed"
        else:
            since = datetime.fromtimestamp(self.lost_seconds, UTC)
            ago = max(int(now - self.lost_seconds), 0)
            why = f" ({self.trouble})" if self.trouble else ""
            yield f"out of reach since {since:%Y-%m-%d %H:%M:%S} UTC, {ago} s ago{why}"
        if self.chain is not None:
            yield f"final block {self.chain.block}"
            if self.lost_seconds is None:
                yield f"finality lag {max(int(now - self.chain.seconds), 0)} s"
