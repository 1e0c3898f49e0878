"""Simulated time: what happens next, in an order that one seed fixes."""

import hashlib
import itertools
from collections.abc import Callable
from heapq import heappop, heappush

Act = Callable[[], None]


class Clock:
    """The queue of what is to happen; `now` is the second that it has come to."""

    def __init__(self, begin: float) -> None:
        self.now = begin
        self._queue: list[tuple[float, int, Act]] = []
        self._order = itertools.count().__next__

    def at(self, seconds: float, act: Act) -> None:
        """Let something happen; what is due at one second happens as it was asked."""
        heappush(self._queue, (seconds, self._order(), act))

    def after(self, seconds: float, act: Act) -> None:
        heappush(self._queue, (self.now + seconds, self._order(), act))

    def run_until(self, end: float) -> None:
        queue = self._queue
        while queue and queue[0][0] < end:
            seconds, _, act = heappop(queue)
            if seconds > self.now:  # noqa: PLR1730 # a call costs more
                self.now = seconds
            act()
        self.now = end


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
