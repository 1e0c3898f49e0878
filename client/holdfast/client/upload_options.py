"""What an upload is told beforehand, and what it tells of itself."""

from collections.abc import Callable, Sequence
from dataclasses import field, replace

from holdfast.client.core.upload_terms import UploadLimits
from holdfast.protocol.deal import Deal
from holdfast.protocol.frozen import frozen
from holdfast.protocol.units import MIB, ChunkId, DealId, Grains, VaultId


@frozen
class UploadOptions:
    """The policy of new deals, how long they are paid, how much is kept in memory.

    `expected` returns the ciphertext bytes to come, for the size of a new deal; it
    may take a while. `epochs` from now is a deal's end; `preferred` is the deal to
    write to if it can be written.
    """

    k: int
    n: int
    epochs: int
    expected: Callable[[], int] = int
    preferred: DealId | None = None
    memory_bytes: int = 384 * MIB
    limits: UploadLimits = field(default_factory=UploadLimits)

    def head_limits(self) -> UploadLimits:
        """Return limits under which a head fits into the memory twice."""
        most = self.memory_bytes * self.k // self.n // 2
        return replace(self.limits, head_bytes=min(self.limits.head_bytes, most))


@frozen
class LeftDeal:
    """A deal that was given up for this upload, and the last words of its holders.

    One that held nothing yet is `closed`, and its `escrow` comes back.
    """

    deal: DealId
    words: tuple[tuple[VaultId, str], ...]
    closed: bool
    escrow: Grains = 0


@frozen
class VaultProgress:
    """How one holder gets on: `stored` shards are with it for the next head.

    `waiting` are on the way to it; `reason` is why it is away, if it is.
    """

    vault: VaultId
    is_open: bool
    stored: int
    waiting: int
    reason: str = ""


@frozen
class UploadProgress:
    """Ciphertext bytes handed over, those of them acknowledged, and each holder."""

    added_bytes: int
    acknowledged_bytes: int
    vaults: tuple[VaultProgress, ...] = ()


OnAcknowledged = Callable[[Deal, Sequence[tuple[ChunkId, int]]], None]
"""Hears of chunks that a full receipt of the deal covers, with their lengths."""


def ignore_chunks(_deal: Deal, _chunks: Sequence[tuple[ChunkId, int]]) -> None:
    """Tell nobody."""
