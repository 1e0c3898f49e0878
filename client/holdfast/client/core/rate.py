"""How fast something goes lately, and how long the rest of it takes."""

from collections import deque
from dataclasses import dataclass, field

WINDOW_SECONDS = 20.0
_POINTS_MAX = 256


@dataclass(slots=True)
class Rate:
    """Bytes a second over the last twenty seconds; `now` is any steady clock's."""

    _points: deque[tuple[float, int]] = field(
        default_factory=lambda: deque(maxlen=_POINTS_MAX)
    )

    def told(self, done: int, now: float) -> None:
        """Note that so many bytes are done by now; fewer than before begin anew."""
        if self._points and done < self._points[-1][1]:
            self._points.clear()
        self._points.append((now, done))
        while now - self._points[0][0] > WINDOW_SECONDS:
            self._points.popleft()

    @property
    def bytes_per_second(self) -> float:
        """The rate; 0 while nothing can be said of it."""
        if len(self._points) < 2:
            return 0.0
        (since, before), (now, done) = self._points[0], self._points[-1]
        return (done - before) / (now - since) if now > since else 0.0

    def seconds_left(self, total: int | None) -> float | None:
        """Return how long the rest takes at this rate, or None."""
        rate = self.bytes_per_second
        if total is None or rate <= 0:
            return None
        return max(total - self._points[-1][1], 0) / rate
