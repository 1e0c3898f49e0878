"""Claims the slots that this vault took over: first to the committee, then the ledger.

Each period's committee is told anew, until a settlement lists the replacement. Then
its leaf is shown to the ledger, once an epoch, until the ledger names us.
"""

from dataclasses import dataclass
from typing import Final

from holdfast.ledger.core import slots
from holdfast.ledger.core.operations import Replace
from holdfast.protocol.errors import ProtocolError
from holdfast.protocol.settlement import REPLACEMENT_LEAF, Replacement, TotalProof
from holdfast.protocol.takeover import SignedTakeover
from holdfast.protocol.units import DealId, VaultId
from holdfast.vault.core.books import Books
from holdfast.vault.core.claiming import leads_to
from holdfast.vault.core.effects import Call, Effect, Log, Submit, WakeAt
from holdfast.vault.core.events import OperationEnded
from holdfast.vault.core.messages import AskProof, Proven
from holdfast.vault.core.myself import Myself
from holdfast.vault.core.outbox import Outbox
from holdfast.vault.core.refusals import Refusal
from holdfast.vault.core.takeover_book import replacement_of
from holdfast.vault.core.takeover_messages import ClaimSlot
from holdfast.vault.core.taking_over import Attempt, TakingOver
from holdfast.vault.core.timing import call_seconds, retry_seconds
from holdfast.vault.core.who_settled import who_settled

TOLD_MAX: Final = 16
"""How many members, by rank, are told; they tell each other what a proposal lacks."""


@dataclass
class Telling:
    """One claim on its way to one period's committee."""

    period: int
    request: ClaimSlot
    outbox: Outbox


@dataclass
class Showing:
    """One replacement on its way to the ledger, in one settlement's tree."""

    period: int
    outbox: Outbox
    proof: TotalProof | None = None
    tried_epoch: int = -1


class SlotClaiming:
    """The machine of a candidate that holds what a slot asks for."""

    def __init__(self, me: Myself, books: Books, taking_over: TakingOver) -> None:
        self._me = me
        self._books = books
        self._taking_over = taking_over
        self._telling: dict[DealId, Telling] = {}
        self._showing: dict[DealId, Showing] = {}

    def step(self, now: float) -> list[Effect]:
        """Tell the committee, and show the ledger what it certified."""
        if not (self._telling or self._showing or self._taking_over.is_claiming):
            return []
        claims = {
            attempt.deal: (attempt, attempt.claim)
            for attempt in self._taking_over.claimed()
            if attempt.claim
        }
        self._telling = {k: v for k, v in self._telling.items() if k in claims}
        self._showing = {k: v for k, v in self._showing.items() if k in claims}
        effects: list[Effect] = []
        for attempt, claim in claims.values():
            if self._is_open(attempt, now):
                effects += self._tell(attempt.deal, claim, now)
                effects += self._show(attempt.deal, claim, now)
        return effects

    def is_ours(self, request: ClaimSlot) -> bool:
        """Return whether we sent this claim for ourselves."""
        return any(request is one.request for one in self._telling.values())

    def taken(self, peer: VaultId, request: ClaimSlot) -> list[Effect]:
        """Cross off a member that has the claim."""
        for telling in self._telling.values():
            if request is telling.request:
                telling.outbox.settle(peer)
        return []

    def refused(
        self, now: float, peer: VaultId, request: ClaimSlot, kind: Refusal | None
    ) -> list[Effect]:
        """Tell that member again later, unless it refused for good."""
        for telling in self._telling.values():
            if request is not telling.request:
                continue
            if kind is None or kind.passing:
                telling.outbox.fail(peer, now)
            else:
                telling.outbox.settle(peer)
        return self._wake()

    def proven(
        self, now: float, peer: VaultId, request: AskProof, reply: Proven
    ) -> list[Effect]:
        """Show the ledger the leaf that a signer sent, if its proof holds."""
        settlement = self._me.ledger.settlement
        for deal, showing in self._showing.items():
            attempt = self._attempt(deal)
            if attempt is None or attempt.claim is None or settlement is None:
                continue
            if replacement_of(attempt.claim.value).leaf().id != request.id:
                continue
            showing.outbox.settle(peer)
            proofs = [p for p in reply.proofs if p.total.id == request.id]
            if proofs and leads_to(proofs[0], settlement.statement):
                showing.proof = proofs[0]
                return self._submit(showing, attempt.claim, now)
        return []

    def unproven(self, now: float, peer: VaultId, request: AskProof) -> list[Effect]:
        """Ask that signer again later."""
        for deal, showing in self._showing.items():
            attempt = self._attempt(deal)
            if attempt and attempt.claim:
                leaf = replacement_of(attempt.claim.value).leaf()
                if leaf.id == request.id:
                    showing.outbox.fail(peer, now)
        return self._wake()

    def ended(self, event: OperationEnded) -> list[Effect]:
        """Tell the operator how the ledger took it; it is tried again next epoch."""
        assert isinstance(event.operation, Replace)
        named = event.operation.replacement
        fields: dict[str, object] = {"deal": named.deal.hex(), "index": named.index}
        if event.fault is None:
            return [Log("the ledger put us in a lost holder's place", fields)]
        fields["reason"] = event.fault
        return [Log("the ledger did not take a replacement", fields)]

    def _tell(self, deal: DealId, claim: SignedTakeover, now: float) -> list[Effect]:
        period = self._me.params.period_of(self._me.epoch_at(now))
        members = self._me.ledger.committee(period)[:TOLD_MAX]
        telling = self._telling.get(deal)
        fresh = telling is not None and telling.request.takeover is claim
        kept: list[Effect] = []
        if telling is None or telling.period != period or not fresh:
            if not members:
                return []
            if self._me.id in self._me.ledger.committee(period):
                kept = self._keep(claim, now)
            others = [member for member in members if member != self._me.id]
            outbox = Outbox(others, retry_seconds(self._me.params))
            telling = Telling(period, ClaimSlot(claim), outbox)
            self._telling[deal] = telling
        seconds = call_seconds(self._me.params)
        due = telling.outbox.due(now)
        return [
            *kept,
            *(Call(peer, telling.request, seconds) for peer in due),
            *_wake_at(telling.outbox),
        ]

    def _keep(self, claim: SignedTakeover, now: float) -> list[Effect]:
        # Whoever has not followed the ledger far enough is told by the others.
        try:
            return self._books.takeovers.add(claim, self._me.epoch_at(now))
        except ProtocolError:
            return []

    def _show(self, deal: DealId, claim: SignedTakeover, now: float) -> list[Effect]:
        settled = self._me.ledger.settled_period
        showing = self._showing.get(deal)
        if showing is None or showing.period < settled:
            outbox = Outbox(who_settled(self._me), retry_seconds(self._me.params))
            showing = self._showing[deal] = Showing(settled, outbox)
        if settled < 0:
            return []
        leaf = replacement_of(claim.value).leaf()
        base = self._books.base()
        if showing.proof is None and base is not None:
            proofs = base.prove(REPLACEMENT_LEAF, leaf.id)
            ours = [p for p in proofs if p.total == leaf]
            if not ours:
                return []
            showing.proof = ours[0]
        if showing.proof is not None:
            return self._submit(showing, claim, now)
        request, seconds = (
            AskProof(REPLACEMENT_LEAF, leaf.id),
            call_seconds(self._me.params),
        )
        asked = showing.outbox.due(now, at_most=1)
        return [Call(peer, request, seconds) for peer in asked]

    def _submit(
        self, showing: Showing, claim: SignedTakeover, now: float
    ) -> list[Effect]:
        epoch = self._me.epoch_at(now)
        assert showing.proof is not None
        if epoch <= showing.tried_epoch:
            return []
        showing.tried_epoch = epoch
        replacement: Replacement = replacement_of(claim.value)
        return [Submit(Replace(replacement, showing.proof))]

    def _is_open(self, attempt: Attempt, now: float) -> bool:
        ledger, epoch = self._me.ledger, self._me.epoch_at(now)
        deal = ledger.deal(attempt.deal)
        if deal is None:
            return False
        slot = slots.open_slot(ledger, deal, attempt.index, epoch)
        return slot is not None and slots.may_act(ledger, slot, self._me.id, epoch)

    def _attempt(self, deal: DealId) -> Attempt | None:
        claimed = self._taking_over.claimed()
        return next((one for one in claimed if one.deal == deal), None)

    def _wake(self) -> list[Effect]:
        boxes = (one.outbox for one in self._telling.values())
        return [wake for box in boxes for wake in _wake_at(box)]


def _wake_at(outbox: Outbox) -> list[Effect]:
    due = outbox.next_due()
    return [] if due is None else [WakeAt(due)]
