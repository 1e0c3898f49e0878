"""A claim on its way: to the committee, into a settlement, to the ledger."""

from dataclasses import replace

import pytest

from audit_parties import Parties, of_kind, only
from claim_stage import EPOCH, LATER, LOST, Claims
from holdfast.ledger.core.followed import LedgerNews, LedgerState
from holdfast.ledger.core.operations import Replace
from holdfast.protocol.checkpoint import Entries
from holdfast.protocol.pricing import stake_needed
from holdfast.protocol.settlement import (
    REPLACEMENT_LEAF,
    Certificate,
    Replacement,
    Statement,
    Totals,
    prove_total,
    signers_bitmap,
)
from holdfast.protocol.units import Digest, VaultId
from holdfast.vault.core import effects as fx
from holdfast.vault.core import messages as m
from holdfast.vault.core.books import Books
from holdfast.vault.core.events import Asked, DealsFound, TakenOver
from holdfast.vault.core.myself import Myself
from holdfast.vault.core.node import Node
from holdfast.vault.core.proof_store import ProofStore
from holdfast.vault.core.saved import ClaimKept, Restored
from holdfast.vault.core.slot_claiming import SlotClaiming
from holdfast.vault.core.takeover_book import name_of, replacement_of
from holdfast.vault.core.taking_over import TakingOver
from holdfast.vault.core.totals_book import TotalsBook


@pytest.fixture
def claims() -> Claims:
    return Claims()


class Claimant:
    """The first candidate, which has rebuilt what the slot asks for."""

    def __init__(self, claims: Claims) -> None:
        self.claims = claims
        self.me: Myself = replace(claims.parties.me, keys=claims.candidate())
        books = ProofStore(claims.ledger, Restored()), TotalsBook(Restored())
        self.books = Books(self.me, *books)
        self.taking = TakingOver(self.me, lambda epoch: claims.parties.at(epoch, 0.5))
        self.machine = SlotClaiming(self.me, self.books, self.taking)
        order = only(self.taking.step(claims.parties.at(EPOCH, 0.6)), fx.TakeOver)
        assert order.index == LOST
        self.claim = claims.claim()
        now = claims.parties.at(EPOCH, 0.7)
        self.taking.ended(TakenOver(now, order.deal.id, LOST, self.claim))

    def settle(self, *replaced: Replacement) -> Totals:
        """Let the ledger have a settlement of period 1 that lists replacements."""
        totals = Totals({self.me.id: 5}, {}, replaced)
        tree = totals.tree()
        statement = Statement(
            self.me.network, 1, Digest(tree.root), len(totals.leaves()), 5, 5
        )
        members = len(self.me.ledger.committee(2))
        bitmap = signers_bitmap(range(members), members)
        certificate = Certificate(statement, bitmap, b"\x01" * 96)
        self.me.ledger.absorb(LedgerNews(0, -1, settlement=certificate))
        return totals


def test_the_committee_is_told_once_a_period(claims: Claims) -> None:
    one = Claimant(claims)
    at = claims.parties.at
    first = of_kind(one.machine.step(at(EPOCH, 0.8)), fx.Call)
    told = {call.peer for call in first}
    assert told == set(claims.ledger.committee(1)) - {one.me.id}
    assert all(isinstance(call.request, m.ClaimSlot) for call in first)
    for call in first:
        assert isinstance(call.request, m.ClaimSlot)
        assert one.machine.is_ours(call.request)
        one.machine.taken(VaultId(bytes(call.peer)), call.request)
    assert of_kind(one.machine.step(at(EPOCH + 1, 0.9)), fx.Call) == []
    assert of_kind(one.machine.step(at(EPOCH + 2, 0.1)), fx.Call)


def test_a_replacement_that_is_listed_is_shown_to_the_ledger_once_an_epoch(
    claims: Claims,
) -> None:
    one = Claimant(claims)
    mine = replacement_of(one.claim.value)
    one.books.take(one.settle(mine))
    at = claims.parties.at
    order = only(one.machine.step(at(LATER, 0.1)), fx.Submit).operation
    assert isinstance(order, Replace)
    assert order.replacement == mine
    assert order.proof.total == mine.leaf()
    assert of_kind(one.machine.step(at(LATER, 0.2)), fx.Submit) == []
    assert of_kind(one.machine.step(at(LATER + 1, 0.1)), fx.Submit)
    claims.give_to(one.me.id)
    one.taking.step(at(LATER + 2))
    assert one.machine.step(at(LATER + 2, 0.1)) == []


def test_without_the_totals_a_signer_is_asked_for_the_proof(claims: Claims) -> None:
    one = Claimant(claims)
    mine = replacement_of(one.claim.value)
    totals = one.settle(mine)
    proof = prove_total(totals, REPLACEMENT_LEAF, mine.leaf().id)
    assert proof
    calls = of_kind(one.machine.step(claims.parties.at(LATER, 0.1)), fx.Call)
    (call,) = (call for call in calls if isinstance(call.request, m.AskProof))
    assert isinstance(call.request, m.AskProof)
    peer = VaultId(bytes(call.peer))
    forged = replace(proof, index=proof.index - 1)
    now = claims.parties.at(LATER, 0.2)
    for wrong in ((), (forged,)):
        answer = m.Proven(1, wrong)
        assert one.machine.proven(now, peer, call.request, answer) == []
    effects = one.machine.proven(now, peer, call.request, m.Proven(1, (proof,)))
    assert only(effects, fx.Submit).operation == Replace(mine, proof)


def test_a_replacement_that_is_not_listed_is_not_shown(claims: Claims) -> None:
    one = Claimant(claims)
    one.books.take(one.settle(replacement_of(claims.claim(1).value)))
    effects = one.machine.step(claims.parties.at(LATER, 0.1))
    assert of_kind(effects, fx.Submit) == []


class Session:
    """Two members of the committee that settles period 1, at its first turn."""

    def __init__(self, claims: Claims) -> None:
        self.claims = claims
        self.now = claims.parties.at(LATER, 0.2)
        ids = claims.ledger.committee(2)
        self.proposer, self.member = (self.node(vault) for vault in ids[:2])
        self.asked(self.proposer, m.ClaimSlot(claims.claim()))

    def node(self, vault: VaultId, ledger: LedgerState | None = None) -> Node:
        keys = self.claims.parties.by_id[vault]
        me = Myself(keys, ledger or self.claims.ledger)
        return Node(me, Restored())

    def asked(self, node: Node, request: m.Request) -> list[fx.Effect]:
        return node.settling.asked(Asked(self.now, 1, request))

    def answered(self, node: Node, request: m.Request) -> m.Reply:
        return only(self.asked(node, request), fx.Reply).reply

    def proposal(self) -> m.ProposeSettlement:
        calls = of_kind(self.proposer.proposing.step(self.now), fx.Call)
        request = calls[0].request
        assert isinstance(request, m.ProposeSettlement)
        return request

    def other_ledger(self) -> Parties:
        """Return what a vault knows that has not mirrored the deal."""
        parties = Parties(10)
        parties.reach(LATER)
        lost = self.claims.ledger.row(self.claims.parties.keys[LOST].vault_id)
        assert lost
        parties.ledger.absorb(LedgerNews(0, -1, vaults=(lost,)))
        return parties


def test_a_member_is_brought_the_claim_that_it_lacks_and_signs(claims: Claims) -> None:
    session = Session(claims)
    proposal, peer = session.proposal(), claims.ledger.committee(2)[1]
    reply = session.answered(session.member, proposal)
    assert reply == m.SettlementReply(lacking_claims=(name_of(claims.claim()),))
    proposing = session.proposer.proposing
    assert isinstance(reply, m.SettlementReply)
    effects = proposing.replied(session.now, peer, proposal, reply)
    (brought,) = (call.request for call in of_kind(effects, fx.Call))
    assert session.answered(session.member, brought) == m.Noted()
    again = of_kind(proposing.handed_over(session.now, peer), fx.Call)
    assert [call.request for call in again if call.peer == peer] == [proposal]
    signed = session.answered(session.member, proposal)
    assert isinstance(signed, m.SettlementReply)
    assert signed.signature


def test_the_listed_replacement_is_a_leaf_of_the_settlement(claims: Claims) -> None:
    session = Session(claims)
    proposal = session.proposal()
    (listed,) = proposal.listed
    assert listed.replacement == replacement_of(claims.claim().value)
    cost = stake_needed(claims.full.head.value.held_bytes, 1)
    totals = Totals({listed.replacement.vault: cost}, {}, (listed.replacement,))
    assert proposal.statement.root == totals.tree().root
    assert proposal.statement.earned_total == cost


def test_a_member_that_never_saw_the_deal_asks_the_ledger_first(
    claims: Claims,
) -> None:
    session = Session(claims)
    proposal = session.proposal()
    far = session.other_ledger()
    member = session.node(claims.ledger.committee(2)[1], far.ledger)
    asked = only(session.asked(member, proposal), fx.FindDeals)
    assert asked.deals == (claims.deal.id,)
    far.ledger.absorb(LedgerNews(0, -1, deals=(claims.deal,)))
    found = DealsFound(session.now, asked.deals, (claims.deal,))
    reply = only(member.settling.found(found), fx.Reply).reply
    assert isinstance(reply, m.SettlementReply)
    assert reply.lacking_claims


def test_a_deal_that_has_a_new_holder_is_asked_for_again(claims: Claims) -> None:
    session = Session(claims)
    far = session.other_ledger()
    far.ledger.absorb(LedgerNews(0, -1, deals=(claims.deal,)))
    member = session.node(claims.ledger.committee(2)[1], far.ledger)
    keys = claims.candidate()
    claims.give_to(keys.vault_id)
    entries = Entries((claims.fake.entry(LOST),))
    certificate = far.certificate(keys, EPOCH + 1, entries)
    push = m.Certify((certificate,), (entries,))
    assert only(session.asked(member, push), fx.FindDeals).deals == (claims.deal.id,)
    far.ledger.absorb(LedgerNews(0, -1, deals=(claims.deal,)))
    found = DealsFound(session.now, (claims.deal.id,), (claims.deal,))
    assert only(member.settling.found(found), fx.Reply).reply == m.Noted()
    assert of_kind(session.asked(member, push), fx.FindDeals) == []


def test_a_candidate_that_was_killed_takes_the_slot_up_again_and_claims_it(
    claims: Claims,
) -> None:
    before = Claimant(claims)
    at = claims.parties.at
    assert of_kind(before.machine.step(at(EPOCH, 0.8)), fx.Call)
    after = TakingOver(before.me, lambda epoch: at(epoch, 0.5))
    assert of_kind(after.step(at(EPOCH + 1, 0.1)), fx.DropTakeover) == []
    order = only(after.step(at(EPOCH + 1, 0.6)), fx.TakeOver)
    assert (order.deal.id, order.index) == (claims.deal.id, LOST)
    after.ended(TakenOver(at(EPOCH + 1, 0.7), order.deal.id, LOST, before.claim))
    machine = SlotClaiming(before.me, before.books, after)
    told = of_kind(machine.step(at(EPOCH + 1, 0.8)), fx.Call)
    assert {type(call.request) for call in told} == {m.ClaimSlot}
    mine = replacement_of(before.claim.value)
    before.books.take(before.settle(mine))
    order_again = only(machine.step(at(LATER, 0.1)), fx.Submit).operation
    assert isinstance(order_again, Replace)
    assert order_again.replacement == mine


def test_a_member_saves_a_claim_before_it_says_that_it_has_it(claims: Claims) -> None:
    session = Session(claims)
    effects = session.asked(session.member, m.ClaimSlot(claims.claim()))
    saved = [e.saved for e in effects[:-1] if isinstance(e, fx.Save)]
    assert saved == [ClaimKept(claims.claim())]
    assert isinstance(effects[-1], fx.Reply)
    proposer = session.node(claims.ledger.committee(2)[0])
    session.proposer = proposer
    assert session.proposal().listed == ()
    restored = Restored(claims=(claims.claim(),))
    session.proposer = Node(Myself(proposer._me.keys, claims.ledger), restored)
    (listed,) = session.proposal().listed
    assert listed.claim == name_of(claims.claim())
