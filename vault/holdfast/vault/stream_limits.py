"""How many shard streams may run at once: for each deal, and together."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from holdfast.protocol.units import DealId
from holdfast.vault.core.refusals import Refusal, RefusedError


class StreamLimit:
    """Counts streams of one kind and refuses those that are too many."""

    def __init__(self, per_deal: int, together: int) -> None:
        self._per_deal = per_deal
        self._together = together
        self._running: Counter[DealId] = Counter()

    @contextmanager
    def one(self, deal: DealId) -> Iterator[None]:
        """Count one stream of a deal while inside, or raise RefusedError."""
        if self._running[deal] >= self._per_deal:
            text = f"only {self._per_deal} such streams of one deal may run at once"
            raise RefusedError(Refusal.EXHAUSTED, text)
        if self._running.total() >= self._together:
            text = "too many streams run here just now; try again soon"
            raise RefusedError(Refusal.EXHAUSTED, text)
        self._running[deal] += 1
        try:
            yield
        finally:
            self._running[deal] -= 1
            if not self._running[deal]:
                del self._running[deal]
