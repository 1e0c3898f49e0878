"""How long an upload waits for one of its holders, beside the others."""

from collections.abc import Collection

from holdfast.client.core.patience import TIMES, patience
from holdfast.client.core.upload_line import HolderLine
from holdfast.client.core.upload_terms import UploadLimits


class UploadPatience:
    """Knows how fast shards get through while most holders are being sent some.

    While only a minority is, as its shards come late or not at all, neither its time
    nor its bytes count: a few holders cannot make the connection look slow.
    """

    def __init__(self, limits: UploadLimits) -> None:
        self._limits = limits
        self._most_are_sent = False
        self._seconds = 0.0
        self._bytes = 0

    def pass_time(self, seconds: float, lines: Collection[HolderLine]) -> None:
        """Count the time since the last event, before anything changes."""
        sent = sum(line.open and line.is_sending for line in lines)
        self._most_are_sent = 2 * sent > len(lines)
        if self._most_are_sent:
            self._seconds += seconds

    def landed(self, size: int) -> None:
        """Count a shard that a holder took, of `size` bytes."""
        if self._most_are_sent:
            self._bytes += size

    def is_spent(
        self, line: HolderLine, lines: Collection[HolderLine], now: float
    ) -> bool:
        """Tell whether `line`, one of `lines`, got ahead with nothing for too long."""
        limits = self._limits
        silent = now - line.moved
        if not line.open:
            return silent > limits.away_seconds
        # Nearly always: this is asked after every event, of every holder.
        if silent <= min(limits.patience_seconds, limits.stall_seconds):
            return False
        return silent > self._seconds_for(line, lines, now)

    def _seconds_for(
        self, line: HolderLine, lines: Collection[HolderLine], now: float
    ) -> float:
        """Return how long an open line may be silent.

        Besides the others' silence, what is due to all counts: where streams share a
        connection badly, one may be served last.
        """
        limits = self._limits
        rest = [each for each in lines if each.open and each is not line]
        others = [each.silence(line.moved, now) for each in rest]
        least = limits.patience_seconds
        if self._bytes:
            due = sum(each.due_bytes for each in lines)
            usual = due * self._seconds / self._bytes
            least = max(least, min(TIMES * usual, limits.stall_seconds))
        return patience(others, least, limits.stall_seconds)
