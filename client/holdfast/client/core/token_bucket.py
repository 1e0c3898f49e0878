"""A token bucket: how long to wait before so many bytes may pass.

It may be in debt: what is large waits until all of it is paid for, and whoever comes
later waits longer, so that the order of asking is the order of passing.
"""

from dataclasses import dataclass

BURST_SECONDS = 0.25


@dataclass(slots=True)
class TokenBucket:
    """Lets `rate` bytes a second pass, and a quarter of a second's at once."""

    rate: int
    _tokens: float = 0.0
    _counted_at: float = 0.0

    def __post_init__(self) -> None:
        """Begin full."""
        assert self.rate > 0
        self._tokens = self.burst

    @property
    def burst(self) -> float:
        """The bytes that may pass at once after a pause."""
        return self.rate * BURST_SECONDS

    def take(self, size: int, now: float) -> float:
        """Take tokens for `size` bytes; return the seconds until they may pass."""
        passed = max(now - self._counted_at, 0.0)
        self._tokens = min(self._tokens + passed * self.rate, self.burst) - size
        self._counted_at = max(now, self._counted_at)
        return max(-self._tokens / self.rate, 0.0)

    def give_back(self, size: int) -> None:
        """Return the tokens of bytes that will not pass after all."""
        self._tokens = min(self._tokens + size, self.burst)
