"""Large changes come in pieces that end between entries, and none is lost."""

from hypothesis import given
from hypothesis import strategies as st

from holdfast.ledger.clock import seconds_until_epoch
from holdfast.ledger.core.membership import committee_of, registry_at
from holdfast.ledger.core.memory import MemoryState
from holdfast.ledger.core.values import (
    Books,
    Changes,
    DealRow,
    Head,
    RegisteredVault,
)
from holdfast.ledger.following import all_after, deals_after, registry_after
from holdfast.ledger.port import DEALS_PAGE, VAULTS_MAX, Tip
from holdfast.protocol.units import DealId, Digest, VaultId
from ledger_rows import deal_row, vault_row
from ledger_stage import DEVELOPMENT, GENESIS_SECONDS

HOLDER = VaultId(b"\x01" * 32)


def state(
    head: int, vaults: list[RegisteredVault], deals: list[DealRow]
) -> MemoryState:
    made = MemoryState(DEVELOPMENT)
    place = Head(head, GENESIS_SECONDS, 0, Digest(bytes(32)))
    made.take(Changes(place, Books(), vaults=tuple(vaults), deals=tuple(deals)))
    return made


@given(st.integers(1, 300), st.sampled_from([1, 2, 200]))
def test_pieces_lose_nothing(extra: int, together: int) -> None:
    """`together` deals change in each entry, as when a holder is ejected."""
    count = DEALS_PAGE + extra
    rows = [deal_row(n, n // together + 1, [HOLDER]) for n in range(count)]
    whole = state(count + 5, [], rows)
    found: list[DealId] = []
    after = pieces = 0
    while after < whole.head.sequence:
        changes = deals_after(whole, (HOLDER,), after)
        assert len(changes.deals) <= DEALS_PAGE
        assert changes.upto > after
        after, pieces = changes.upto, pieces + 1
        found += [deal.id for deal in changes.deals]
    assert found == [made.deal.id for made in rows]
    assert pieces > 1


def test_one_answer_never_passes_what_it_left_out() -> None:
    vaults = [vault_row(number, number + 1) for number in range(VAULTS_MAX + 1)]
    whole = state(9_000, vaults, [deal_row(0, 8_000, [HOLDER])])
    tip = Tip(9_000, 0, 0.0)
    first = all_after(whole, tip, (HOLDER,), 0)
    assert (first.more, first.upto, first.deals) == (True, VAULTS_MAX, ())
    assert len(first.vaults) == VAULTS_MAX
    second = all_after(whole, tip, (HOLDER,), first.upto)
    assert (second.more, second.upto) == (False, 9_000)
    assert (len(second.vaults), len(second.deals)) == (1, 1)
    assert registry_after(whole, first.upto).vaults == second.vaults


spans = st.tuples(st.integers(0, 20), st.one_of(st.none(), st.integers(0, 20)))


@given(st.lists(spans, max_size=12), st.integers(0, 25))
def test_the_registry_is_what_it_was_two_epochs_ago(
    lives: list[tuple[int, int | None]], epoch: int
) -> None:
    rows = [
        vault_row(number, 0, joined, None if left is None else joined + left)
        for number, (joined, left) in enumerate(lives)
    ]
    expected = [
        made.number
        for made in rows
        if made.joined_epoch <= epoch - 2
        and not (made.left_epoch is not None and made.left_epoch <= epoch - 2)
    ]
    assert [made.number for made in registry_at(rows[::-1], epoch)] == expected
    beacon = Digest(bytes(32))
    drawn = committee_of(rows, DEVELOPMENT, epoch // 4, beacon)
    assert len({made.vault for made in drawn}) == len(drawn)
    assert set(drawn) == set(registry_at(rows, DEVELOPMENT.first_epoch(epoch // 4)))


@given(st.floats(-100, 1000, allow_nan=False))
def test_the_clock_wakes_for_the_next_epoch(offset: float) -> None:
    now = GENESIS_SECONDS + offset
    left = seconds_until_epoch(DEVELOPMENT, now)
    assert left > 0
    epoch = DEVELOPMENT.epoch_at(now + left + 1e-6)
    assert epoch == max(DEVELOPMENT.epoch_at(now), -1) + 1
