"""A committee member's part in settlements: collects, judges proposals, serves totals.

Members sign any statement that follows from certificates they have. They refuse
one only for what is invalid, or for leaving out what they have long known.
"""

from holdfast.protocol.errors import ProtocolError
from holdfast.protocol.units import DealId, Digest, VaultId
from holdfast.vault.core import certifying
from holdfast.vault.core.books import Books, known_for
from holdfast.vault.core.effects import Call, Effect, Refuse, Reply, Save
from holdfast.vault.core.events import Asked, DealsFound
from holdfast.vault.core.judging import Judging
from holdfast.vault.core.messages import (
    AskProof,
    AskTotals,
    Certify,
    ClaimSlot,
    Counted,
    Noted,
    ProposeSettlement,
    Proven,
    SettlementReply,
    TotalsOf,
)
from holdfast.vault.core.myself import Myself
from holdfast.vault.core.outbox import Outbox
from holdfast.vault.core.parking import UNREACHABLE, Parking
from holdfast.vault.core.proof_store import Proof, push_of
from holdfast.vault.core.rechecking import Found, Rechecking
from holdfast.vault.core.refusals import Refusal, RefusedError
from holdfast.vault.core.timing import call_seconds, proposal_start, retry_seconds
from holdfast.vault.core.who_settled import who_settled


class Settling:
    """The machine of a member that others ask."""

    def __init__(
        self, me: Myself, books: Books, judging: Judging, rechecking: Rechecking
    ) -> None:
        self._me = me
        self._books = books
        self._judging = judging
        self._rechecking = rechecking
        self._parking = Parking(me.ledger)
        self._fetching = Outbox((), 1.0)
        self._fetched_period = -1
        self._signed: ProposeSettlement | None = None

    def step(self, now: float) -> list[Effect]:
        """Adopt a new settlement; fetch its totals when we did not compute them."""
        if self._me.ledger.settlement is None or self._books.base() is not None:
            return []
        effects = self._books.adopt()
        if effects:
            self._books.forget_settled()
            self._books.takeovers.tidy(self._me.epoch_at(now))
            return effects
        period = self._me.ledger.settled_period
        current = self._me.params.period_of(self._me.epoch_at(now))
        if self._me.id not in self._me.ledger.committee(current):
            return effects
        return effects + self._fetch(period, now)

    def fetched(self, peer: VaultId, reply: TotalsOf) -> list[Effect]:
        """Take totals that a member of the committee sent, if they fit its root."""
        self._fetching.settle(peer)
        if self._books.base() is not None:
            return []
        effects = self._books.take(reply.totals)
        if effects:
            self._books.forget_settled()
        return effects

    def unfetched(self, now: float, peer: VaultId) -> list[Effect]:
        """Ask that member again later."""
        self._fetching.fail(peer, now)
        return []

    def has_signed(self, proposal: ProposeSettlement) -> bool:
        """Return whether this is the proposal that we signed last."""
        return proposal is self._signed

    def asked(self, event: Asked) -> list[Effect]:
        """Do what a vault or a member asks, or refuse it."""
        try:
            match event.request:
                case Certify():
                    return self._collect(event, event.request)
                case ClaimSlot():
                    return self._take_claim(event, event.request)
                case ProposeSettlement():
                    return self._weigh(event, event.request)
                case AskTotals(period):
                    return [Reply(event.token, self._totals(period))]
                case AskProof(party, key):
                    return [Reply(event.token, self._prove(party, key))]
                case _:
                    raise AssertionError(event.request)
        except RefusedError as refused:
            return [Refuse(event.token, refused.kind, refused.reason)]

    def found(self, event: DealsFound) -> list[Effect]:
        """Take up pushes that waited for deals; unknown deals just earn nothing."""
        effects: list[Effect] = []
        for asked in self._parking.leave(event):
            if event.deals is None:
                effects.append(Refuse(asked.token, Refusal.UNREADY, UNREACHABLE))
            elif isinstance(asked.request, ClaimSlot):
                effects += self._claimed(asked, asked.request)
            elif isinstance(asked.request, ProposeSettlement):
                effects += self._weighed(asked, asked.request)
            else:
                assert isinstance(asked.request, Certify)
                effects += self._taken(asked, asked.request)
        return effects

    def _collect(self, event: Asked, push: Certify) -> list[Effect]:
        self._check_member(event.now)
        named = (entry.deal for entries in push.entries for entry in entries.items)
        parked = self._parking.park(event, named, self._changed(push))
        return self._taken(event, push) if parked is None else parked

    def _changed(self, push: Certify) -> set[DealId]:
        """Return the deals that have a holder who is not known to be one yet."""
        vaults = {one.checkpoint.value.vault for one in push.certificates}
        found = set[DealId]()
        for entry in (one for entries in push.entries for one in entries.items):
            deal = self._me.ledger.deal(entry.deal)
            inside = deal is not None and entry.index < deal.n
            if deal and inside and vaults.isdisjoint(deal.held_by(entry.index)):
                found.add(deal.id)
        return found

    def _taken(self, event: Asked, push: Certify) -> list[Effect]:
        first, end = self._books.open_epochs(self._books.period_due(event.now))
        try:
            new = self._books.proofs.collect(push, event.now, first, end)
        except RefusedError as refused:
            return [Refuse(event.token, refused.kind, refused.reason)]
        saves: list[Effect] = [Save(item) for item in new]
        return [*saves, Reply(event.token, Noted())]

    def _take_claim(self, event: Asked, request: ClaimSlot) -> list[Effect]:
        self._check_member(event.now)
        parked = self._parking.park(event, (request.takeover.value.deal,))
        return self._claimed(event, request) if parked is None else parked

    def _claimed(self, event: Asked, request: ClaimSlot) -> list[Effect]:
        epoch = self._me.epoch_at(event.now)
        try:
            kept = self._books.takeovers.add(request.takeover, epoch)
        except RefusedError as refused:
            return [Refuse(event.token, refused.kind, refused.reason)]
        except ProtocolError as error:
            return [Refuse(event.token, Refusal.DENIED, str(error))]
        return [*kept, Reply(event.token, Noted())]

    def _weigh(self, event: Asked, proposal: ProposeSettlement) -> list[Effect]:
        self._check_member(event.now)
        named = [one.replacement.deal for one in proposal.listed]
        parked = self._parking.park(event, named)
        return self._weighed(event, proposal) if parked is None else parked

    def _weighed(self, event: Asked, proposal: ProposeSettlement) -> list[Effect]:
        try:
            return [Reply(event.token, self._judge(event.now, proposal))]
        except RefusedError as refused:
            return [Refuse(event.token, refused.kind, refused.reason)]

    def _lacking_claims(
        self, now: float, proposal: ProposeSettlement
    ) -> tuple[Digest, ...]:
        base, epoch = self._books.base(), self._me.epoch_at(now)
        if base is None:
            return ()
        return self._books.takeovers.lacking(proposal.listed, base.totals, epoch)

    def _judge(self, now: float, proposal: ProposeSettlement) -> SettlementReply:
        self._check_proposal(now, proposal)
        period = proposal.statement.period
        proofs = self._books.proofs
        found = {name: proofs.get(name) for name in proposal.counted}
        lacking = tuple(name for name, proof in found.items() if proof is None)
        if lacking:
            return SettlementReply(lacking=lacking)
        if doubted := self._doubted(proposal):
            return SettlementReply(doubted=doubted)
        vaults = {(name.vault, name.epoch) for name in proposal.counted}
        window = 2 * self._me.params.epoch_seconds
        omitted = [
            proof
            for proof in known_for(self._books.due_proofs(period), now, window)
            if (proof.name.vault, proof.name.epoch) not in vaults
            and self._insists(proof, period, now)
        ]
        if omitted:
            return SettlementReply(omitted=push_of(omitted))
        ejections = proposal.statement.ejections
        review = self._judging.review(now, ejections, vaults)
        if review.lacking or review.objected:
            return SettlementReply(
                lacking_cases=review.lacking, objected_cases=review.objected
            )
        counted = [proof for proof in found.values() if proof]
        if claims := self._lacking_claims(now, proposal):
            return SettlementReply(lacking_claims=claims)
        statement = self._books.state(period, counted, ejections, proposal.listed)
        if statement is None:
            raise RefusedError(
                Refusal.UNREADY, "the last settlement's totals are not known here yet"
            )
        if statement != proposal.statement:
            raise RefusedError(
                Refusal.DENIED, "the totals do not follow from the certificates"
            )
        self._signed = proposal
        return SettlementReply(certifying.sign(self._me, statement))

    def _doubted(self, proposal: ProposeSettlement) -> tuple[Counted, ...]:
        """Return the drawn certificates whose answer we asked for and did not see."""
        found = {name: self._rechecking.finding(name) for name in proposal.counted}
        if Found.OPEN in found.values():
            text = "drawn answers are still being checked again here"
            raise RefusedError(Refusal.UNREADY, text)
        return tuple(name for name, what in found.items() if what is not Found.RIGHT)

    def _insists(self, proof: Proof, period: int, now: float) -> bool:
        """Return whether a statement must not leave this certificate out.

        On one that is drawn we insist only if we saw its answer, and not for ever:
        others may not have seen it.
        """
        if not self._rechecking.is_drawn(proof.name):
            return True
        start = proposal_start(self._me.params, period, 0)
        early = now < start + self._me.params.epoch_seconds / 2
        return early and self._rechecking.counts(proof)

    def _check_proposal(self, now: float, proposal: ProposeSettlement) -> None:
        due = self._check_member(now)
        statement, ledger = proposal.statement, self._me.ledger
        if statement.period != due or self._books.is_settled(due):
            text = "that period is not to be settled now"
            raise RefusedError(Refusal.UNTIMELY, text)
        if proposal.signer not in ledger.committee(due + 1):
            raise RefusedError(Refusal.DENIED, "the proposer is not a committee member")
        if self._judging.accuses(proposal.signer, now):
            raise RefusedError(Refusal.DENIED, "the proposer stands convicted here")
        signer, signature = proposal.signer, proposal.signature
        if not certifying.has_signed(self._me, signer, statement, signature):
            raise RefusedError(Refusal.DENIED, "the proposer's signature does not fit")
        first, end = self._books.open_epochs(due)
        names = {(name.vault, name.epoch) for name in proposal.counted}
        inside = all(first <= name.epoch < end for name in proposal.counted)
        if len(names) != len(proposal.counted) or not inside:
            raise RefusedError(
                Refusal.INVALID, "an epoch is counted twice, or is not to be settled"
            )

    def _check_member(self, now: float) -> int:
        due = self._books.period_due(now)
        members = self._me.ledger.committee(due + 1)
        if not members:
            raise RefusedError(Refusal.UNREADY, "the committee is not drawn yet")
        if self._me.id not in members:
            raise RefusedError(Refusal.DENIED, "this vault is not in the committee")
        return due

    def _totals(self, period: int) -> TotalsOf:
        proven = self._books.settled.get(period)
        if proven is None:
            raise RefusedError(
                Refusal.UNKNOWN, f"the totals of period {period} are not here"
            )
        return TotalsOf(period, proven.totals)

    def _prove(self, party: int, key: bytes) -> Proven:
        base = self._books.base()
        if base is None or base.period < 0:
            raise RefusedError(
                Refusal.UNKNOWN, "the newest settlement's totals are not here"
            )
        return Proven(base.period, base.prove(party, key))

    def _fetch(self, period: int, now: float) -> list[Effect]:
        if self._fetched_period < period:
            self._fetched_period = period
            wait = retry_seconds(self._me.params)
            self._fetching = Outbox(who_settled(self._me), wait)
        seconds = 2 * call_seconds(self._me.params)
        # One at a time: the totals of a large network are large.
        asked = self._fetching.due(now, at_most=1)
        return [Call(peer, AskTotals(period), seconds) for peer in asked]
