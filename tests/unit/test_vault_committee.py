"""The committee: what a member signs, how a proposer wins a majority, who claims."""

from dataclasses import replace

import pytest

from audit_parties import Parties, of_kind, only, row_of
from holdfast.ledger.core.followed import LedgerNews
from holdfast.ledger.core.operations import Claim, Settle, Withdraw
from holdfast.ledger.core.values import Listing
from holdfast.protocol import bls
from holdfast.protocol.checkpoint import Entries
from holdfast.protocol.settlement import (
    VAULT_LEAF,
    Certificate,
    Totals,
    signers_bitmap,
)
from holdfast.protocol.units import VaultId
from holdfast.vault.core import effects as fx
from holdfast.vault.core.books import Books
from holdfast.vault.core.case_book import CaseBook
from holdfast.vault.core.claiming import Claiming
from holdfast.vault.core.events import Asked, OperationEnded
from holdfast.vault.core.judging import Judging
from holdfast.vault.core.leaving import Leaving
from holdfast.vault.core.letters import Letters
from holdfast.vault.core.messages import (
    AskProof,
    AskTotals,
    Certify,
    Noted,
    ProposeSettlement,
    Proven,
    SettlementReply,
    TotalsOf,
)
from holdfast.vault.core.miss_book import MissBook
from holdfast.vault.core.myself import Myself
from holdfast.vault.core.proof_store import Proof, ProofStore
from holdfast.vault.core.proposing import Proposing
from holdfast.vault.core.prosecuting import Prosecuting
from holdfast.vault.core.pushing import Pushing
from holdfast.vault.core.rechecking import Rechecking
from holdfast.vault.core.refusals import Refusal
from holdfast.vault.core.saved import CertificateCollected, Restored, TotalsSettled
from holdfast.vault.core.settling import Settling
from holdfast.vault.core.sittings import Court
from holdfast.vault.core.totals_book import TotalsBook
from holdfast.vault.core.watching import Watching

PERIOD = 1
SEVEN = 7
FIRST = 8  # the first epoch of the period in which PERIOD is settled


class Member:
    """One committee member's machines."""

    def __init__(self, parties: Parties, place: int) -> None:
        self.me: Myself = replace(parties.me, keys=parties.keys[place])
        proofs = ProofStore(parties.ledger, Restored())
        self.books = Books(self.me, proofs, TotalsBook(Restored()))
        self.cases = CaseBook(self.me, Restored())
        self.court = Court(self.me, self.cases)
        self.judging = Judging(self.me, self.cases, self.court)
        watching, letters = Watching(self.me, Restored()), Letters(self.me)
        self.misses = MissBook(self.me, letters, Restored())
        prosecuting = Prosecuting(self.me, watching, self.misses, self.cases, letters)
        self.rechecking = Rechecking(self.me, proofs, prosecuting)
        parts = (self.judging, self.rechecking)
        self.settling = Settling(self.me, self.books, *parts)
        self.proposing = Proposing(self.me, self.books, *parts)
        self.pushing = Pushing(self.me, proofs)


class Committee:
    """Seven members in the period after the one to settle, and what was proved."""

    def __init__(self) -> None:
        self.parties = Parties(SEVEN)
        self.parties.reach(FIRST)
        fake = self.parties.deal(1, [0, 1, 2, 3])
        self.certificates = []
        for place in range(3):
            entries = Entries((fake.entry(place),))
            keys = self.parties.keys[place]
            for epoch in (4, 5):
                certificate = self.parties.certificate(keys, epoch, entries)
                self.certificates.append((certificate, entries))
        self.ids = self.parties.ledger.committee(PERIOD + 1)
        self.members = {
            keys.vault_id: Member(self.parties, place)
            for place, keys in enumerate(self.parties.keys)
        }
        self.first = self.members[self.ids[0]]
        self.second = self.members[self.ids[1]]
        self.early = self.parties.at(FIRST, 0.1)
        self.turn = self.parties.at(FIRST + 2)

    def know(self, member: Member, count: int, since: float | None = None) -> None:
        """Let a member have the first `count` certificates."""
        for certificate, entries in self.certificates[:count]:
            push = Certify((certificate,), (entries,))
            asked = Asked(self.early if since is None else since, 1, push)
            (*_, reply) = member.settling.asked(asked)
            assert isinstance(reply, fx.Reply)
            assert reply.reply == Noted()

    def proposal(self) -> ProposeSettlement:
        calls = of_kind(self.first.proposing.step(self.turn), fx.Call)
        request = calls[0].request
        assert isinstance(request, ProposeSettlement)
        assert {call.peer for call in calls} == set(self.ids[1:])
        return request

    def judged(
        self, member: Member, proposal: ProposeSettlement
    ) -> SettlementReply | fx.Refuse:
        (effect,) = member.settling.asked(Asked(self.turn, 1, proposal))
        if isinstance(effect, fx.Refuse):
            return effect
        assert isinstance(effect, fx.Reply)
        assert isinstance(effect.reply, SettlementReply)
        return effect.reply


@pytest.fixture
def committee() -> Committee:
    return Committee()


def test_nobody_proposes_before_its_turn(committee: Committee) -> None:
    for rank, vault in enumerate(committee.ids):
        member = committee.members[vault]
        turn = committee.parties.at(FIRST, 2 + rank / 16)
        wake = only(member.proposing.step(turn - 0.01), fx.WakeAt)
        assert wake.seconds == turn
        assert of_kind(member.proposing.step(turn), fx.Call)


def test_a_member_signs_what_follows_from_what_it_has(committee: Committee) -> None:
    for member in (committee.first, committee.second):
        committee.know(member, 6)
    proposal = committee.proposal()
    reply = committee.judged(committee.second, proposal)
    assert isinstance(reply, SettlementReply)
    assert reply.signature
    digest = proposal.statement.digest()
    assert bls.verify(committee.second.me.keys.bls_public, digest, reply.signature)
    assert committee.second.settling.has_signed(proposal)
    assert len(proposal.counted) == 6


def test_a_member_that_lacks_certificates_says_which(committee: Committee) -> None:
    committee.know(committee.first, 6)
    committee.know(committee.second, 4)
    proposal = committee.proposal()
    reply = committee.judged(committee.second, proposal)
    assert isinstance(reply, SettlementReply)
    assert len(reply.lacking) == 2
    handed = committee.first.proposing.replied(
        committee.turn, committee.ids[1], proposal, reply
    )
    push = only(handed, fx.Call).request
    assert isinstance(push, Certify)
    saved = committee.second.settling.asked(Asked(committee.turn, 2, push))
    assert [type(s.saved) for s in of_kind(saved, fx.Save)] == [
        CertificateCollected
    ] * 2
    again = committee.first.proposing.handed_over(committee.turn, committee.ids[1])
    assert only(again, fx.Call).request is proposal
    reply = committee.judged(committee.second, proposal)
    assert isinstance(reply, SettlementReply)
    assert reply.signature


def test_leaving_out_what_was_long_known_is_answered_with_it(
    committee: Committee,
) -> None:
    committee.know(committee.first, 4)
    committee.know(committee.second, 6, since=committee.parties.at(FIRST))
    proposal = committee.proposal()
    reply = committee.judged(committee.second, proposal)
    assert isinstance(reply, SettlementReply)
    assert reply.omitted
    assert len(reply.omitted.certificates) == 2
    began = committee.first.proposing.replied(
        committee.turn, committee.ids[1], proposal, reply
    )
    assert len(of_kind(began, fx.Save)) == 2
    second = of_kind(began, fx.Call)[0].request
    assert isinstance(second, ProposeSettlement)
    assert len(second.counted) == 6


def test_what_was_known_only_shortly_may_be_left_out(committee: Committee) -> None:
    committee.know(committee.first, 4)
    committee.know(committee.second, 6)
    reply = committee.judged(committee.second, committee.proposal())
    assert isinstance(reply, SettlementReply)
    assert reply.signature


def test_totals_that_do_not_follow_are_refused(committee: Committee) -> None:
    for member in (committee.first, committee.second):
        committee.know(member, 6)
    proposal = committee.proposal()
    statement = replace(
        proposal.statement,
        earned_total=proposal.statement.earned_total + 1,
        spent_total=proposal.statement.spent_total + 1,
    )
    secret = committee.first.me.keys.bls_secret
    lying = replace(
        proposal,
        statement=statement,
        signature=bls.sign(secret, statement.digest()),
    )
    refused = committee.judged(committee.second, lying)
    assert isinstance(refused, fx.Refuse)
    assert refused.kind is Refusal.DENIED
    twice = replace(proposal, counted=(proposal.counted[0], *proposal.counted))
    refused = committee.judged(committee.second, twice)
    assert isinstance(refused, fx.Refuse)
    assert refused.kind is Refusal.INVALID


def test_the_first_majority_is_brought_to_the_ledger(committee: Committee) -> None:
    for member in committee.members.values():
        committee.know(member, 6)
    proposal = committee.proposal()
    proposing = committee.first.proposing
    submitted: list[fx.Submit] = []
    for count, vault in enumerate(committee.ids[1:], start=2):
        reply = committee.judged(committee.members[vault], proposal)
        assert isinstance(reply, SettlementReply)
        effects = proposing.replied(committee.turn, vault, proposal, reply)
        submitted += of_kind(effects, fx.Submit)
        assert len(submitted) == (count >= 4)
    operation = submitted[0].operation
    assert isinstance(operation, Settle)
    certificate = operation.certificate
    keys = [committee.members[committee.ids[r]].me.keys for r in certificate.ranks()]
    assert len(keys) == 4
    assert bls.aggregate_verify_same(
        [k.bls_public for k in keys],
        certificate.statement.digest(),
        certificate.signature,
    )
    # Unreachable: the same certificate is tried again, ever more seldom.
    ended = OperationEnded(committee.turn, operation, "nobody answers")
    wake = only(proposing.ended(ended), fx.WakeAt).seconds
    assert only(proposing.step(wake), fx.Submit).operation == operation
    later = only(proposing.ended(replace(ended, now=wake)), fx.WakeAt).seconds
    assert later - wake == 2 * (wake - committee.turn)


def test_a_bad_signature_is_found_and_dropped(committee: Committee) -> None:
    for member in committee.members.values():
        committee.know(member, 6)
    proposal = committee.proposal()
    proposing = committee.first.proposing
    bad = bls.sign(committee.second.me.keys.bls_secret, b"something else")
    effects = proposing.replied(
        committee.turn, committee.ids[1], proposal, SettlementReply(bad)
    )
    for vault in committee.ids[2:5]:
        reply = committee.judged(committee.members[vault], proposal)
        assert isinstance(reply, SettlementReply)
        effects += proposing.replied(committee.turn, vault, proposal, reply)
    operation = only(effects, fx.Submit).operation
    assert isinstance(operation, Settle)
    assert 1 not in operation.certificate.ranks()


def test_who_signed_for_another_waits_before_it_proposes_itself(
    committee: Committee,
) -> None:
    committee.second.proposing.step(committee.early)
    committee.second.proposing.signed_for_another(committee.turn)
    wake = only(committee.second.proposing.step(committee.turn + 4), fx.WakeAt)
    assert wake.seconds == committee.turn + committee.parties.params.epoch_seconds / 2
    committee.second.proposing.signed_for_another(committee.turn + 20)
    assert of_kind(committee.second.proposing.step(wake.seconds), fx.Call)


def test_our_certificates_go_to_every_other_member_until_taken(
    committee: Committee,
) -> None:
    pushing, proofs = committee.first.pushing, committee.first.books.proofs
    own = committee.first.me.keys
    entries = Entries(())
    certificate = committee.parties.certificate(own, 6, entries)
    proofs.own(certificate, entries, 0.0)
    calls = of_kind(pushing.step(committee.early), fx.Call)
    assert {call.peer for call in calls} == set(committee.ids) - {own.vault_id}
    (first, second, *_) = calls
    assert isinstance(first.request, Certify)
    assert certificate in first.request.certificates
    assert pushing.is_ours(first.request)
    pushing.taken(VaultId(bytes(first.peer)))
    peer = VaultId(bytes(second.peer))
    wake = only(pushing.refused(committee.early, peer, None, "away"), fx.WakeAt)
    assert [c.peer for c in of_kind(pushing.step(wake.seconds), fx.Call)] == [peer]


def settled(committee: Committee, member: Member) -> Totals:
    """Let the ledger settle PERIOD as `committee.first` proposes it."""
    committee.know(committee.first, 6)
    statement = committee.proposal().statement
    bitmap = signers_bitmap(range(4), len(committee.ids))
    news = LedgerNews(99, FIRST, settlement=Certificate(statement, bitmap, bytes(96)))
    committee.parties.ledger.absorb(news)
    saved = only(committee.first.settling.step(committee.turn), fx.Save).saved
    assert isinstance(saved, TotalsSettled)
    assert member.books.base() is None or member is committee.first
    return saved.totals


def test_who_computed_the_totals_keeps_them_and_others_fetch_them(
    committee: Committee,
) -> None:
    totals = settled(committee, committee.second)
    assert sum(totals.earned.values()) > 0
    assert committee.first.books.proofs.between(0, FIRST) == []
    call = only(committee.second.settling.step(committee.turn), fx.Call)
    assert call.request == AskTotals(PERIOD)
    peer = VaultId(bytes(call.peer))
    wrong = TotalsOf(PERIOD, Totals({}, {}))
    assert committee.second.settling.fetched(peer, wrong) == []
    served = committee.first.settling.asked(Asked(committee.turn, 1, AskTotals(PERIOD)))
    reply = only(served, fx.Reply).reply
    assert isinstance(reply, TotalsOf)
    taken = committee.second.settling.fetched(peer, reply)
    assert only(taken, fx.Save).saved == TotalsSettled(
        committee.parties.ledger.settlement,  # type: ignore[arg-type]
        totals,
    )


def test_earnings_are_claimed_once_for_each_settlement(committee: Committee) -> None:
    winner = committee.members[committee.parties.keys[0].vault_id]
    totals = settled(committee, winner)
    earned = totals.earned[winner.me.id]
    claiming = Claiming(winner.me, committee.first.books, 1)
    claim = only(claiming.step(committee.turn), fx.Submit).operation
    assert isinstance(claim, Claim)
    assert claim.proof.total.grains == claiming.earned == earned
    assert claiming.step(committee.turn) == []
    patient = Claiming(winner.me, committee.first.books, earned + 1)
    assert patient.step(committee.turn) == []


def test_without_the_totals_a_proof_is_asked_for_and_checked(
    committee: Committee,
) -> None:
    outsider = committee.members[committee.parties.keys[1].vault_id]
    settled(committee, outsider)
    if outsider is committee.first:
        outsider = committee.members[committee.parties.keys[2].vault_id]
    claiming = Claiming(outsider.me, outsider.books, 1)
    call = only(claiming.step(committee.turn), fx.Call)
    assert call.request == AskProof(VAULT_LEAF, outsider.me.id)
    peer = VaultId(bytes(call.peer))
    asked = committee.first.settling.asked(Asked(committee.turn, 1, call.request))
    reply = only(asked, fx.Reply).reply
    assert isinstance(reply, Proven)
    (proof,) = reply.proofs
    more = replace(proof, total=replace(proof.total, grains=proof.total.grains + 1))
    assert claiming.proven(peer, replace(reply, proofs=(more,))) == []
    second = only(claiming.step(committee.turn), fx.Call)
    peer = VaultId(bytes(second.peer))
    assert only(claiming.proven(peer, reply), fx.Submit).operation == Claim(proof)


def test_the_stake_is_taken_back_when_the_ledger_would_let_us() -> None:
    parties = Parties(4, params=replace(Parties(1).params, unbonding_epochs=4))
    fake = parties.deal(1, [0, 1, 2, 3])
    ended = replace(fake.deal, end_epoch=10)
    row = row_of(parties.keys[0], 0, listing=Listing.UNBONDING, left_epoch=3)
    parties.ledger.absorb(LedgerNews(5, 5, vaults=(row,), deals=(ended,)))
    machine = Leaving(parties.me)
    assert machine.free_epoch() == 14
    for epoch in range(5, 14):
        parties.reach(epoch)
        assert of_kind(machine.step(parties.at(epoch, 0.5)), fx.Submit) == []
    parties.reach(14)
    order = only(machine.step(parties.at(14, 0.1)), fx.Submit)
    assert order.operation == Withdraw(parties.me.id)
    assert of_kind(machine.step(parties.at(14, 0.9)), fx.Submit) == []
    parties.reach(15)
    assert of_kind(machine.step(parties.at(15, 0.1)), fx.Submit)


def test_a_proof_is_named_by_what_it_proves(committee: Committee) -> None:
    certificate, entries = committee.certificates[0]
    proof = Proof(certificate, entries, 0.0)
    assert (proof.proved.epoch, proof.proved.vault) == (
        proof.name.epoch,
        proof.name.vault,
    )
