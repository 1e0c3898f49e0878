"""Simulated time: what happens next, in an order that one seed fixes."""

import hashlib
import itertools
from collections.abc import Callable
from heapq import heapify, heappop, heappush

Act = Callable[[], None]
Happening = tuple[float, int, Act]
PARTS = 16


class Clock:
    """The queue of what is to happen; `now` is the second that it has come to.

    What is far off waits in its part of a second, unordered: a heap of everything
    would be long, and each step through it costs.
    """

    def __init__(self, begin: float) -> None:
        self.now = begin
        self._part = int(begin * PARTS)
        self._queue: list[Happening] = []
        self._later: dict[int, list[Happening]] = {}
        self._parts: list[int] = []
        self._order = itertools.count().__next__

    def at(self, seconds: float, act: Act) -> None:
        """Let something happen; what is due at one second happens as it was asked."""
        part = int(seconds * PARTS)
        if part <= self._part:
            heappush(self._queue, (seconds, self._order(), act))
        elif part in self._later:
            self._later[part].append((seconds, self._order(), act))
        else:
            self._later[part] = [(seconds, self._order(), act)]
            heappush(self._parts, part)

    def after(self, seconds: float, act: Act) -> None:
        self.at(self.now + seconds, act)

    def run_until(self, end: float) -> None:
        while self._has_more():
            queue = self._queue
            while queue and queue[0][0] < end:
                seconds, _, act = heappop(queue)
                if seconds > self.now:  # noqa: PLR1730 # a call costs more
                    self.now = seconds
                act()
            if queue:
                break
        self.now = end

    def _has_more(self) -> bool:
        """Return whether anything is to happen, with what is next in the queue."""
        if not self._queue and self._parts:
            self._part = heappop(self._parts)
            self._queue = self._later.pop(self._part)
            heapify(self._queue)
        return bool(self._queue)


class Chronicle:
    """A running hash of the whole story; two runs of one seed end with the same."""

    def __init__(self) -> None:
        self._hash = hashlib.blake2b(digest_size=16)
        self.facts = 0

    def note(self, now: float, what: str, who: int, about: bytes = b"") -> None:
        self.facts += 1
        self._hash.update(b"%.6f %s %d " % (now, what.encode(), who) + about)

    def digest(self) -> str:
        return self._hash.hexdigest()
