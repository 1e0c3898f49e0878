"""A committee member's own proposal of a settlement, when its turn has come.

Rank r may propose from two epochs and r/16 into the period. A round asks all
members for the same statement; what they say is missing is exchanged and a new
round begins. The first proposer with a majority brings it to the ledger.
"""

from dataclasses import dataclass, field
from typing import Final

from holdfast.ledger.core.operations import Settle
from holdfast.protocol.placement import majority
from holdfast.protocol.settlement import EJECTIONS_MAX, Certificate
from holdfast.protocol.units import VaultId
from holdfast.vault.core import certifying
from holdfast.vault.core.books import Books
from holdfast.vault.core.effects import Call, Effect, Log, Save, Submit, WakeAt
from holdfast.vault.core.events import OperationEnded
from holdfast.vault.core.fault_messages import OpenCase
from holdfast.vault.core.judging import Judging
from holdfast.vault.core.messages import (
    Certify,
    ClaimSlot,
    Listed,
    ProposeSettlement,
    SettlementReply,
)
from holdfast.vault.core.myself import Myself
from holdfast.vault.core.objections import Objections, Part
from holdfast.vault.core.outbox import Outbox
from holdfast.vault.core.proof_store import push_of
from holdfast.vault.core.rechecking import Rechecking
from holdfast.vault.core.refusals import Refusal, RefusedError
from holdfast.vault.core.timing import call_seconds, proposal_start, retry_seconds

ROUNDS_MAX: Final = 16
EXCHANGED_MAX: Final = 1024
_NEVER: Final = float("inf")


@dataclass
class Round:
    """One statement on its way to a majority."""

    proposal: ProposeSettlement
    members: tuple[VaultId, ...]
    outbox: Outbox
    signatures: dict[VaultId, bytes] = field(default_factory=dict)
    certificate: Certificate | None = None
    submit_at: float = _NEVER
    tries: int = 0
    began: float = 0.0


class Proposing:
    """The machine of our turn as proposer."""

    def __init__(
        self, me: Myself, books: Books, judging: Judging, rechecking: Rechecking
    ) -> None:
        self._me = me
        self._books = books
        self._judging = judging
        self._rechecking = rechecking
        self._objections = Objections()
        self._period = -1
        self._rounds = 0
        self._round: Round | None = None
        self._deferred_until = 0.0

    def step(self, now: float) -> list[Effect]:
        """Propose when our turn has come and nobody else has settled the period."""
        due = self._books.period_due(now)
        if due > self._period:
            self._period, self._rounds, self._round = due, 0, None
            self._deferred_until = 0.0
            self._objections = Objections()
        settled = due < 0 or self._books.is_settled(due)
        members = () if settled else self._me.ledger.committee(due + 1)
        if self._me.id not in members:
            self._round = None
            return []
        rank = members.index(self._me.id)
        start = proposal_start(self._me.params, due, rank)
        turn = max(start, self._deferred_until)
        if now < turn:
            return [WakeAt(turn)]
        patience = turn + self._me.params.epoch_seconds / 2
        asking = self._judging.in_session() or self._rechecking.is_asking()
        if self._round is None and asking and now < patience:
            return [WakeAt(patience)]
        if self._round is None:
            return self._begin(now, members)
        if self._is_stuck(now, self._round):
            return self._drop_worst(now, self._round)
        return self._ask(now)

    def signed_for_another(self, now: float) -> None:
        """Leave the proposer whose statement we signed time to bring it in, once."""
        if self._round is None and not self._deferred_until:
            self._deferred_until = now + self._me.params.epoch_seconds / 2

    def replied(
        self,
        now: float,
        peer: VaultId,
        request: ProposeSettlement,
        reply: SettlementReply,
    ) -> list[Effect]:
        """Count a member's signature, or exchange what it says is missing."""
        running = self._round
        if running is None or request is not running.proposal:
            return []
        if running.certificate is not None:
            return []
        if reply.signature is not None:
            running.outbox.settle(peer)
            running.signatures[peer] = reply.signature
            return self._try_submit()
        if reply.lacking:
            return self._send_lacking(peer, reply)
        if reply.lacking_claims:
            return self._send_claims(now, peer, reply)
        if reply.lacking_cases:
            return self._send_cases(now, peer, reply)
        if reply.objected_cases or reply.doubted:
            return self._note_objections(now, peer, reply)
        if reply.omitted is not None:
            return self._take_omitted(now, peer, reply.omitted)
        running.outbox.settle(peer)
        return []

    def handed_over(self, now: float, peer: VaultId) -> list[Effect]:
        """Ask a member again that now has what it lacked."""
        if self._round is None or peer not in self._round.members:
            return []
        if peer not in self._round.signatures:
            self._round.outbox.add(peer, now)
        return self._ask(now)

    def refused(
        self, now: float, peer: VaultId, kind: Refusal | None, reason: str
    ) -> list[Effect]:
        """Ask a member again later, unless it refuses for good."""
        if self._round is None:
            return []
        if kind is None or kind.passing:
            self._round.outbox.fail(peer, now)
            return self._wake()
        self._round.outbox.settle(peer)
        fields = {"peer": peer.hex(), "reason": reason, "period": self._period}
        return [Log("a member refused our settlement", fields, warning=True)]

    def ended(self, event: OperationEnded) -> list[Effect]:
        """Try again when the ledger did not take the settlement."""
        running = self._round
        if event.fault is None or running is None or running.certificate is None:
            return []
        # The signatures stay good; only the ledger was not in reach, or was faster.
        wait = retry_seconds(self._me.params) * (1 << min(running.tries, 6))
        running.submit_at, running.tries = event.now + wait, running.tries + 1
        fields = {"period": self._period, "reason": event.fault}
        return [
            Log("the ledger did not take our settlement", fields),
            WakeAt(running.submit_at),
        ]

    def _begin(self, now: float, members: tuple[VaultId, ...]) -> list[Effect]:
        if self._rounds >= ROUNDS_MAX:
            return []
        dropped = self._objections.dropped
        self._objections.begin()
        counted = [
            proof
            for proof in self._books.due_proofs(self._period)
            if self._rechecking.counts(proof) and proof.name not in dropped
        ]
        named = [(proof.name.vault, proof.name.epoch) for proof in counted]
        ejections = tuple(
            ejection
            for ejection in self._judging.verdicts(now, named)
            if ejection.case_digest not in dropped
        )
        listed = self._listing(now)
        statement = self._books.state(self._period, counted, ejections, listed)
        if statement is None:
            return []
        self._rounds += 1
        signature = certifying.sign(self._me, statement)
        proposal = ProposeSettlement(
            statement,
            self._me.id,
            signature,
            tuple(sorted(proof.name for proof in counted)),
            listed,
        )
        others = [member for member in members if member != self._me.id]
        outbox = Outbox(others, retry_seconds(self._me.params))
        self._round = Round(proposal, members, outbox, {self._me.id: signature})
        self._round.began = now
        return [*self._try_submit(), *self._ask(now)]

    def _ask(self, now: float) -> list[Effect]:
        running = self._round
        if running is None:
            return []
        if running.certificate is not None:
            return self._submit(now, running, running.certificate)
        seconds = call_seconds(self._me.params)
        calls = [
            Call(peer, running.proposal, seconds) for peer in running.outbox.due(now)
        ]
        return [*calls, *self._wake()]

    def _wake(self) -> list[Effect]:
        due = self._round.outbox.next_due() if self._round else None
        return [] if due is None else [WakeAt(due)]

    def _listing(self, now: float) -> tuple[Listed, ...]:
        base, epoch = self._books.base(), self._me.epoch_at(now)
        return self._books.takeovers.listing(base.totals, epoch) if base else ()

    def _send_claims(
        self, now: float, peer: VaultId, reply: SettlementReply
    ) -> list[Effect]:
        """Bring a member the claims that it has not seen; it is asked again then."""
        found = map(self._books.takeovers.get, reply.lacking_claims[:EXCHANGED_MAX])
        seconds = call_seconds(self._me.params)
        calls = [Call(peer, ClaimSlot(claim), seconds) for claim in found if claim]
        if calls:
            return [*calls]
        return self.refused(now, peer, Refusal.DENIED, "it lacks no claim of ours")

    def _send_cases(
        self, now: float, peer: VaultId, reply: SettlementReply
    ) -> list[Effect]:
        """Bring a member the cases that it has not seen; it is asked again then."""
        named = reply.lacking_cases[:EJECTIONS_MAX]
        cases = [self._judging.case(digest) for digest in named]
        seconds = call_seconds(self._me.params)
        calls = [Call(peer, OpenCase(case), seconds) for case in cases if case]
        if calls:
            return [*calls]
        return self.refused(now, peer, Refusal.DENIED, "it lacks no case of ours")

    def _note_objections(
        self, now: float, peer: VaultId, reply: SettlementReply
    ) -> list[Effect]:
        """Remember who will not sign what; without a majority, begin without it."""
        running = self._round
        assert running
        running.outbox.settle(peer)
        parts: tuple[Part, ...] = (*reply.objected_cases, *reply.doubted)
        self._objections.note(peer, parts, running.proposal)
        if self._is_stuck(now, running):
            return self._drop_worst(now, running)
        return [WakeAt(self._patience(running))]

    def _is_stuck(self, now: float, running: Round) -> bool:
        """Return whether objections keep the statement from its majority."""
        patient = now < self._patience(running)
        fatal = self._objections.are_fatal(len(running.members), patient=patient)
        return fatal and running.certificate is None

    def _patience(self, running: Round) -> float:
        return running.began + self._me.params.epoch_seconds / 2

    def _drop_worst(self, now: float, running: Round) -> list[Effect]:
        """Begin anew without the part that most members object to."""
        self._objections.drop_worst()
        self._round = None
        return self._begin(now, running.members)

    def _send_lacking(self, peer: VaultId, reply: SettlementReply) -> list[Effect]:
        found = (self._books.proofs.get(name) for name in reply.lacking)
        proofs = [proof for proof in found if proof][:EXCHANGED_MAX]
        return [Call(peer, push_of(proofs), call_seconds(self._me.params))]

    def _take_omitted(
        self, now: float, peer: VaultId, omitted: Certify
    ) -> list[Effect]:
        first, end = self._books.open_epochs(self._period)
        try:
            new = self._books.proofs.collect(omitted, now, first, end)
        except RefusedError as refused:
            return self.refused(now, peer, Refusal.DENIED, refused.reason)
        if not new:
            assert self._round
            self._round.outbox.fail(peer, now)
            return self._wake()
        saves: list[Effect] = [Save(item) for item in new]
        members = self._round.members if self._round else ()
        self._round = None
        return [*saves, *self._begin(now, members)]

    def _try_submit(self) -> list[Effect]:
        running = self._round
        assert running
        if len(running.signatures) < majority(len(running.members)):
            return []
        statement = running.proposal.statement
        certificate = certifying.certificate_of(
            self._me, statement, running.members, running.signatures
        )
        if certificate is None:
            return self._drop_wrong(running)
        running.certificate = certificate
        return [Submit(Settle(certificate))]

    def _drop_wrong(self, running: Round) -> list[Effect]:
        """Forget those who signed badly: others may still make a majority."""
        before, statement = set(running.signatures), running.proposal.statement
        running.signatures = certifying.without_wrong(
            self._me, statement, running.signatures
        )
        wrong = sorted(before - set(running.signatures))
        fields = {"peers": [peer.hex() for peer in wrong], "period": self._period}
        return [Log("members signed with other keys", fields, warning=True)]

    def _submit(
        self, now: float, running: Round, certificate: Certificate
    ) -> list[Effect]:
        if now < running.submit_at:
            return []
        running.submit_at = _NEVER
        return [Submit(Settle(certificate))]
