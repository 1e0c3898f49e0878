"""Requests that must reach several peers each, until they have or time is up."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from holdfast.protocol.units import VaultId
from holdfast.vault.core.effects import Call, Effect, WakeAt
from holdfast.vault.core.fault_messages import OpenCase, TellMiss, TellMissed
from holdfast.vault.core.myself import Myself
from holdfast.vault.core.outbox import Outbox
from holdfast.vault.core.timing import call_seconds, retry_seconds

LETTERS_MAX: Final = 4096

Content = TellMiss | TellMissed | OpenCase


@dataclass(frozen=True, slots=True)
class Letter:
    """What is told, whom it still has to reach, and until when that is worth it."""

    content: Content
    outbox: Outbox
    until: float


class Letters:
    """The letters under way; a content is sent once, whoever asks for it again."""

    def __init__(self, me: Myself) -> None:
        self._me = me
        self._letters: dict[int, Letter] = {}

    def send(self, content: Content, peers: Iterable[VaultId], until: float) -> None:
        """Send a content to these peers from the next step on."""
        others = [peer for peer in peers if peer != self._me.id]
        outbox = Outbox(others, retry_seconds(self._me.params))
        if others and len(self._letters) < LETTERS_MAX:
            self._letters[id(content)] = Letter(content, outbox, until)

    def step(self, now: float) -> list[Effect]:
        """Send what is due; let go of what is too old or has arrived."""
        self._letters = {
            key: letter
            for key, letter in self._letters.items()
            if now < letter.until and len(letter.outbox)
        }
        seconds, effects = call_seconds(self._me.params), list[Effect]()
        for letter in self._letters.values():
            due = letter.outbox.due(now)
            effects += [Call(peer, letter.content, seconds) for peer in due]
        return effects

    def is_ours(self, content: Content) -> bool:
        """Return whether this very request is one of the letters."""
        return id(content) in self._letters

    def arrived(self, peer: VaultId, content: Content) -> None:
        """Cross a peer off, which has it or refuses it for good."""
        if (letter := self._letters.get(id(content))) is not None:
            letter.outbox.settle(peer)

    def failed(self, now: float, peer: VaultId, content: Content) -> list[Effect]:
        """Send it to this peer again later."""
        letter = self._letters.get(id(content))
        if letter is None:
            return []
        letter.outbox.fail(peer, now)
        due = letter.outbox.next_due()
        return [] if due is None else [WakeAt(due)]
