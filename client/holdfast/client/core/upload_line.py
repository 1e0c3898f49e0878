"""The line to one holder: what it has, what flies to it, what it is to get next."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from holdfast.client.core.patience import Gaps
from holdfast.protocol.units import ChunkId


@dataclass(slots=True)
class HolderLine:
    """One holder of an upload; `moved` is when it last got ahead with something.

    `gaps` are the seconds until a shard landed, since the one before.
    `asked` and `offered` say that the head, or its full receipt, is with it now;
    `kept` that it stored the full receipt. `reason` is its last excuse.
    """

    index: int
    moved: float
    open: bool = False
    stored: set[ChunkId] = field(default_factory=set)
    asked: bool = False
    offered: bool = False
    kept: bool = False
    retry_at: float = 0.0
    reason: str = "it has not answered yet"
    gaps: Gaps = field(default_factory=Gaps)
    _queue: deque[tuple[ChunkId, int]] = field(default_factory=deque)
    _flying: dict[ChunkId, int] = field(default_factory=dict)
    _flying_bytes: int = 0

    @property
    def is_sending(self) -> bool:
        """Whether there are shards that it does not have yet."""
        return bool(self._queue or self._flying)

    @property
    def waiting(self) -> int:
        """How many shards it is to get, those on the way included."""
        return len(self._queue) + len(self._flying)

    @property
    def due_bytes(self) -> int:
        """How many bytes of shards it is to get, those on the way included."""
        return self._flying_bytes + sum(size for _, size in self._queue)

    def silence(self, since: float, now: float) -> float:
        """Return the longest time without a shard that was due, `since` then.

        Where none landed since, what the last one took counts.
        """
        before = self.gaps.longest_since(since)
        silent = now - self.moved if self.is_sending else 0.0
        return max(self.gaps.last if before is None else before, silent)

    def give(self, chunk: ChunkId, size: int, now: float) -> None:
        """Queue its shard of `size` bytes of a chunk, unless it has it."""
        if chunk in self.stored:
            return
        if not self.is_sending:
            self.moved = now
        self._queue.append((chunk, size))

    def begin_round(self, now: float) -> None:
        """Get ready for the next head."""
        if not self.is_sending:
            self.moved = now
        self.asked = self.offered = self.kept = False
        self.retry_at = now

    def opened(
        self, stored: set[ChunkId], wanted: Iterable[tuple[ChunkId, int]], now: float
    ) -> None:
        """Start over with what it has, and queue what it lacks of `wanted`."""
        was_sending = self.is_sending
        self.open = True
        self.retry_at = now
        self.stored = stored
        self._forget_flights()
        self._queue.extend(item for item in wanted if item[0] not in stored)
        if self.is_sending and not was_sending:
            self.moved = now

    def lost(self, reason: str) -> None:
        """Put what flew to it back into the queue."""
        waiting = [*self._flying.items(), *self._queue]
        self._forget_flights()
        self._queue.extend(waiting)
        self.open = self.asked = self.offered = False
        self.reason = reason

    def _forget_flights(self) -> None:
        self._queue.clear()
        self._flying.clear()
        self._flying_bytes = 0
        self.asked = self.offered = False

    def landed(self, chunk: ChunkId, now: float) -> int | None:
        """Note that it has its shard of a chunk; return its size if that is news."""
        size = self._flying.pop(chunk, None)
        if size is None:
            return None
        self._flying_bytes -= size
        self.gaps.add(now, now - self.moved)
        self.moved = now
        self.stored.add(chunk)
        return size

    def missed(self, chunk: ChunkId, size: int) -> None:
        """Queue a shard again that it turns out not to have."""
        if chunk in self.stored:
            self.stored.discard(chunk)
            self._queue.append((chunk, size))

    def take_off(self, window_bytes: int) -> Iterable[ChunkId]:
        """Yield the chunks whose shards are to be sent now."""
        while self._queue:
            chunk, size = self._queue[0]
            if self._flying and self._flying_bytes + size > window_bytes:
                return
            self._queue.popleft()
            if chunk not in self._flying:
                self._flying[chunk] = size
                self._flying_bytes += size
                yield chunk

    def put_off(self, reason: str, until: float) -> None:
        """Note a failed request, to be repeated later."""
        self.asked = self.offered = False
        self.reason = reason
        self.retry_at = until
