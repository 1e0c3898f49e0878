"""How long an upload waits for one of its holders, beside the others."""

from collections.abc import Collection

from holdfast.client.core.patience import TIMES, patience
from holdfast.client.core.upload_line import HolderLine
from holdfast.client.core.upload_terms import UploadLimits


class UploadPatience:
    """Knows how fast shards got through while any were on their way."""

    def __init__(self, limits: UploadLimits, now: float) -> None:
        self._limits = limits
        self._now = now
        self._busy_seconds = 0.0
        self._landed_bytes = 0
        self._landed_seconds = 0.0  # until the last one: a stuck one's time is no pace

    def pass_time(self, now: float, lines: Collection[HolderLine]) -> None:
        """Count the time since the last event, before anything changes."""
        if any(line.is_sending for line in lines):
            self._busy_seconds += now - self._now
        self._now = now

    def landed(self, size: int) -> None:
        """Count a shard that a holder took, of `size` bytes."""
        self._landed_bytes += size
        self._landed_seconds = self._busy_seconds

    def is_spent(self, line: HolderLine, lines: Collection[HolderLine]) -> bool:
        """Tell whether `line`, one of `lines`, got ahead with nothing for too long."""
        limits = self._limits
        silent = self._now - line.moved
        if not line.open:
            return silent > limits.away_seconds
        # Nearly always: this is asked after every event, of every holder.
        if silent <= min(limits.patience_seconds, limits.stall_seconds):
            return False
        return silent > self._seconds_for(line, lines)

    def _seconds_for(self, line: HolderLine, lines: Collection[HolderLine]) -> float:
        """Return how long an open line may be silent.

        Besides the others' silence, what is due to all counts: where streams share a
        connection badly, one may be served last.
        """
        limits = self._limits
        rest = [each for each in lines if each.open and each is not line]
        others = [each.silence(self._now) for each in rest]
        least = limits.patience_seconds
        if self._landed_bytes:
            due = sum(each.due_bytes for each in lines)
            usual = due * self._landed_seconds / self._landed_bytes
            least = max(least, min(TIMES * usual, limits.stall_seconds))
        return patience(others, least, limits.stall_seconds)
