"""Claims to open slots: what a committee lists, and how the ledger learns of it."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_parties import Parties, of_kind, only, row_of
from holdfast.ledger.core import slots
from holdfast.ledger.core.followed import LedgerNews, LedgerState
from holdfast.ledger.core.operations import Replace
from holdfast.ledger.core.replacing import Rebuilt, with_replacements
from holdfast.ledger.core.values import Listing
from holdfast.protocol.checkpoint import Entries
from holdfast.protocol.deal import Deal, Holder, PastHolder
from holdfast.protocol.errors import ProtocolError
from holdfast.protocol.keys import NodeKeys
from holdfast.protocol.pricing import stake_needed
from holdfast.protocol.receipt import RECEIPT, FullReceipt, Receipt, SignedReceipt
from holdfast.protocol.settlement import (
    REPLACEMENT_LEAF,
    Certificate,
    Replacement,
    Statement,
    Totals,
    prove_total,
    signers_bitmap,
)
from holdfast.protocol.takeover import TAKEOVER, SignedTakeover, Takeover
from holdfast.protocol.units import Digest, VaultId
from holdfast.vault.core import effects as fx
from holdfast.vault.core import messages as m
from holdfast.vault.core.books import Books
from holdfast.vault.core.events import Asked, DealsFound, TakenOver
from holdfast.vault.core.myself import Myself
from holdfast.vault.core.node import Node
from holdfast.vault.core.proof_store import ProofStore
from holdfast.vault.core.saved import Restored
from holdfast.vault.core.slot_claiming import SlotClaiming
from holdfast.vault.core.takeover_book import TakeoverBook, name_of, replacement_of
from holdfast.vault.core.taking_over import TakingOver
from holdfast.vault.core.totals_book import TotalsBook

EPOCH = 6
LATER = EPOCH + 4
LOST = 1
NOTHING = Totals({}, {})


class Claims:
    """Ten vaults; holder 1 of a deal of vaults 0 to 3 was ejected in epoch 6."""

    def __init__(self) -> None:
        self.parties = Parties(10)
        self.parties.reach(LATER)
        self.ledger = self.parties.ledger
        self.fake = self.parties.deal(1, [0, 1, 2, 3])
        self.lose(slashed=1 << 30)
        assert self.fake.head
        head = self.fake.head
        signed = (
            self.receipt(index, self.parties.keys[index])
            for index in range(self.deal.n)
        )
        keys = tuple(one.identity.public for one in self.parties.keys[: self.deal.n])
        self.full = FullReceipt(head, self.deal.deal_key, tuple(signed), keys)
        self.book = TakeoverBook(self.parties.me)

    @property
    def deal(self) -> Deal:
        found = self.ledger.deal(self.fake.deal.id)
        assert found
        return found

    def lose(self, **changes: object) -> None:
        gone: dict[str, object] = {"listing": Listing.EJECTED, "left_epoch": EPOCH}
        row = row_of(self.parties.keys[LOST], LOST, **(gone | changes))
        self.ledger.absorb(LedgerNews(0, -1, vaults=(row,)))

    def receipt(self, index: int, keys: NodeKeys) -> SignedReceipt:
        assert self.fake.head
        head = self.fake.head.value
        said = Receipt(
            self.fake.deal.id, head.sequence, head.digest(), index, keys.vault_id, 5
        )
        return RECEIPT.sign(said, self.parties.params.network_id, keys.identity)

    def candidate(self, rank: int = 0) -> NodeKeys:
        return next(
            keys
            for keys in self.parties.keys
            if slots.rank(self.ledger, self.deal, keys.vault_id, EPOCH) == rank
        )

    def value(self, keys: NodeKeys) -> Takeover:
        lost = self.parties.keys[LOST].vault_id
        return Takeover(
            self.deal.id,
            LOST,
            lost,
            keys.vault_id,
            EPOCH,
            self.full,
            self.receipt(LOST, keys),
        )

    def signed(self, value: Takeover, keys: NodeKeys) -> SignedTakeover:
        return TAKEOVER.sign(value, self.parties.params.network_id, keys.identity)

    def claim(self, rank: int = 0) -> SignedTakeover:
        keys = self.candidate(rank)
        return self.signed(self.value(keys), keys)

    def give_to(self, vault: VaultId) -> None:
        holders, before = list(self.deal.holders), self.deal.holders[LOST]
        holders[LOST] = Holder(vault, before.price, LATER)
        past = PastHolder(LOST, before.vault, before.price, 0, LATER)
        deal = replace(self.deal, holders=tuple(holders), past=(past,))
        self.ledger.absorb(LedgerNews(0, -1, deals=(deal,)))


@pytest.fixture
def claims() -> Claims:
    return Claims()


def test_the_nearest_candidate_that_claimed_is_listed(claims: Claims) -> None:
    for rank in (2, 0, 1):
        claims.book.add(claims.claim(rank), LATER)
    (listed,) = claims.book.listing(NOTHING, LATER)
    assert listed.replacement == replacement_of(claims.claim(0).value)
    assert listed.claim == name_of(claims.claim(0))


def test_who_was_listed_and_does_not_come_makes_way_for_the_next(
    claims: Claims,
) -> None:
    for rank in range(3):
        claims.book.add(claims.claim(rank), LATER)
    first, second = (replacement_of(claims.claim(rank).value) for rank in (0, 1))
    listed = claims.book.listing(Totals({}, {}, (first,)), LATER)
    found = {one.replacement: one.claim is None for one in listed}
    assert found == {first: True, second: False}


def test_nothing_is_listed_once_the_ledger_has_a_new_holder(claims: Claims) -> None:
    claims.book.add(claims.claim(0), LATER)
    before = Totals({}, {}, (replacement_of(claims.claim(1).value),))
    claims.give_to(claims.candidate(0).vault_id)
    assert claims.book.listing(before, LATER) == ()
    claims.book.tidy(LATER)
    assert len(claims.book) == 0


def test_a_member_says_which_claims_it_lacks(claims: Claims) -> None:
    claims.book.add(claims.claim(0), LATER)
    listed = claims.book.listing(NOTHING, LATER)
    other = TakeoverBook(claims.parties.me)
    assert other.lacking(listed, NOTHING, LATER) == (name_of(claims.claim(0)),)
    other.add(claims.claim(0), LATER)
    assert other.lacking(listed, NOTHING, LATER) == ()
    assert other.rebuilt(listed) == claims.book.rebuilt(listed)


def test_a_member_refuses_what_nobody_claimed(claims: Claims) -> None:
    claims.book.add(claims.claim(0), LATER)
    (listed,) = claims.book.listing(NOTHING, LATER)
    of_another = replacement_of(claims.claim(1).value)
    unknown = replace(listed.replacement, vault=VaultId(bytes(32)))
    for wrong in (
        [replace(listed, claim=None)],
        [replace(listed, replacement=of_another)],
        [replace(listed, replacement=unknown)],
        [listed, listed],
    ):
        with pytest.raises(ProtocolError):
            claims.book.lacking(wrong, NOTHING, LATER)
    # What the settlement before lists is not rebuilt and paid anew.
    before = Totals({}, {}, (listed.replacement,))
    with pytest.raises(ProtocolError):
        claims.book.lacking([listed], before, LATER)
    assert claims.book.lacking([replace(listed, claim=None)], before, LATER) == ()


def wrong_claims(claims: Claims) -> list[SignedTakeover]:
    keys, other = claims.candidate(0), claims.candidate(1)
    value = claims.value(keys)
    holder = claims.parties.keys[0]
    receipts = (*claims.full.receipts[:3], claims.full.receipts[0])
    broken = replace(claims.full, receipts=receipts)
    return [
        claims.signed(value, other),
        claims.signed(replace(value, index=2), keys),
        claims.signed(replace(value, lost=holder.vault_id), keys),
        claims.signed(replace(value, epoch=LATER + 1), keys),
        claims.signed(replace(value, receipt=claims.receipt(LOST, other)), keys),
        claims.signed(replace(value, receipt=claims.receipt(0, keys)), keys),
        claims.signed(replace(value, receipt=None), keys),
        claims.signed(replace(value, full=broken), keys),
        claims.signed(claims.value(holder), holder),
    ]


@pytest.mark.parametrize("which", range(9))
def test_a_claim_that_does_not_hold_is_refused(claims: Claims, which: int) -> None:
    with pytest.raises(ProtocolError):
        claims.book.add(wrong_claims(claims)[which], LATER)
    assert len(claims.book) == 0


def test_a_claim_before_its_turn_is_refused(claims: Claims) -> None:
    with pytest.raises(ProtocolError, match="turn"):
        claims.book.add(claims.claim(2), EPOCH + 1)
    claims.book.add(claims.claim(2), EPOCH + 2)


def test_only_the_newest_two_claims_of_a_vault_are_kept(claims: Claims) -> None:
    keys = claims.candidate()
    value = claims.value(keys)
    for epoch in range(EPOCH, LATER + 1):
        claims.book.add(claims.signed(replace(value, epoch=epoch), keys), LATER)
    assert len(claims.book) == 2
    (listed,) = claims.book.listing(NOTHING, LATER)
    newest = claims.signed(replace(value, epoch=LATER), keys)
    assert listed.claim == name_of(newest)


@given(st.integers(0, 1 << 45), st.integers(0, 1 << 44), st.integers(0, 1 << 44))
def test_rebuilding_is_paid_out_of_what_was_slashed_and_of_nothing_else(
    slashed: int, earned: int, held: int
) -> None:
    claims = Claims()
    claims.ledger.params = replace(claims.ledger.params, rebuild_price=1 << 30)
    claims.lose(slashed=slashed)
    keys = claims.candidate()
    replacement = replacement_of(claims.value(keys))
    paid = min(earned, slashed)
    base = Totals({keys.vault_id: paid}, {})
    totals = with_replacements(
        base, base, (), [Rebuilt(replacement, held)], claims.ledger
    )
    bonus = totals.earned.get(keys.vault_id, 0) - paid
    cost = stake_needed(held, claims.ledger.params.rebuild_price)
    assert bonus == min(cost, slashed - paid)
    assert sum(totals.earned.values()) <= slashed
    assert totals.replaced == (replacement,)


def test_taking_over_from_a_vault_that_left_by_itself_earns_nothing_extra(
    claims: Claims,
) -> None:
    claims.lose(slashed=1 << 40, listing=Listing.UNBONDING)
    replacement = replacement_of(claims.value(claims.candidate()))
    new = [Rebuilt(replacement, 1 << 30)]
    assert with_replacements(NOTHING, NOTHING, (), new, claims.ledger).earned == {}


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
