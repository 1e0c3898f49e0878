"""An auditor's verdict on settlements and deals: signers, roots, sums, limits."""

from collections.abc import Callable, Iterable
from dataclasses import replace

import pytest

from audit_evidence import EPOCH, Shown
from audit_parties import Parties, row_of
from holdfast.client.core.auditing_deal import judge_deal, most_spent, terms_of
from holdfast.client.core.auditing_settlement import (
    judge_settlement,
    makes,
    proved_total,
    slashed_total,
)
from holdfast.ledger.core.followed import LedgerNews
from holdfast.ledger.core.values import Listing
from holdfast.protocol import bls
from holdfast.protocol.deal import PastHolder
from holdfast.protocol.placement import majority
from holdfast.protocol.settlement import (
    DEAL_LEAF,
    VAULT_LEAF,
    Certificate,
    Statement,
    Total,
    TotalProof,
    Totals,
    prove_total,
    signers_bitmap,
)
from holdfast.protocol.units import DealId, Digest, VaultId

PERIOD = 1


@pytest.fixture(scope="module")
def parties() -> Parties:
    made = Parties(7)
    made.reach(4 * (PERIOD + 2))
    made.deal(1, [0, 1, 2, 3])
    return made


def totals_in(parties: Parties, grains: int = 30) -> Totals:
    (deal,) = parties.ledger.deals()
    first, second = parties.keys[0].vault_id, parties.keys[1].vault_id
    return Totals({first: grains - 10, second: 10}, {deal.id: grains})


def settle(
    parties: Parties,
    totals: Totals,
    change: Callable[[Statement], Statement] = lambda statement: statement,
    ranks: Iterable[int] | None = None,
) -> Certificate:
    """Return the certificate of a majority, or of the members of these ranks."""
    ledger = parties.ledger
    members = ledger.committee(PERIOD + 1)
    statement = change(
        Statement(
            ledger.network_id,
            PERIOD,
            Digest(totals.tree().root),
            len(totals.leaves()),
            sum(totals.earned.values()),
            sum(totals.spent.values()),
        )
    )
    chosen = list(range(majority(len(members))) if ranks is None else ranks)
    secrets = [parties.by_id[members[rank]].bls_secret for rank in chosen]
    signatures = [bls.sign(secret, statement.digest()) for secret in secrets]
    bitmap = signers_bitmap(chosen, len(members))
    return Certificate(statement, bitmap, bls.aggregate(signatures))


def test_a_majoritys_settlement_whose_sums_agree_holds(parties: Parties) -> None:
    totals = totals_in(parties)
    certificate = settle(parties, totals)
    found = judge_settlement(parties.ledger, certificate, totals.leaves())
    assert found.faults == ()
    assert found.leaves == totals.leaves()
    assert len(found.signers) == majority(found.committee) == 4


def test_totals_that_do_not_make_the_root_are_not_believed(parties: Parties) -> None:
    certificate = settle(parties, totals_in(parties))
    found = judge_settlement(
        parties.ledger, certificate, totals_in(parties, 31).leaves()
    )
    assert found.leaves is None
    assert found.holds  # whoever showed them is at fault, not the committee


def test_too_few_signers_are_no_majority(parties: Parties) -> None:
    certificate = settle(parties, totals_in(parties), ranks=range(3))
    (fault,) = judge_settlement(parties.ledger, certificate, None).faults
    assert "no majority" in fault


def test_signers_named_in_place_of_others_are_found_out(parties: Parties) -> None:
    certificate = settle(parties, totals_in(parties))
    moved = replace(certificate, signers=signers_bitmap(range(1, 5), 7))
    (fault,) = judge_settlement(parties.ledger, moved, None).faults
    assert "signature" in fault


def test_ranks_beyond_the_committee_are_no_signers(parties: Parties) -> None:
    certificate = replace(settle(parties, totals_in(parties)), signers=b"\xff")
    (fault,) = judge_settlement(parties.ledger, certificate, None).faults
    assert "not in the committee" in fault


def test_paying_more_than_was_spent_is_a_fault(parties: Parties) -> None:
    over = lambda s: replace(s, earned_total=s.spent_total + 1)  # noqa: E731
    certificate = settle(parties, totals_in(parties), over)
    (fault,) = judge_settlement(parties.ledger, certificate, None).faults
    assert "1 grains more than deals spent" in fault


def test_stakes_that_were_lost_may_be_paid_out() -> None:
    parties = Parties(7)
    lost = row_of(parties.keys[6], 6, listing=Listing.EJECTED, slashed=5, left_epoch=9)
    parties.ledger.absorb(LedgerNews(0, -1, vaults=(lost,)))
    parties.reach(12)
    parties.deal(1, [0, 1, 2, 3])
    assert slashed_total(parties.ledger) == 5
    bonus = lambda s: replace(s, earned_total=s.spent_total + 5)  # noqa: E731
    certificate = settle(parties, totals_in(parties), bonus)
    assert judge_settlement(parties.ledger, certificate, None).holds


def test_leaves_that_do_not_add_up_to_the_signed_sums_are_a_fault(
    parties: Parties,
) -> None:
    less = lambda s: replace(s, earned_total=s.earned_total - 1)  # noqa: E731
    totals = totals_in(parties)
    found = judge_settlement(
        parties.ledger, settle(parties, totals, less), totals.leaves()
    )
    (fault,) = found.faults
    assert "does not add up" in fault


def test_paying_a_vault_that_never_registered_is_a_fault(parties: Parties) -> None:
    totals = totals_in(parties)
    ghost = Totals({VaultId(b"\7" * 32): 30}, totals.spent)
    found = judge_settlement(parties.ledger, settle(parties, ghost), ghost.leaves())
    (fault,) = found.faults
    assert "never registered" in fault


def test_a_claim_beyond_the_total_is_a_fault() -> None:
    parties = Parties(7)
    paid = row_of(parties.keys[0], 0, claimed=21)
    parties.ledger.absorb(LedgerNews(0, -1, vaults=(paid,)))
    parties.reach(12)
    parties.deal(1, [0, 1, 2, 3])
    totals = totals_in(parties)
    found = judge_settlement(parties.ledger, settle(parties, totals), totals.leaves())
    (fault,) = found.faults
    assert "1 grains it never earned" in fault


def test_spending_beyond_an_escrow_is_a_fault() -> None:
    parties = Parties(7)
    parties.reach(12)
    fake = parties.deal(1, [0, 1, 2, 3])
    poor = replace(fake.deal, escrow=29)
    parties.ledger.absorb(LedgerNews(0, -1, deals=(poor,)))
    totals = totals_in(parties)
    found = judge_settlement(parties.ledger, settle(parties, totals), totals.leaves())
    (fault,) = found.faults
    assert "1 grains more than its escrow" in fault


def test_a_total_twice_is_a_fault(parties: Parties) -> None:
    totals = totals_in(parties)
    twice = (*totals.leaves()[:1], *totals.leaves())

    def restate(statement: Statement) -> Statement:
        from holdfast.protocol.settlement import TOTAL  # noqa: PLC0415
        from holdfast.protocol.settlement_tree import SettlementTree  # noqa: PLC0415

        tree = SettlementTree([TOTAL.encode(leaf) for leaf in twice])
        return replace(statement, root=Digest(tree.root), count=len(twice))

    certificate = settle(parties, totals, restate)
    assert makes(certificate, twice)
    faults = judge_settlement(parties.ledger, certificate, twice).faults
    assert any("stands twice" in fault for fault in faults)


def proof_of(totals: Totals, party: int, key: bytes) -> TotalProof:
    proof = prove_total(totals, party, key)
    assert proof
    return proof


def test_a_total_is_believed_with_its_proof_only(parties: Parties) -> None:
    totals = totals_in(parties)
    certificate = settle(parties, totals)
    (deal,) = totals.spent
    proof = proof_of(totals, DEAL_LEAF, deal)
    assert proved_total(certificate, DEAL_LEAF, deal, [proof]) == 30
    more = replace(proof, total=Total(DEAL_LEAF, deal, 31))
    assert proved_total(certificate, DEAL_LEAF, deal, [more]) is None


def test_absence_is_believed_between_two_leaves_side_by_side(parties: Parties) -> None:
    totals = totals_in(parties)
    certificate = settle(parties, totals)
    absent = DealId(b"\xff" * 32)
    (deal,) = totals.spent
    last = proof_of(totals, DEAL_LEAF, deal)
    assert proved_total(certificate, DEAL_LEAF, absent, [last]) == 0
    low, high = sorted(totals.earned)
    between = VaultId((int.from_bytes(low, "big") + 1).to_bytes(32, "big"))
    first = proof_of(totals, VAULT_LEAF, low)
    second = proof_of(totals, VAULT_LEAF, high)
    assert proved_total(certificate, VAULT_LEAF, between, [first, second]) == 0
    assert proved_total(certificate, VAULT_LEAF, between, [first]) is None
    assert proved_total(certificate, VAULT_LEAF, high, [first, last]) is None


def test_a_deals_holders_are_audited_while_they_hold_it() -> None:
    shown = Shown()
    answer = shown.answer()
    found = shown.found(answer, shown.certificate(answer))
    vault, ledger = shown.vault, shown.parties.ledger
    judged = judge_deal(ledger, shown.fake.deal, {vault: [found]}, 0)
    first = judged.terms[0]
    assert (first.term.vault, first.certified, first.due_epochs) == (vault, 1, 1)
    assert first.entry == shown.held.entries().items[0]
    assert first.due > 0
    moved = replace(
        shown.fake.deal,
        holders=(
            replace(
                shown.fake.deal.holders[0],
                vault=shown.parties.keys[5].vault_id,
                since_epoch=EPOCH,
            ),
            *shown.fake.deal.holders[1:],
        ),
        past=(PastHolder(0, vault, 7, 0, EPOCH),),
    )
    again = judge_deal(ledger, moved, {vault: [found]}, 0)
    assert [t.term.until_epoch for t in again.terms if t.term.vault == vault] == [EPOCH]
    assert [t.audits for t in again.terms if t.term.vault == vault] == [()]


def test_a_deal_cannot_cost_more_than_its_full_capacity() -> None:
    shown = Shown()
    ledger = shown.parties.ledger
    shown.parties.reach(12)
    totals = totals_in(shown.parties)
    ledger.absorb(LedgerNews(99, 12, settlement=settle(shown.parties, totals)))
    deal = shown.fake.deal
    most = most_spent(ledger, deal)
    per_epoch = sum(deal.capacity * h.price // 2**30 for h in deal.holders)
    assert most == 8 * per_epoch  # periods 0 and 1 have four epochs each
    assert judge_deal(ledger, deal, {}, most).holds
    (fault,) = judge_deal(ledger, deal, {}, most + 1).faults
    assert "full capacity" in fault


def test_terms_list_the_present_holder_before_those_he_replaced() -> None:
    shown = Shown()
    past = (
        PastHolder(1, VaultId(b"\1" * 32), 5, 0, 3),
        PastHolder(1, VaultId(b"\2" * 32), 6, 3, 5),
    )
    terms = terms_of(replace(shown.fake.deal, past=past))
    assert [t.until_epoch for t in terms] == [None, None, 5, 3, None, None]
