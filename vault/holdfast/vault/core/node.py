"""One vault's audit side: all machines, wired here and nowhere else.

Events come in through `receive`, effects go out in the order of their carrying
out. It opens nothing, reads no clock and rolls no dice.
"""

from typing import assert_never

from holdfast.ledger.core.operations import Claim, Replace, Settle, Withdraw
from holdfast.protocol.checkpoint import Entry
from holdfast.protocol.repair import SignedSiblingRequest
from holdfast.protocol.settlement import REPLACEMENT_LEAF
from holdfast.protocol.takeover import SignedTakeoverRequest
from holdfast.protocol.units import Grains, VaultId
from holdfast.vault.core import events, fault_messages, messages
from holdfast.vault.core.answering import Answering
from holdfast.vault.core.books import Books
from holdfast.vault.core.checkpointing import Checkpointing
from holdfast.vault.core.claiming import Claiming
from holdfast.vault.core.effects import Effect, Save, WakeAt
from holdfast.vault.core.events import Event, Replied, Unanswered
from holdfast.vault.core.gossip import Gossiping
from holdfast.vault.core.justice import Justice
from holdfast.vault.core.leaving import Leaving
from holdfast.vault.core.myself import Myself
from holdfast.vault.core.proof_store import ProofStore
from holdfast.vault.core.proposing import Proposing
from holdfast.vault.core.pushing import Pushing
from holdfast.vault.core.rebuilding import Rebuilding
from holdfast.vault.core.saved import CertificateKept, Restored
from holdfast.vault.core.settling import Settling
from holdfast.vault.core.sibling_check import check_sibling
from holdfast.vault.core.slot_claiming import SlotClaiming
from holdfast.vault.core.takeover_check import TakeoverLeave, check_takeover
from holdfast.vault.core.takeover_turns import TakeoverTurns
from holdfast.vault.core.taking_over import TakingOver
from holdfast.vault.core.totals_book import TotalsBook
from holdfast.vault.core.watching import Watching


class Node:
    """The machines of one vault; `seeds` is how many seed endpoints there are."""

    def __init__(
        self,
        me: Myself,
        restored: Restored,
        *,
        seeds: int = 0,
        claim_grains: Grains = 1,
    ) -> None:
        self._me = me
        self.proofs = ProofStore(me.ledger, restored)
        settled = TotalsBook(restored)
        self.books = Books(me, self.proofs, settled, restored.claims)
        self.checkpoints = Checkpointing(me, restored)
        self.answering = Answering(me, self.checkpoints, restored)
        self.watching = Watching(me, restored)
        self.justice = Justice(me, self.watching, self.proofs, restored)
        self.rebuilding = Rebuilding(me, self.answering)
        self.taking_over = TakingOver(
            me, self.watching.deadline_known, self.justice.book.newest
        )
        self._turns = TakeoverTurns(me)
        self.pushing = Pushing(me, self.proofs)
        judging, rechecking = self.justice.judging, self.justice.rechecking
        self.settling = Settling(me, self.books, judging, rechecking)
        self.proposing = Proposing(me, self.books, judging, rechecking)
        self.claiming = Claiming(me, self.books, claim_grains)
        self.slot_claiming = SlotClaiming(me, self.books, self.taking_over)
        self.leaving = Leaving(me)
        self.gossip = Gossiping(me, seeds, restored)

    def receive(  # noqa: C901, PLR0912 # one line for each kind of event
        self, event: Event
    ) -> list[Effect]:
        """Take in one fact and return what to do about it."""
        match event:
            case events.Woken():
                gossip = self.gossip.step(event.now, event.entropy)
                return self._step(event.now) + gossip
            case events.LedgerAdvanced():
                return self._step(event.now)
            case events.Asked():
                return self._asked(event)
            case events.Replied():
                return self._replied(event)
            case events.Unanswered():
                return self._unanswered(event)
            case events.EntriesTaken():
                self.watching.receipts_dated(event.dated)
                return self.checkpoints.take(event)
            case events.LeavesRead():
                return self.answering.read(event)
            case events.AnswerSealed():
                return self.answering.sealed(event)
            case events.AnswerChecked():
                return self.watching.checked(event)
            case events.AnswerJudged():
                return self.justice.judged(event)
            case events.MissingRebuilt():
                return self.rebuilding.rebuilt(event)
            case events.TakenOver():
                return self.taking_over.ended(event)
            case events.DealsFound():
                return self.watching.found(event) + self.settling.found(event)
            case events.OperationEnded():
                return self._ended(event)
            case events.RecordMade():
                return self.gossip.publish(event.record, event.now)
            case _:
                assert_never(event)

    def check_sibling(self, request: SignedSiblingRequest, now: float) -> Entry:
        """Return the entry that a sibling may fetch now, or raise ProtocolError."""
        deadline = self.watching.deadline_known(self._me.epoch_at(now))
        return check_sibling(self._me, request, now, deadline)

    def check_takeover(
        self, request: SignedTakeoverRequest, now: float
    ) -> TakeoverLeave:
        """Return what a candidate may fetch now, or raise ProtocolError."""
        deadline = self.watching.deadline_known(self._me.epoch_at(now))
        return check_takeover(self._me, self._turns, request, now, deadline)

    def _step(self, now: float) -> list[Effect]:
        params = self._me.params
        following = params.epoch_start(self._me.epoch_at(now) + 1)
        return [
            WakeAt(following),
            *self.watching.step(now),
            *self.checkpoints.step(now),
            *self.answering.step(now),
            *self.justice.step(now),
            *self.rebuilding.step(now),
            *self.taking_over.step(now),
            *self.settling.step(now),
            *self.pushing.step(now),
            *self.proposing.step(now),
            *self.claiming.step(now),
            *self.slot_claiming.step(now),
            *self.leaving.step(now),
        ]

    def _asked(self, event: events.Asked) -> list[Effect]:
        match event.request:
            case messages.Gossip():
                return self.gossip.asked(event.token, event.request, event.now)
            case (
                messages.OfferCheckpoint()
                | messages.SubmitAnswer()
                | messages.ShowReceipt()
                | messages.AskLastCheckpoint()
            ):
                return self.watching.asked(event)
            case messages.ProposeSettlement():
                effects = self.settling.asked(event)
                if self.settling.has_signed(event.request):
                    self.proposing.signed_for_another(event.now)
                return effects
            case (
                messages.Certify()
                | messages.AskTotals()
                | messages.AskProof()
                | messages.ClaimSlot()
            ):
                return self.settling.asked(event)
            case _:
                return self.justice.asked(event, event.request)

    def _replied(  # noqa: C901, PLR0912 # one line for each kind of reply
        self, event: Replied
    ) -> list[Effect]:
        now, request, reply = event.now, event.request, event.reply
        if isinstance(reply, messages.GossipReply):
            return self.gossip.replied(event.peer, reply, now)
        peer = _vault(event.peer)
        if (effects := self.justice.replied(event)) is not None:
            return effects
        match request, reply:
            case messages.OfferCheckpoint(), _:
                effects = self.checkpoints.acknowledged(now, peer, request, reply)
                return effects + self.answering.step(now)
            case messages.SubmitAnswer(), messages.Voted():
                return self._voted(now, peer, request, reply)
            case messages.AskLastCheckpoint(), messages.LastCheckpoint():
                return self.checkpoints.recollection.remembered(peer, reply)
            case messages.Certify(), messages.Noted():
                if self.pushing.is_ours(request):
                    return self.pushing.taken(now, peer)
                return self.proposing.handed_over(now, peer)
            case fault_messages.OpenCase(), messages.Noted():
                return self.proposing.handed_over(now, peer)
            case messages.ClaimSlot(), messages.Noted():
                if self.slot_claiming.is_ours(request):
                    return self.slot_claiming.taken(peer, request)
                return self.proposing.handed_over(now, peer)
            case messages.ProposeSettlement(), messages.SettlementReply():
                return self.proposing.replied(now, peer, request, reply)
            case messages.AskTotals(), messages.TotalsOf():
                return self.settling.fetched(peer, reply)
            case messages.AskProof(), messages.Proven():
                if request.party == REPLACEMENT_LEAF:
                    return self.slot_claiming.proven(now, peer, request, reply)
                return self.claiming.proven(peer, reply)
            case _:
                return []

    def _unanswered(  # noqa: C901, PLR0912 # one line for each kind of request
        self, event: Unanswered
    ) -> list[Effect]:
        now, request = event.now, event.request
        if isinstance(request, messages.Gossip):
            return []
        peer, kind, reason = _vault(event.peer), event.kind, event.reason
        if (effects := self.justice.unanswered(event)) is not None:
            return effects
        match request:
            case messages.OfferCheckpoint():
                return self.checkpoints.refused(now, peer, request, kind, reason)
            case messages.SubmitAnswer():
                return self.answering.refused(now, peer, request, kind, reason)
            case messages.AskLastCheckpoint():
                return self.checkpoints.recollection.unreachable(peer, now)
            case messages.Certify() if self.pushing.is_ours(request):
                return self.pushing.refused(now, peer, kind, reason)
            case messages.Certify() | messages.ProposeSettlement():
                return self.proposing.refused(now, peer, kind, reason)
            case messages.AskTotals():
                return self.settling.unfetched(now, peer)
            case messages.AskProof() if request.party == REPLACEMENT_LEAF:
                return self.slot_claiming.unproven(now, peer, request)
            case messages.AskProof():
                return self.claiming.unproven(now, peer)
            case messages.ClaimSlot() if self.slot_claiming.is_ours(request):
                return self.slot_claiming.refused(now, peer, request, kind)
            case messages.ClaimSlot():
                return self.proposing.refused(now, peer, kind, reason)
            case fault_messages.OpenCase():
                return self.proposing.refused(now, peer, kind, reason)
            case _:
                return []

    def _ended(self, event: events.OperationEnded) -> list[Effect]:
        match event.operation:
            case Settle():
                return self.proposing.ended(event)
            case Claim():
                return self.claiming.ended(event)
            case Replace():
                return self.slot_claiming.ended(event)
            case Withdraw():
                return self.leaving.ended(event)
            case _:
                return []

    def _voted(
        self,
        now: float,
        peer: VaultId,
        request: messages.SubmitAnswer,
        reply: messages.Voted,
    ) -> list[Effect]:
        """Count a vote, and hand a new certificate to what settlements count."""
        effects = self.answering.voted(peer, request, reply)
        for effect in effects:
            match effect:
                case Save(CertificateKept(certificate)):
                    stood = self.answering.stood
                    assert stood
                    entries = stood.declared.entries
                    self.proofs.own(certificate, entries, now)
                case _:
                    pass
        return effects


def _vault(peer: events.Peer) -> VaultId:
    """Return the vault that was called; only gossip calls seeds."""
    assert not isinstance(peer, int)
    return peer
