"""Rebuilds what our checkpoint declares missing, after each answer deadline.

A deal whose siblings gave nothing back is tried again in the next epoch, then after
two, four and eight: what they cannot give costs them, and us, nearly nothing.
"""

from typing import Final

from holdfast.protocol.checkpoint import Entry
from holdfast.protocol.deal import Deal
from holdfast.protocol.frozen import frozen
from holdfast.protocol.repair import (
    SIBLING_REQUEST,
    SiblingRequest,
    SignedSiblingRequest,
)
from holdfast.protocol.units import DealId, VaultId
from holdfast.vault.core.answering import Answering
from holdfast.vault.core.challenged import entry_proof
from holdfast.vault.core.declared import Stood
from holdfast.vault.core.effects import Effect, Log, RebuildMissing, WakeAt
from holdfast.vault.core.events import MissingRebuilt
from holdfast.vault.core.myself import Myself

SLACK_PARTS: Final = 20
REST_EPOCHS_MAX: Final = 8


@frozen
class Rest:
    """How long a deal is left alone: not before epoch `until`."""

    until: int = -1
    epochs: int = 0

    def after(self, rebuilt: int, epoch: int) -> "Rest":
        """Return the rest after an attempt in `epoch`; any shard back ends it."""
        if rebuilt:
            return Rest()
        epochs = min(max(2 * self.epochs, 1), REST_EPOCHS_MAX)
        return Rest(epoch + epochs, epochs)


class Rebuilding:
    """The machine of repair: one deal at a time, each once an epoch."""

    def __init__(self, me: Myself, answering: Answering) -> None:
        self._me = me
        self._answering = answering
        self._epoch = -1
        self._queue: list[Entry] = []
        self._running = False
        self._stood: Stood | None = None
        self._rests: dict[DealId, Rest] = {}

    def step(self, now: float) -> list[Effect]:
        """Begin when the answers of this epoch are due and bytes are missing."""
        epoch = self._me.epoch_at(now)
        deadline = self._answering.deadline_seconds
        if epoch == self._epoch or not deadline:
            return self._next(now)
        # Siblings may have learned of the beacon a little later than we did.
        begin = deadline + self._me.params.epoch_seconds / SLACK_PARTS
        if now < begin:
            return [WakeAt(begin)]
        self._epoch = epoch
        self._stood = self._answering.stood
        items = self._stood.declared.entries.items if self._stood else ()
        lost = [entry for entry in items if entry.missing]
        known = {entry.deal: self._rests.get(entry.deal, Rest()) for entry in lost}
        self._rests = known
        self._queue = [entry for entry in lost if epoch >= known[entry.deal].until]
        return self._next(now)

    def rebuilt(self, event: MissingRebuilt) -> list[Effect]:
        """Go on with the next deal."""
        self._running = False
        told: list[Effect] = []
        if rest := self._rests.get(event.deal):
            self._rests[event.deal] = rest.after(event.shards, self._epoch)
        if event.shards:
            fields = {"deal": event.deal.hex(), "shards": event.shards}
            told = [Log("rebuilt missing shards", fields)]
        return told + self._next(event.now)

    def _next(self, now: float) -> list[Effect]:
        # A request names its epoch: what is left over is asked for in the next one.
        if self._running or not self._queue or self._me.epoch_at(now) != self._epoch:
            return []
        while self._queue:
            entry = self._queue.pop()
            deal = self._me.ledger.deal(entry.deal)
            if deal is not None:
                self._running = True
                return [RebuildMissing(deal, entry, self._requests(deal, entry))]
        return []

    def _requests(
        self, deal: Deal, entry: Entry
    ) -> dict[VaultId, SignedSiblingRequest]:
        assert self._stood
        declared = self._stood.declared
        proof = entry_proof(declared, declared.place(entry.deal))
        return {
            holder.vault: SIBLING_REQUEST.sign(
                SiblingRequest(holder.vault, self._epoch, self._stood.standing, proof),
                self._me.network,
                self._me.pair,
            )
            for holder in deal.holders
            if holder.vault != self._me.id
        }
