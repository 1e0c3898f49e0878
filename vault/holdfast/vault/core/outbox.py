"""Whom one request still has to reach, and when to ask each of them again."""

from collections.abc import Iterable
from typing import Final

from holdfast.protocol.units import VaultId

TRIES_MAX: Final = 64
_IN_FLIGHT: Final = float("inf")


class Outbox:
    """The peers that have not answered yet; each is asked a bounded number of times."""

    def __init__(self, peers: Iterable[VaultId], wait_seconds: float) -> None:
        self._wait = wait_seconds
        self._next = dict.fromkeys(peers, 0.0)
        self._tries = dict.fromkeys(self._next, 0)
        # Nobody is due before this; it may be too early, never too late.
        self._soonest = 0.0 if self._next else _IN_FLIGHT

    def __len__(self) -> int:
        return len(self._next)

    def __contains__(self, peer: object) -> bool:
        return peer in self._next

    def peers(self) -> tuple[VaultId, ...]:
        """Return who has not answered yet."""
        return tuple(self._next)

    def due(self, now: float, at_most: int = 1 << 16) -> tuple[VaultId, ...]:
        """Return the peers to ask now, with no more than `at_most` in flight.

        They are in flight until they are settled or failed. Those that were not asked
        yet come first.
        """
        if now < self._soonest:
            return ()
        flying = sum(at == _IN_FLIGHT for at in self._next.values())
        ready = [peer for peer, at in self._next.items() if at <= now]
        ready.sort(key=self._next.__getitem__)
        due = tuple(ready[: max(at_most - flying, 0)])
        for peer in due:
            self._next[peer] = _IN_FLIGHT
            self._tries[peer] += 1
        self._soonest = min(self._next.values(), default=_IN_FLIGHT)
        return due

    def settle(self, peer: VaultId) -> bool:
        """Cross a peer off; return whether it was still open."""
        return self._next.pop(peer, None) is not None

    def add(self, peer: VaultId, now: float) -> None:
        """Ask a peer as soon as possible, whether it answered before or not."""
        self._tries.setdefault(peer, 0)
        self._next[peer] = now
        self._soonest = min(self._soonest, now)

    def fail(self, peer: VaultId, now: float) -> None:
        """Ask a peer again a little later, unless it was asked too often."""
        if peer not in self._next:
            return
        if self._tries[peer] >= TRIES_MAX:
            del self._next[peer]
        else:
            # Double up to sixteen waits: a dead peer must cost nearly nothing. One
            # that was only asked from an outbox before this one has no tries here.
            factor = 1 << min(max(self._tries[peer] - 1, 0), 4)
            self._next[peer] = now + self._wait * factor
            self._soonest = min(self._soonest, self._next[peer])

    def next_due(self) -> float | None:
        """Return when the next peer is due, or None while all are in flight or done."""
        if not self._next:
            return None
        soonest = min(self._next.values())
        return None if soonest == _IN_FLIGHT else soonest
