"""Our own audits: challenged by the beacon, answered, voted on, certified or missed.

waiting → reading → sealing → collecting → certified, or missed with a reason, or
void when the epoch had no beacon. What is lost is declared in checkpoints only,
never after the beacon, so one leaf that cannot be read misses the epoch.
"""

from enum import Enum
from typing import Final

from holdfast.ledger.core.questions import question_of
from holdfast.protocol.answer import Answer, answer_id
from holdfast.protocol.challenge import challenge
from holdfast.protocol.checkpoint import (
    VOTE,
    Signature,
    StorageCertificate,
    Vote,
)
from holdfast.protocol.errors import SignatureInvalidError
from holdfast.protocol.keys import verify
from holdfast.protocol.placement import majority
from holdfast.protocol.signing import Signed
from holdfast.protocol.units import Digest, VaultId
from holdfast.vault.core.challenged import WantedLeaf, assemble, wanted_leaves
from holdfast.vault.core.checkpointing import STANDING_EPOCHS_MAX, Checkpointing
from holdfast.vault.core.declared import Stood
from holdfast.vault.core.effects import (
    Call,
    Effect,
    KeepAnswer,
    LetGo,
    Log,
    ReadLeaves,
    Save,
    SealAnswer,
    WakeAt,
)
from holdfast.vault.core.events import AnswerSealed, LeavesRead
from holdfast.vault.core.messages import SubmitAnswer, Voted
from holdfast.vault.core.myself import Myself
from holdfast.vault.core.outbox import Outbox
from holdfast.vault.core.refusals import Refusal
from holdfast.vault.core.saved import AuditEnded, CertificateKept, Outcome, Restored
from holdfast.vault.core.tally import Tally
from holdfast.vault.core.timing import (
    answer_deadline,
    retry_seconds,
    stand_in_start,
    try_seconds,
)

AUDITS_MAX: Final = 256


class Stage(Enum):
    """How far the audit of one epoch is."""

    WAITING = "waiting"
    READING = "reading"
    SEALING = "sealing"
    COLLECTING = "collecting"
    ENDED = "ended"


TRANSITIONS: Final = {
    Stage.WAITING: {Stage.READING, Stage.SEALING, Stage.ENDED},
    Stage.READING: {Stage.SEALING, Stage.ENDED},
    Stage.SEALING: {Stage.COLLECTING, Stage.ENDED},
    Stage.COLLECTING: {Stage.ENDED},
    Stage.ENDED: set[Stage](),
}
"""Which stage may follow which within one epoch; each epoch begins by waiting."""


class Answering:
    """The machine of our own audits."""

    def __init__(
        self, me: Myself, checkpoints: Checkpointing, restored: Restored
    ) -> None:
        self._me = me
        self._checkpoints = checkpoints
        self.audits = {audit.epoch: audit for audit in restored.audits}
        self.certified_epochs = restored.certified_epochs
        self._stage = Stage.WAITING
        self._epoch = -1
        self._deadline = 0.0
        self._stood: Stood | None = None
        self._wanted: tuple[WantedLeaf, ...] = ()
        self._answer: Signed[Answer] | None = None
        self._tally = Tally()
        self._refusals: dict[str, int] = {}
        self._outbox = Outbox((), 1.0)

    @property
    def stage(self) -> Stage:
        """How far the audit of the current epoch is."""
        return self._stage

    @property
    def stood(self) -> Stood | None:
        """The checkpoint under audit."""
        return self._stood

    @property
    def deadline_seconds(self) -> float:
        """Until when the current audit must be certified; 0 before the beacon."""
        return self._deadline

    def step(self, now: float) -> list[Effect]:
        """Do what the time and the ledger now allow."""
        epoch = self._me.epoch_at(now)
        effects: list[Effect] = []
        if epoch > self._epoch:
            effects = self._close()
            self._turn(epoch)
        if self._stage is Stage.WAITING:
            return effects + self._begin(now)
        if self._stage is not Stage.ENDED and now >= self._deadline:
            return effects + self._run_out()
        if self._stage is Stage.COLLECTING or self._is_telling(now):
            return effects + self._submit(now)
        return effects

    def read(self, event: LeavesRead) -> list[Effect]:
        """Make the answer of the leaves that were read."""
        if self._stage is not Stage.READING or event.epoch != self._epoch:
            return []
        found = [leaf for leaf in event.leaves if leaf is not None]
        asked = len(self._wanted)
        if len(found) < asked:
            gone = asked - len(found)
            return self._miss(f"{gone} of {asked} challenged leaves are gone")
        assert self._stood
        standing, declared = self._stood.standing, self._stood.declared
        answer = assemble(self._epoch, standing, declared, self._wanted, found)
        return self._seal(answer)

    def sealed(self, event: AnswerSealed) -> list[Effect]:
        """Send the signed answer to the neighbours, if it holds."""
        if self._stage is not Stage.SEALING or event.epoch != self._epoch:
            return []
        if event.fault is not None:
            return self._miss(f"our own answer does not hold: {event.fault}")
        self._move(Stage.COLLECTING)
        self._answer = event.answer
        group = self._me.ledger.group(self._me.id, self._epoch)
        self._tally = Tally(group)
        self._outbox = Outbox(group, retry_seconds(self._me.params))
        return [KeepAnswer(event.answer), *self._submit(event.now)]

    def voted(self, peer: VaultId, request: SubmitAnswer, reply: Voted) -> list[Effect]:
        """Count a neighbour's vote; a majority makes the certificate."""
        if self._answer is None or not self._is_current(request):
            return []
        self._outbox.settle(peer)
        if self._stage is Stage.ENDED:
            return []
        if not self._holds(peer, reply.signature):
            fields = {"peer": peer.hex(), "epoch": self._epoch}
            return [Log("a neighbour sent a wrong vote", fields, warning=True)]
        self._tally.add(peer, reply.signature)
        votes = self._tally.enough()
        return self._certify(votes) if votes else []

    def refused(
        self,
        now: float,
        peer: VaultId,
        request: SubmitAnswer,
        kind: Refusal | None,
        reason: str,
    ) -> list[Effect]:
        """Send the answer again later, unless the neighbour refused it for good."""
        if self._answer is None or not self._is_current(request):
            return []
        self._refusals[reason] = self._refusals.get(reason, 0) + 1
        if kind is None or kind.passing:
            self._outbox.fail(peer, now)
            return self._wake()
        self._tally.refuse(peer)
        self._outbox.settle(peer)
        later = self._stand_ins_from()
        return [WakeAt(later)] if now < later else self._submit(now)

    def _begin(self, now: float) -> list[Effect]:
        beacon = self._me.ledger.beacon(self._epoch)
        group = self._me.ledger.group(self._me.id, self._epoch)
        if beacon is None or not group:
            return []
        if self._checkpoints.may_still_stand(self._epoch, now):
            return []
        if not self._deadline:
            self._deadline = answer_deadline(self._me.params, self._epoch, now)
        self._stood = self._checkpoints.standing_for(self._epoch)
        if self._stood is None or self._stood.epoch < self._epoch - STANDING_EPOCHS_MAX:
            return [self._end(Outcome.VOID, "no checkpoint of ours stands yet")]
        asked = challenge(
            self._me.network,
            self._epoch,
            beacon,
            self._stood.standing.checkpoint.value,
            self._me.params.leaves_per_audit,
        )
        self._wanted = wanted_leaves(asked, self._stood.declared.entries.items)
        wake = WakeAt(self._deadline)
        if not self._wanted:
            answer = Answer(self._epoch, self._stood.standing, (), ())
            return [wake, *self._seal(answer)]
        self._move(Stage.READING)
        return [wake, ReadLeaves(self._epoch, self._wanted)]

    def _seal(self, answer: Answer) -> list[Effect]:
        question = question_of(self._me.ledger, answer)
        if question is None:
            return self._miss("the ledger does not know our neighbours any more")
        self._move(Stage.SEALING)
        return [SealAnswer(answer, question)]

    def _submit(self, now: float) -> list[Effect]:
        assert self._answer
        self._ask_stand_ins(now)
        seconds = try_seconds(self._me.params, self._deadline - now)
        request = SubmitAnswer(self._answer)
        calls = [Call(peer, request, seconds) for peer in self._outbox.due(now)]
        return [*calls, *self._wake()]

    def _stand_ins_from(self) -> float:
        params = self._me.params
        return stand_in_start(params, self._deadline, params.epoch_seconds / 2)

    def _ask_stand_ins(self, now: float) -> None:
        """Turn to the committee when refusals left us without a majority for long."""
        if self._stage is not Stage.COLLECTING or now < self._stand_ins_from():
            return
        if self._tally.stand_ins or not self._tally.is_refused:
            return
        drawn = self._me.ledger.stand_ins(self._me.id, self._epoch, for_answer=True)
        for peer in self._tally.admit(drawn):
            self._outbox.add(peer, now)

    def _certify(self, votes: tuple[Signature, ...]) -> list[Effect]:
        assert self._stood
        signed = self._stood.standing.checkpoint
        assert self._answer
        named = answer_id(self._answer)
        certificate = StorageCertificate(self._epoch, signed, named, votes)
        self._checkpoints.certified(certificate)
        self.certified_epochs += 1
        ended = self._end(Outcome.CERTIFIED)
        entries = self._stood.declared.entries
        return [Save(CertificateKept(certificate)), ended, LetGo(entries)]

    def _miss(self, reason: str, outcome: Outcome = Outcome.MISSED) -> list[Effect]:
        fields = {"epoch": self._epoch, "reason": reason}
        ended = self._end(outcome, reason)
        return [ended, Log("missed an epoch", fields, warning=True)]

    def _run_out(self) -> list[Effect]:
        """End the audit because its time is over."""
        if self._stage is not Stage.COLLECTING:
            stage = self._stage.value
            return self._miss(f"the answer was not ready in time (still {stage})")
        group = self._me.ledger.group(self._me.id, self._epoch)
        text = f"{len(self._tally)} of {majority(len(group))} votes needed"
        if self._refusals:
            often = max(self._refusals, key=lambda why: self._refusals[why])
            text += f"; most refusals say: {often}"
        return self._miss(text, Outcome.UNVOTED)

    def _close(self) -> list[Effect]:
        """End the audit of an epoch that is over."""
        if self._epoch < 0 or self._stage is Stage.ENDED:
            return []
        if self._stage is not Stage.WAITING:
            return self._run_out()
        if not self._me.ledger.is_audited(self._me.id, self._epoch):
            return []
        return [self._end(Outcome.VOID, "no beacon came in time")]

    def _end(self, outcome: Outcome, reason: str = "") -> Save:
        self._move(Stage.ENDED)
        audit = AuditEnded(self._epoch, outcome, reason)
        self.audits[self._epoch] = audit
        while len(self.audits) > AUDITS_MAX:
            del self.audits[min(self.audits)]
        if outcome is not Outcome.CERTIFIED:
            self._answer = None
        return Save(audit)

    def _turn(self, epoch: int) -> None:
        self._epoch, self._deadline, self._stood = epoch, 0.0, None
        self._tally, self._refusals, self._answer = Tally(), {}, None
        self._outbox = Outbox((), 1.0)
        # A restart within an epoch that is decided already does not repeat it.
        self._stage = Stage.ENDED if epoch in self.audits else Stage.WAITING

    def _is_telling(self, now: float) -> bool:
        """Return whether neighbours are left to whom the certified answer goes.

        Who never saw it would have to take the epoch for missed.
        """
        return self._answer is not None and now < self._deadline

    def _wake(self) -> list[Effect]:
        due = self._outbox.next_due()
        return [] if due is None else [WakeAt(min(due, self._deadline))]

    def _is_current(self, request: SubmitAnswer) -> bool:
        return request.answer.value.epoch == self._epoch

    def _holds(self, peer: VaultId, signature: bytes) -> bool:
        key = self._me.ledger.identities().get(peer)
        if key is None or not self._tally.knows(peer) or self._answer is None:
            return False
        digest = self._answer.value.checkpoint.digest()
        named = answer_id(self._answer)
        message = vote_message(self._me, self._me.id, self._epoch, digest, named)
        try:
            verify(key, message, signature)
        except SignatureInvalidError:
            return False
        return True

    def _move(self, stage: Stage) -> None:
        assert stage in TRANSITIONS[self._stage], (self._stage, stage)
        self._stage = stage


def vote_message(
    me: Myself, vault: VaultId, epoch: int, checkpoint: Digest, answer: Digest
) -> bytes:
    """Return what a neighbour signs to vote for an answer."""
    return VOTE.message(Vote(vault, epoch, checkpoint, answer), me.network)
