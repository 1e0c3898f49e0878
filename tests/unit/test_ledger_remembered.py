"""What the ledger's state remembers between two rows, and when it lets go of it."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_parties import Parties, row_of
from holdfast.ledger.core.followed import LedgerNews
from holdfast.ledger.core.values import Listing
from holdfast.protocol import placement
from holdfast.protocol.deal import Holder
from holdfast.protocol.units import DealId

EPOCH = 6


@pytest.fixture
def parties() -> Parties:
    made = Parties(10)
    made.reach(EPOCH)
    return made


def told(parties: Parties, **changes: object) -> None:
    row = row_of(parties.keys[1], 1, **changes)
    parties.ledger.absorb(LedgerNews(0, -1, vaults=(row,)))


def test_who_is_paid_draws_no_group_anew(
    parties: Parties, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault = parties.keys[0].vault_id
    group = parties.ledger.group(vault, EPOCH)
    assert group
    monkeypatch.setattr(placement, "neighbours", lambda *_: pytest.fail("drawn"))
    told(parties, claimed=7, stake=3, committed_bytes=5)
    assert parties.ledger.group(vault, EPOCH) == group


@pytest.mark.parametrize(
    "changes",
    [
        {"listing": Listing.EJECTED, "left_epoch": 2},
        {"left_epoch": 2},
        {"joined_epoch": EPOCH},
    ],
)
def test_who_leaves_or_was_not_there_is_in_no_group(
    parties: Parties, changes: dict[str, object]
) -> None:
    gone = parties.keys[1].vault_id
    groups = [parties.ledger.group(vault, EPOCH) for vault in parties.by_id]
    assert any(gone in group for group in groups)
    told(parties, **changes)
    others = (vault for vault in parties.by_id if vault != gone)
    assert all(gone not in parties.ledger.group(vault, EPOCH) for vault in others)
    assert gone not in parties.ledger.registry(EPOCH)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 9)), max_size=12))
def test_the_deals_of_a_vault_are_those_that_name_it_now(
    moves: list[tuple[int, int]],
) -> None:
    parties = Parties(10)
    parties.reach(EPOCH)
    ledger, deals = parties.ledger, {}
    for number in (1, 2):
        made = parties.deal(number, [0, 1, 2, 3]).deal
        deals[made.id] = made
    for index, number in moves:
        vault = parties.keys[number].vault_id
        for deal in deals.values():
            if deal.index_of(vault) is None:
                holders = list(deal.holders)
                holders[index] = Holder(vault, 1, EPOCH)
                deals[deal.id] = moved = replace(deal, holders=tuple(holders))
                ledger.absorb(LedgerNews(0, -1, deals=(moved,)))
                break
        for one in parties.by_id:
            held = [d for d in deals.values() if d.index_of(one) is not None]
            assert ledger.deals_held(one) == tuple(sorted(held, key=lambda d: d.id))


def test_what_is_not_mirrored_is_named(parties: Parties) -> None:
    known = parties.deal(1, [0, 1, 2, 3]).deal.id
    stranger = DealId(b"\7" * 32)
    assert parties.ledger.unmirrored([known, stranger, stranger]) == {stranger}
    assert parties.ledger.unmirrored([]) == set()
