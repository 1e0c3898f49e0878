"""The court: a member of the committee asks the accused to prove itself once more.

It fetches the answers of the period's first two epochs, from the accused, then from
its neighbours. One right answer acquits; who showed none, and was asked, is convicted.
"""

from dataclasses import dataclass, field
from typing import Final

from holdfast.ledger.core.court import court_epochs
from holdfast.ledger.core.questions import question_of
from holdfast.protocol.answer import Answer
from holdfast.protocol.signing import Signed
from holdfast.protocol.units import VaultId
from holdfast.vault.core.case_book import CaseBook, Kept
from holdfast.vault.core.effects import Call, Effect, JudgeAnswer, Log, WakeAt
from holdfast.vault.core.events import AnswerJudged
from holdfast.vault.core.fault_messages import AskAudit, AuditOf
from holdfast.vault.core.myself import Myself
from holdfast.vault.core.timing import court_start, show_seconds

AT_ONCE: Final = 3
SITTINGS_MAX: Final = 256


@dataclass
class Hearing:
    """One epoch of a sitting: whom to ask for the answer, and what is under way."""

    sources: list[VaultId]
    asked: set[VaultId] = field(default_factory=set)
    judging: int = 0
    begun: bool = False

    def next(self, at_once: int) -> list[VaultId]:
        """Return whom to ask now: the first alone, then several at a time."""
        if self.asked or self.judging:
            return []
        many = at_once if self.begun else 1
        asked, self.sources = self.sources[:many], self.sources[many:]
        self.asked, self.begun = set(asked), True
        return asked

    @property
    def over(self) -> bool:
        """Whether nobody is left to ask and nothing is being judged."""
        return not self.sources and not self.asked and not self.judging


@dataclass
class Sitting:
    """The court of one accused in one period."""

    vault: VaultId
    period: int
    hearings: dict[int, Hearing] = field(default_factory=dict)
    acquitted: bool = False
    blind: bool = False


class Court:
    """The sittings of the current period, one for each accused."""

    def __init__(self, me: Myself, cases: CaseBook) -> None:
        self._me = me
        self._cases = cases
        self._period = -1
        self._sittings: dict[VaultId, Sitting] = {}
        self._seated: list[Kept] = []

    def step(self, now: float) -> list[Effect]:
        """Ask for the answers that are due, of every accused of this period."""
        period = self._me.params.period_of(self._me.epoch_at(now))
        if period > self._period:
            self._period, self._sittings, self._seated = period, {}, []
        cases = self._cases.of_period(period)
        if not cases and not self._sittings:
            return []
        if self._me.id not in self._me.ledger.committee(period):
            return []
        if cases is not self._seated:
            self._seated = cases
            self._seat(cases, period)
        effects: list[Effect] = []
        for sitting in self._sittings.values():
            effects += self._sit(sitting, now)
        return effects

    def _seat(self, cases: list[Kept], period: int) -> None:
        """Begin a sitting for each accused that has none."""
        for kept in cases:
            vault = kept.case.vault
            if kept.lying or vault == self._me.id:
                continue
            if vault not in self._sittings and len(self._sittings) < SITTINGS_MAX:
                self._sittings[vault] = Sitting(vault, period)

    def convicts(self, vault: VaultId) -> bool:
        """Return whether it has heard an accused and saw no right answer."""
        sitting = self._sittings.get(vault)
        free = sitting is None or sitting.acquitted or sitting.blind
        return not free and self.is_heard(vault)

    def in_session(self) -> bool:
        """Return whether somebody is still to be heard."""
        return any(not self.is_heard(vault) for vault in self._sittings)

    def is_heard(self, vault: VaultId) -> bool:
        """Return whether the court of an accused is over, here.

        An epoch without a beacon asks nothing; if both are, nobody was heard.
        """
        sitting = self._sittings.get(vault)
        if sitting is None or sitting.acquitted:
            return sitting is not None or vault == self._me.id
        ledger, lived = self._me.ledger, 0
        for epoch in court_epochs(ledger, sitting.period):
            hearing = sitting.hearings.get(epoch)
            if hearing is None and (ledger.epoch <= epoch or ledger.beacon(epoch)):
                return False
            if hearing is not None and not hearing.over:
                return False
            lived += hearing is not None
        return lived > 0

    def shown(
        self, peer: VaultId, request: AskAudit, reply: AuditOf
    ) -> list[Effect] | None:
        """Judge an answer that was shown; None if the court did not ask for it."""
        found = self._hearing(peer, request)
        if found is None:
            return None
        sitting, hearing = found
        hearing.asked.discard(peer)
        answer = reply.answer
        if answer is None or sitting.acquitted:
            return []
        value = answer.value
        if (value.checkpoint.vault, value.epoch) != (request.vault, request.epoch):
            return []
        question = question_of(self._me.ledger, value)
        named = {proof.entry.deal for proof in value.entries}
        if question is None or not named <= set(question.deal_keys):
            # We do not see what it is judged by, so we say nothing against it.
            sitting.blind = True
            return []
        hearing.judging += 1
        return [JudgeAnswer(answer, question)]

    def unshown(self, peer: VaultId, request: AskAudit) -> bool:
        """Note that a peer showed nothing; return whether the court had asked."""
        found = self._hearing(peer, request)
        if found is not None:
            found[1].asked.discard(peer)
        return found is not None

    def judged(self, event: AnswerJudged) -> list[Effect]:
        """Acquit whoever gave a right answer."""
        answer = event.answer.value
        sitting = self._sittings.get(answer.checkpoint.vault)
        hearing = sitting.hearings.get(answer.epoch) if sitting else None
        if sitting is None or hearing is None or not hearing.judging:
            return []
        hearing.judging -= 1
        if event.fault is not None or sitting.acquitted:
            return []
        return self._acquit(sitting, event.answer)

    def _sit(self, sitting: Sitting, now: float) -> list[Effect]:
        effects: list[Effect] = []
        ledger = self._me.ledger
        if sitting.acquitted or not ledger.follows(sitting.vault):
            return effects
        for epoch in court_epochs(ledger, sitting.period):
            begin = court_start(self._me.params, epoch)
            if now < begin:
                effects.append(WakeAt(begin))
                continue
            if epoch not in sitting.hearings and not self._open(sitting, epoch):
                continue
            if asked := sitting.hearings[epoch].next(AT_ONCE):
                request = AskAudit(sitting.vault, epoch)
                seconds = show_seconds(self._me.params)
                effects += [Call(peer, request, seconds) for peer in asked]
        return effects

    def _open(self, sitting: Sitting, epoch: int) -> bool:
        """Begin to hear about an epoch, if it is known here who was asked in it."""
        group = self._me.ledger.group(sitting.vault, epoch)
        if self._me.ledger.beacon(epoch) is None or not group:
            return False
        others = [v for v in group if v not in {self._me.id, sitting.vault}]
        sources = [sitting.vault, *others[:2], sitting.vault, *others[2:]]
        sitting.hearings[epoch] = Hearing(sources)
        return True

    def _acquit(self, sitting: Sitting, answer: Signed[Answer]) -> list[Effect]:
        sitting.acquitted = True
        fields = {"vault": sitting.vault.hex(), "epoch": answer.value.epoch}
        told = Log("an accused vault proved itself in court", fields)
        kept = self._cases.answered(sitting.vault, sitting.period, answer)
        return [*kept, told]

    def _hearing(
        self, peer: VaultId, request: AskAudit
    ) -> tuple[Sitting, Hearing] | None:
        sitting = self._sittings.get(request.vault)
        hearing = sitting.hearings.get(request.epoch) if sitting else None
        if sitting is None or hearing is None or peer not in hearing.asked:
            return None
        return sitting, hearing
