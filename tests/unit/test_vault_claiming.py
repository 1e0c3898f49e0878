"""After a settlement: who keeps its totals, who claims, who takes back its stake."""

from dataclasses import replace

import pytest

from audit_parties import Parties, of_kind, only, row_of
from committee_stage import FIRST, PERIOD, Committee, Member
from holdfast.ledger.core.followed import LedgerNews
from holdfast.ledger.core.operations import Claim, Withdraw
from holdfast.ledger.core.values import Listing
from holdfast.protocol.settlement import (
    VAULT_LEAF,
    Certificate,
    Totals,
    signers_bitmap,
)
from holdfast.protocol.units import VaultId
from holdfast.vault.core import effects as fx
from holdfast.vault.core.claiming import Claiming
from holdfast.vault.core.events import Asked
from holdfast.vault.core.leaving import Leaving
from holdfast.vault.core.messages import (
    AskProof,
    AskTotals,
    Proven,
    TotalsOf,
)
from holdfast.vault.core.saved import TotalsSettled


@pytest.fixture
def committee() -> Committee:
    return Committee()


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
