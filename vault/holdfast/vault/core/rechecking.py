"""The committee's spot check: one certified answer in fifty is judged once more.

Which ones, a beacon draws that did not exist when the votes were given. What is not
shown to a member does not count for it; a wrong answer convicts all who voted for it.
"""

import hashlib
from enum import Enum
from typing import Final

from holdfast.ledger.core.questions import question_of
from holdfast.protocol.answer import Answer, answer_id
from holdfast.protocol.cases import Case, Fault
from holdfast.protocol.checkpoint import StorageCertificate
from holdfast.protocol.signing import Signed
from holdfast.protocol.units import Digest, VaultId
from holdfast.vault.core.effects import Call, Effect, JudgeAnswer
from holdfast.vault.core.events import AnswerJudged
from holdfast.vault.core.fault_messages import AskAudit, AuditOf
from holdfast.vault.core.messages import Counted
from holdfast.vault.core.myself import Myself
from holdfast.vault.core.proof_store import Proof, ProofStore
from holdfast.vault.core.prosecuting import Prosecuting
from holdfast.vault.core.sittings import AT_ONCE, Hearing
from holdfast.vault.core.timing import show_seconds

ONE_IN: Final = 50
TRIES: Final = 2
OPEN_MAX: Final = 8


class Found(Enum):
    """What a member knows of a drawn certificate."""

    OPEN = "not asked to the end"
    RIGHT = "the answer was shown and is right"
    WRONG = "the answer was shown and proves nothing"
    UNSHOWN = "nobody showed the answer"


class Rechecking:
    """The machine of the spot check, anew in each period."""

    def __init__(self, me: Myself, proofs: ProofStore, accuser: Prosecuting) -> None:
        self._me = me
        self._proofs = proofs
        self._accuser = accuser
        self._period = -1
        self._changes = -1
        self._found: dict[Counted, Found] = {}
        self._hearings: dict[tuple[VaultId, int], tuple[Counted, Hearing]] = {}
        self._waiting: list[Proof] = []

    def step(self, now: float) -> list[Effect]:
        """Ask for the answers that are drawn among the certificates known."""
        params = self._me.params
        period = params.period_of(self._me.epoch_at(now))
        if period > self._period:
            self._period, self._found, self._hearings = period, {}, {}
            self._changes, self._waiting = -1, []
        seen_all = self._changes == self._proofs.changes
        if seen_all and not self._hearings and not self._waiting:
            return []
        if self._me.id not in self._me.ledger.committee(period):
            return []
        if not seen_all or (self._waiting and len(self._hearings) < OPEN_MAX):
            new = self._proofs.after(self._changes)
            self._changes = self._proofs.changes
            # What was settled meanwhile needs no check any more.
            waited = [p for p in self._waiting if self._proofs.get(p.name) is p]
            self._waiting = []
            for proof in (*waited, *new):
                self._take(proof)
        effects: list[Effect] = []
        for place, (name, hearing) in list(self._hearings.items()):
            effects += self._ask(place, hearing)
            if hearing.over:
                self._settle(place, name, Found.UNSHOWN)
        return effects

    def finding(self, name: Counted) -> Found:
        """Return whether a certificate counts: those not drawn are as good as right."""
        if name in self._found:
            return self._found[name]
        return Found.OPEN if self.is_drawn(name) else Found.RIGHT

    def counts(self, proof: Proof) -> bool:
        """Return whether we count a certificate now."""
        return self.finding(proof.name) is Found.RIGHT

    def is_asking(self) -> bool:
        """Return whether answers are still being asked for."""
        return bool(self._hearings)

    def shown(
        self, peer: VaultId, request: AskAudit, reply: AuditOf | None
    ) -> list[Effect]:
        """Judge the answer that was shown, if it is the one that was voted for."""
        place = (request.vault, request.epoch)
        if place not in self._hearings:
            return []
        name, hearing = self._hearings[place]
        hearing.asked.discard(peer)
        proof, answer = self._proofs.get(name), reply.answer if reply else None
        if answer is None or proof is None or hearing.judging:
            return []
        if answer_id(answer) != proof.certificate.answer:
            return []
        question = question_of(self._me.ledger, answer.value)
        named = {item.entry.deal for item in answer.value.entries}
        if question is None or not named <= set(question.deal_keys):
            return []
        hearing.judging += 1
        return [JudgeAnswer(answer, question)]

    def judged(self, event: AnswerJudged) -> list[Effect]:
        """Count a right answer; accuse whoever voted for a wrong one."""
        value = event.answer.value
        place = (value.checkpoint.vault, value.epoch)
        if place not in self._hearings:
            return []
        name, _ = self._hearings[place]
        proof = self._proofs.get(name)
        verdict = Found.WRONG if event.fault else Found.RIGHT
        self._settle(place, name, verdict)
        if proof is None or verdict is Found.RIGHT:
            return []
        return self._accuse(proof.certificate, event.answer, event.now)

    def _accuse(
        self, certificate: StorageCertificate, answer: Signed[Answer], now: float
    ) -> list[Effect]:
        effects: list[Effect] = []
        for vote in certificate.votes:
            case = Case(
                vote.signer,
                Fault.FALSE_VOTE.value,
                certificate=certificate,
                answer=answer,
            )
            effects += self._accuser.accuse(case, now)
        return effects

    def _take(self, proof: Proof) -> None:
        name, certificate = proof.name, proof.certificate
        place = (name.vault, name.epoch)
        if name in self._found or place in self._hearings or not self.is_drawn(name):
            return
        voters = [vote.signer for vote in certificate.votes]
        if self._me.id in {name.vault, *voters}:
            self._found[name] = Found.RIGHT  # we judged it ourselves
        elif len(self._hearings) < OPEN_MAX:
            sources = self._in_turn([name.vault, *voters])
            self._hearings[place] = (name, Hearing(sources * TRIES))
        else:
            self._waiting.append(proof)

    def _in_turn(self, sources: list[VaultId]) -> list[VaultId]:
        """Return whom to ask, begun where our rank says: members share the load."""
        members = self._me.ledger.committee(self._period)
        first = members.index(self._me.id) % len(sources)
        return sources[first:] + sources[:first]

    def _settle(self, place: tuple[VaultId, int], name: Counted, found: Found) -> None:
        self._found[name] = found
        del self._hearings[place]

    def _ask(self, place: tuple[VaultId, int], hearing: Hearing) -> list[Effect]:
        request, seconds = AskAudit(*place), show_seconds(self._me.params)
        asked = hearing.next(AT_ONCE)
        return [Call(peer, request, seconds) for peer in asked]

    def _epochs(self) -> tuple[int, int]:
        params = self._me.params
        first = params.first_epoch(self._period - 1)
        return first, params.first_epoch(self._period)

    def is_drawn(self, name: Counted) -> bool:
        """Return whether a certificate is to be checked again in this period."""
        first, end = self._epochs()
        if not first <= name.epoch < end:
            return False
        drawn = self._me.ledger.beacon(end)
        return drawn is not None and is_drawn(drawn, name.vault, name.epoch)


def is_drawn(beacon: Digest, vault: VaultId, epoch: int) -> bool:
    """Return whether a certificate of the period before is checked once more."""
    text = b"holdfast recheck v1" + beacon + vault + epoch.to_bytes(8, "big")
    return int.from_bytes(hashlib.sha256(text).digest(), "big") % ONE_IN == 0
