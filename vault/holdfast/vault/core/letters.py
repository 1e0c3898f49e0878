"""Requests that must reach several peers each, until they have or time is up.

However much there is to tell, a peer gets a bounded number of calls in an epoch, and
one that is silent gets single calls with growing pauses: where the network is starved,
trouble must not make load that makes more trouble.
"""

import heapq
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from holdfast.protocol.units import VaultId
from holdfast.vault.core.effects import Call, Effect, WakeAt
from holdfast.vault.core.fault_messages import OpenCase, TellMiss, TellMissed
from holdfast.vault.core.myself import Myself
from holdfast.vault.core.timing import call_seconds, retry_seconds

RUMOURS_MAX: Final = 4096
"""So many certificates may be under way; more are left to others to tell."""

AT_ONCE: Final = 64
PEER_AT_ONCE: Final = 4
PEER_EPOCH_MAX: Final = 64
"""So many calls one peer gets in one epoch; what is left waits for the next."""

DOUBLINGS_MAX: Final = 4

Content = TellMiss | TellMissed | OpenCase
_RANKS: Final = {OpenCase: 0, TellMiss: 1, TellMissed: 2}


@dataclass(slots=True)
class Letter:
    """What is told, until when that is worth it, and how many do not have it yet."""

    content: Content
    until: float
    left: int


@dataclass(slots=True)
class Box:
    """What one peer still has to be told, and how it took what it was told.

    `waiting` are letters with the second from which each may go: cases first, then
    our own word, then what others certified.
    """

    waiting: tuple[dict[int, float], ...] = field(default_factory=lambda: ({}, {}, {}))
    flying: set[int] = field(default_factory=set)
    calls: int = 0
    refusals: int = 0
    silences: int = 0
    not_before: float = 0.0

    @property
    def is_empty(self) -> bool:
        """Whether nothing is left to be told."""
        return not self.flying and not any(self.waiting)

    def has_room(self, now: float) -> bool:
        """Return whether this peer may get a call now."""
        if now < self.not_before or self.calls >= PEER_EPOCH_MAX:
            return False
        return len(self.flying) < (1 if self.silences else PEER_AT_ONCE)

    def next_due(self, now: float) -> int | None:
        """Return the letter that goes next, if any may go now."""
        for letters in self.waiting:
            for key, at in letters.items():
                if at <= now:
                    return key
        return None


class Letters:
    """The letters under way; a content is sent once, whoever asks for it again.

    `_ready` are peers to look at; `_later` when to look at others again.
    """

    def __init__(self, me: Myself) -> None:
        self._me = me
        self._letters: dict[int, Letter] = {}
        self._boxes: dict[VaultId, Box] = {}
        # A plain dict looks through all it ever lost at its beginning for its first.
        self._ready: OrderedDict[VaultId, None] = OrderedDict()
        self._later: list[tuple[float, VaultId]] = []
        self._flying = 0
        self._epoch_ends = float("-inf")

    def send(self, content: Content, peers: Iterable[VaultId], until: float) -> None:
        """Send a content to these peers from the next step on."""
        others = dict.fromkeys(peer for peer in peers if peer != self._me.id)
        full = isinstance(content, TellMissed) and len(self._letters) >= RUMOURS_MAX
        if not others or full or self.is_ours(content):
            return
        self._letters[id(content)] = Letter(content, until, len(others))
        for peer in others:
            box = self._boxes.setdefault(peer, Box())
            box.waiting[_RANKS[type(content)]][id(content)] = 0.0
        self._ready |= others

    def step(self, now: float) -> list[Effect]:
        """Send what is due; let go of what is too old or has arrived."""
        if now >= self._epoch_ends:
            self._turn(now)
        while self._later and self._later[0][0] <= now:
            self._ready[heapq.heappop(self._later)[1]] = None
        effects: list[Effect] = []
        while self._ready and self._flying < AT_ONCE:
            peer = next(iter(self._ready))
            call = self._call(peer, now)
            if call is None:
                del self._ready[peer]
            else:
                effects.append(call)
        return effects

    def is_ours(self, content: Content) -> bool:
        """Return whether this very request is one of the letters."""
        return id(content) in self._letters

    def arrived(self, now: float, peer: VaultId, content: Content) -> list[Effect]:
        """Cross a peer off, which has it or refuses it for good; send what is next."""
        if (box := self._landed(peer, content)) is None:
            return []
        box.refusals, box.silences, box.not_before = 0, 0, 0.0
        self._settle(id(content))
        return self.step(now)

    def failed(
        self, now: float, peer: VaultId, content: Content, *, silent: bool
    ) -> list[Effect]:
        """Send it to this peer again later; who is silent gets nothing until then."""
        if (box := self._landed(peer, content)) is None:
            return []
        again = self._pause(now, box) if silent else self._put_off(now, box)
        box.waiting[_RANKS[type(content)]][id(content)] = again
        heapq.heappush(self._later, (again, peer))
        return [*self.step(now), WakeAt(again)]

    def _call(self, peer: VaultId, now: float) -> Call | None:
        """Return the next call to a peer, if it may get one."""
        box = self._boxes.get(peer)
        if box is None or not box.has_room(now):
            return None
        while (key := box.next_due(now)) is not None:
            letter = self._letters[key]
            del box.waiting[_RANKS[type(letter.content)]][key]
            if letter.until <= now:
                self._settle(key)
                continue
            box.flying.add(key)
            box.calls += 1
            self._flying += 1
            return Call(peer, letter.content, call_seconds(self._me.params))
        return None

    def _landed(self, peer: VaultId, content: Content) -> Box | None:
        """Note that a call is over; None if it was none of ours."""
        box = self._boxes.get(peer)
        if box is None or id(content) not in box.flying:
            return None
        box.flying.discard(id(content))
        self._flying -= 1
        self._ready[peer] = None
        return box

    def _settle(self, key: int) -> None:
        """Forget a letter when the last of its peers is crossed off."""
        letter = self._letters[key]
        letter.left -= 1
        if not letter.left:
            del self._letters[key]

    def _pause(self, now: float, box: Box) -> float:
        """Leave a silent peer alone; calls that ended together count as one."""
        if now >= box.not_before:
            box.not_before = now + self._wait(box.silences)
            box.silences += 1
        return box.not_before

    def _put_off(self, now: float, box: Box) -> float:
        """Let one letter wait that the peer cannot take yet."""
        box.refusals += 1
        return now + self._wait(box.refusals - 1)

    def _wait(self, times: int) -> float:
        return retry_seconds(self._me.params) * (1 << min(times, DOUBLINGS_MAX))

    def _turn(self, now: float) -> None:
        """Begin an epoch: drop what is too old, and forget whoever has it all."""
        params = self._me.params
        self._epoch_ends = params.epoch_start(params.epoch_at(now) + 1)
        old = {key for key, letter in self._letters.items() if letter.until <= now}
        for box in self._boxes.values():
            box.calls = 0
            for letters in box.waiting:
                for key in old & letters.keys():
                    del letters[key]
                    self._settle(key)
        left = self._boxes.items()
        self._boxes = {peer: box for peer, box in left if not box.is_empty}
        self._ready |= dict.fromkeys(self._boxes)
