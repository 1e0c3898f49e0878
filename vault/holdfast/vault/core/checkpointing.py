"""Our own checkpoints: signed once an epoch, offered to the neighbours, standing.

waiting → taking → offering → standing, anew for each epoch. A checkpoint that no
majority acknowledges lapses; then the one before it goes on standing. It never
signs two checkpoints of one epoch, whatever is restored from whichever disk.
"""

from enum import Enum
from typing import Final

from holdfast.protocol.checkpoint import (
    ACKNOWLEDGEMENT,
    CHECKPOINT,
    Acknowledgement,
    Checkpoint,
    StandingCheckpoint,
    StorageCertificate,
    checkpoint_of,
)
from holdfast.protocol.errors import ProtocolError
from holdfast.protocol.keys import verify
from holdfast.protocol.units import Digest, VaultId
from holdfast.vault.core.declared import Declared, Stood, change_between
from holdfast.vault.core.effects import Call, Effect, Log, Save, TakeEntries, WakeAt
from holdfast.vault.core.events import EntriesTaken
from holdfast.vault.core.messages import (
    Acknowledged,
    BaseUnknown,
    OfferCheckpoint,
)
from holdfast.vault.core.myself import Myself
from holdfast.vault.core.outbox import Outbox
from holdfast.vault.core.recollection import Recollection, disk_is_old
from holdfast.vault.core.refusals import Refusal
from holdfast.vault.core.repeating import Repeating
from holdfast.vault.core.saved import CheckpointSigned, CheckpointStands, Restored
from holdfast.vault.core.tally import Tally
from holdfast.vault.core.timing import (
    offer_start,
    retry_seconds,
    stand_in_start,
    try_seconds,
)

STOOD_MAX: Final = 3
STANDING_EPOCHS_MAX: Final = 24
"""How many epochs a checkpoint goes on standing without a newer one."""


class Stage(Enum):
    """How far the checkpoint of one epoch is."""

    WAITING = "waiting"
    TAKING = "taking"
    OFFERING = "offering"
    STANDING = "standing"


TRANSITIONS: Final = {
    Stage.WAITING: {Stage.TAKING, Stage.OFFERING},
    Stage.TAKING: {Stage.WAITING, Stage.OFFERING},
    Stage.OFFERING: {Stage.WAITING, Stage.STANDING},
    Stage.STANDING: {Stage.WAITING},
}
"""Which stage may follow which; from a saved checkpoint, offering goes on at once."""


class Checkpointing:
    """The machine of our own checkpoints."""

    def __init__(self, me: Myself, restored: Restored) -> None:
        self._me = me
        self._stage = Stage.WAITING
        self._epoch = -1
        self._signed = restored.signed
        self._stood = list(restored.stood)
        self._tally = Tally()
        self._repeating = Repeating(me)
        self._outbox = Outbox((), 1.0)
        self._bases: dict[VaultId, Declared] = {}
        self._offers: dict[Digest | None, OfferCheckpoint] = {}
        self.recollection = Recollection(me)
        self._certificate: StorageCertificate | None = None
        self._warned_epoch = -1

    @property
    def stage(self) -> Stage:
        """How far the checkpoint of the coming epoch is."""
        return self._stage

    @property
    def last_signed_epoch(self) -> int:
        """The newest epoch for which we, or an earlier life of ours, signed."""
        return max(self._own_epoch(), self.recollection.newest_epoch)

    def may_still_stand(self, epoch: int, now: float) -> bool:
        """Return whether the checkpoint of a begun epoch may still come to stand."""
        return self._repeating.is_open(epoch, now)

    def standing_for(self, epoch: int) -> Stood | None:
        """Return the newest checkpoint that stands in `epoch`."""
        fitting = [stood for stood in self._stood if stood.epoch <= epoch]
        return fitting[-1] if fitting else None

    def certified(self, certificate: StorageCertificate) -> None:
        """Take the newest certificate, which goes along with the next offer."""
        self._certificate = certificate
        self._offers = {}

    def step(self, now: float) -> list[Effect]:
        """Do what the time and the ledger now allow."""
        coming = self._me.epoch_at(now) + 1
        if self._epoch < coming:
            effects = self._lapse()
            self._turn(coming)
        else:
            effects = []
        effects += self._repeating.step(now)
        effects += self.recollection.step(now)
        if self._stage is Stage.WAITING:
            return effects + self._begin(now)
        return effects + self._offer(now)

    def take(self, event: EntriesTaken) -> list[Effect]:
        """Sign the checkpoint of what is held, save it, and offer it."""
        if self._stage is not Stage.TAKING or event.epoch != self._epoch:
            return []
        if self._is_late(event.now):
            return []
        heads = {signed.value.deal: signed for signed in event.heads}
        declared = Declared(event.entries, heads)
        value = checkpoint_of(self._me.id, self._epoch, event.entries)
        signed = CHECKPOINT.sign(value, self._me.network, self._me.pair)
        self._signed = CheckpointSigned(signed, declared)
        self._offers = {}
        effects: list[Effect] = [Save(self._signed)]
        return effects + self._start_offering(event.now)

    def acknowledged(
        self, now: float, peer: VaultId, request: OfferCheckpoint, reply: object
    ) -> list[Effect]:
        """Count a neighbour's acknowledgement, or send it all entries."""
        epoch = request.checkpoint.value.epoch
        if epoch == self._repeating.epoch and isinstance(reply, Acknowledged):
            return self._repeated(peer, reply.signature)
        if epoch != self._epoch or self._is_late(now):
            return []
        match reply:
            case BaseUnknown():
                if self._bases.pop(peer, None) is None:
                    self._outbox.fail(peer, now)
                    return self._wake()
                self._outbox.add(peer, now)
                return self._offer(now)
            case Acknowledged(signature) if self._holds(peer, signature):
                self._outbox.settle(peer)
                assert self._signed
                self._bases[peer] = self._signed.declared
                self._tally.add(peer, signature)
                return self._stand()
            case _:
                self._outbox.settle(peer)
                return [_log("a neighbour sent a wrong acknowledgement", peer)]

    def refused(
        self,
        now: float,
        peer: VaultId,
        request: OfferCheckpoint,
        kind: Refusal | None,
        reason: str,
    ) -> list[Effect]:
        """Ask the neighbour again, unless it refused for good."""
        epoch = request.checkpoint.value.epoch
        if epoch == self._repeating.epoch:
            return self._repeating.refused(now, peer, kind)
        if epoch != self._epoch:
            return []
        if kind is None or kind.passing:
            self._outbox.fail(peer, now)
            return self._wake()
        self._tally.refuse(peer)
        self._outbox.settle(peer)
        told = _log("a neighbour refused our checkpoint", peer, reason=reason)
        later = self._stand_ins_from()
        return [told, *([WakeAt(later)] if now < later else self._offer(now))]

    def offer_for(self, peer: VaultId) -> OfferCheckpoint:
        """Return the offer with what changed since this neighbour's base.

        Most have the same base; what changed since then is found once.
        """
        base = self._bases.get(peer)
        root = base.root if base else None
        offer = self._offers.get(root)
        if offer is None:
            offer = self._offers[root] = self._offer_since(base)
        return offer

    def _offer_since(self, base: Declared | None) -> OfferCheckpoint:
        assert self._signed
        declared = self._signed.declared
        change = change_between(base.entries if base else None, declared.entries)
        deals = [entry.deal for entry in change.changed.items]
        heads = tuple(declared.heads[deal] for deal in deals if deal in declared.heads)
        return OfferCheckpoint(
            self._signed.checkpoint,
            base.root if base else None,
            change.changed,
            change.removed,
            heads,
            self._certificate,
        )

    def _turn(self, epoch: int) -> None:
        self._epoch, self._stage = epoch, Stage.WAITING
        self._tally, self._outbox = Tally(), Outbox((), 1.0)

    def _lapse(self) -> list[Effect]:
        """Give a checkpoint without a majority its last chance."""
        if self._stage is not Stage.OFFERING:
            return []
        assert self._signed
        fields = {"epoch": self._epoch, "acknowledgements": len(self._tally)}
        self._repeating.begin(self._signed, self._tally, self._outbox)
        text = "a checkpoint has too few acknowledgements as its epoch begins"
        return [Log(text, fields, True)]

    def _repeated(self, peer: VaultId, signature: bytes) -> list[Effect]:
        """Take an acknowledgement that a neighbour repeats."""
        epoch = self._repeating.epoch
        if self._own_epoch() != epoch or not self._fits(peer, signature):
            return []
        stood = self._repeating.acknowledged(peer, signature)
        return [] if stood is None else self._keep(stood)

    def _begin(self, now: float) -> list[Effect]:
        begin = offer_start(self._me.params, self._epoch, self._me.id)
        if now < begin:
            return [WakeAt(begin)]
        self._tally = Tally(self._me.ledger.group(self._me.id, self._epoch))
        if not self._tally.group:
            return []
        if self.recollection.is_open(now):
            return [WakeAt(self.recollection.ends_seconds)]
        if self._own_epoch() == self._epoch:
            return self._start_offering(now)
        if (known := self.recollection.newest_epoch) >= self._epoch:
            return self._warn_once(disk_is_old(self._own_epoch(), known))
        self._move(Stage.TAKING)
        return [TakeEntries(self._epoch)]

    def _start_offering(self, now: float) -> list[Effect]:
        self._move(Stage.OFFERING)
        self._outbox = Outbox(self._tally.group, retry_seconds(self._me.params))
        for stranger in set(self._bases) - set(self._tally.group):
            del self._bases[stranger]
        return self._offer(now)

    def _offer(self, now: float) -> list[Effect]:
        if self._stage not in {Stage.OFFERING, Stage.STANDING}:
            return []
        self._ask_stand_ins(now)
        left = self._me.params.epoch_start(self._epoch) - now
        seconds = try_seconds(self._me.params, left)
        calls = [
            Call(peer, self.offer_for(peer), seconds) for peer in self._outbox.due(now)
        ]
        return [*calls, *self._wake()]

    def _stand_ins_from(self) -> float:
        params = self._me.params
        ends = float(params.epoch_start(self._epoch))
        return stand_in_start(params, ends, params.epoch_seconds / 4)

    def _ask_stand_ins(self, now: float) -> None:
        """Turn to the committee when refusals left us without a majority for long."""
        if self._stage is not Stage.OFFERING or now < self._stand_ins_from():
            return
        if self._tally.stand_ins or not self._tally.is_refused:
            return
        drawn = self._me.ledger.stand_ins(self._me.id, self._epoch, for_answer=False)
        for peer in self._tally.admit(drawn):
            self._outbox.add(peer, now)

    def _wake(self) -> list[Effect]:
        due = self._outbox.next_due()
        return [] if due is None else [WakeAt(due)]

    def _stand(self) -> list[Effect]:
        signatures = self._tally.enough()
        if self._stage is not Stage.OFFERING or not signatures:
            return []
        assert self._signed
        self._move(Stage.STANDING)
        standing = StandingCheckpoint(self._signed.checkpoint, signatures)
        return self._keep(Stood(standing, self._signed.declared))

    def _keep(self, stood: Stood) -> list[Effect]:
        self._stood.append(stood)
        del self._stood[:-STOOD_MAX]
        return [Save(CheckpointStands(stood.standing))]

    def _warn_once(self, warning: Log) -> list[Effect]:
        if self._warned_epoch == self._epoch:
            return []
        self._warned_epoch = self._epoch
        return [warning]

    def _own_epoch(self) -> int:
        return self._signed.checkpoint.value.epoch if self._signed else -1

    def _is_late(self, now: float) -> bool:
        return now >= self._me.params.epoch_start(self._epoch)

    def _holds(self, peer: VaultId, signature: bytes) -> bool:
        return self._tally.knows(peer) and self._fits(peer, signature)

    def _fits(self, peer: VaultId, signature: bytes) -> bool:
        key = self._me.ledger.identities().get(peer)
        if key is None or self._signed is None:
            return False
        message = acknowledgement_message(self._me, self._signed.checkpoint.value)
        return _is_signed(key, message, signature)

    def _move(self, stage: Stage) -> None:
        assert stage in TRANSITIONS[self._stage], (self._stage, stage)
        self._stage = stage


def acknowledgement_message(me: Myself, checkpoint: Checkpoint) -> bytes:
    """Return what a neighbour signs to acknowledge a checkpoint."""
    digest: Digest = checkpoint.digest()
    said = Acknowledgement(checkpoint.vault, checkpoint.epoch, digest)
    return ACKNOWLEDGEMENT.message(said, me.network)


def _is_signed(key: bytes, message: bytes, signature: bytes) -> bool:
    try:
        verify(key, message, signature)
    except ProtocolError:
        return False
    return True


def _log(text: str, peer: VaultId, **fields: object) -> Log:
    return Log(text, {"peer": peer.hex(), **fields}, warning=True)
