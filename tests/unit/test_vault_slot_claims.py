"""Claims to open slots: which of them a committee's member keeps and lists."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_parties import Parties, only
from claim_stage import EPOCH, LATER, LOST, NOTHING, Claims
from holdfast.ledger.core.followed import LedgerNews
from holdfast.ledger.core.replacing import Rebuilt, with_replacements
from holdfast.ledger.core.values import Listing
from holdfast.protocol.errors import ProtocolError
from holdfast.protocol.pricing import stake_needed
from holdfast.protocol.settlement import (
    Totals,
)
from holdfast.protocol.takeover import SignedTakeover
from holdfast.protocol.units import VaultId
from holdfast.vault.core import effects as fx
from holdfast.vault.core.saved import ClaimKept
from holdfast.vault.core.takeover_book import TakeoverBook, name_of, replacement_of


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


def test_a_claim_is_saved_once_and_a_member_that_was_killed_still_lists_it(
    claims: Claims,
) -> None:
    saved = only(claims.book.add(claims.claim(0), LATER), fx.Save).saved
    assert saved == ClaimKept(claims.claim(0))
    assert claims.book.add(claims.claim(0), LATER) == []
    after = TakeoverBook(claims.parties.me, (claims.claim(0),))
    assert after.listing(NOTHING, LATER) == claims.book.listing(NOTHING, LATER) != ()
    assert after.add(claims.claim(0), LATER) == []


def test_a_restarted_member_keeps_its_claims_while_it_reads_the_ledger(
    claims: Claims,
) -> None:
    ahead = Parties(10)
    ahead.reach(LATER)
    book = TakeoverBook(ahead.me, (claims.claim(0),))
    assert book.listing(NOTHING, LATER) == ()
    book.tidy(LATER)
    lost = claims.ledger.row(claims.parties.keys[LOST].vault_id)
    assert lost
    ahead.ledger.absorb(LedgerNews(0, -1, vaults=(lost,), deals=(claims.deal,)))
    (listed,) = book.listing(NOTHING, LATER)
    assert listed.claim == name_of(claims.claim(0))


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
