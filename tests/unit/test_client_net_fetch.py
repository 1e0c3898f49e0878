"""Fetching a chunk and choosing holders: pure decisions."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.client.core.deal_choice import (
    CAPACITY_BYTES_MIN,
    Offer,
    Standing,
    choose_holders,
    demerits,
    first_capacity,
    grown_capacity,
)
from holdfast.client.core.fetch import ChunkFetch, HolderScores
from holdfast.protocol.deal import Quote
from holdfast.protocol.signing import Signed
from holdfast.protocol.units import DEAL_BYTES_MAX, AccountId, DealId, VaultId


def test_the_first_k_are_asked_and_no_more() -> None:
    fetch = ChunkFetch(4, range(8))
    assert fetch.start() == [0, 1, 2, 3]
    assert [fetch.came(index) for index in range(4)] == [[]] * 4
    assert fetch.is_done


def test_a_spare_is_asked_for_each_that_fails_or_lags() -> None:
    fetch = ChunkFetch(2, range(5))
    assert fetch.start() == [0, 1]
    assert fetch.failed(0, "absent") == [2]
    assert fetch.lags(1) == [3]
    assert fetch.lags(1) == []
    assert fetch.came(1) == []
    assert fetch.came(2) == []
    assert fetch.is_done


def test_it_fails_when_too_few_are_left_and_not_before() -> None:
    fetch = ChunkFetch(2, range(3))
    fetch.start()
    has_failed = []
    for index in (0, 2):
        fetch.failed(index, "dead")
        has_failed.append(fetch.has_failed)
    assert has_failed == [False, True]
    assert fetch.failures == {0: "dead", 2: "dead"}


@given(st.data(), st.integers(1, 8), st.integers(0, 8))
def test_any_k_honest_holders_are_found_in_the_end(
    data: st.DataObject, k: int, spare: int
) -> None:
    n = k + spare
    honest = data.draw(st.sets(st.integers(0, n - 1), min_size=k))
    order = data.draw(st.permutations(range(n)))
    fetch = ChunkFetch(k, order)
    asked = fetch.start()
    while asked:
        place = data.draw(st.integers(0, len(asked) - 1))
        index = asked[place]
        what = data.draw(st.sampled_from(["answer", "lag"]))
        if what == "lag":
            asked += fetch.lags(index)
        index = asked.pop(place)
        asked += fetch.came(index) if index in honest else fetch.failed(index, "dead")
        if fetch.is_done:
            break
    assert fetch.is_done
    assert set(fetch.arrived) <= honest


def test_the_quick_stand_before_the_slow_and_the_failed_last() -> None:
    scores = HolderScores(4)
    scores.answered(0, 2.0)
    scores.answered(2, 0.01)
    scores.failed(1, now=100.0)
    assert scores.order(now=101.0) == (2, 3, 0, 1)
    assert scores.order(now=200.0) == (2, 1, 3, 0)
    assert scores.order(now=200.0, late={2}) == (1, 3, 0, 2)


def offer(
    number: int, price: int, payout: int = 0, host: str = "127.0.0.1", doubts: int = 0
) -> Offer:
    vault = VaultId(bytes([number]) * 32)
    quote = Quote(DealId(bytes(32)), vault, price, 1, 2, 3)
    account = AccountId(bytes([payout or number]) * 20)
    return Offer(Signed(quote, bytes(64)), account, (host,), doubts)


def chosen(*offers: Offer, n: int, shared: bool = False) -> list[int]:
    found = choose_holders(offers, n, shared_payouts=shared)
    return [each.vault[0] for each in found]


def test_the_cheapest_are_chosen_and_doubts_count_as_price() -> None:
    offers = [offer(1, 30), offer(2, 10), offer(3, 20), offer(4, 15, doubts=2)]
    assert chosen(*offers, n=2) == [2, 3]


def test_of_equals_the_nearer_to_the_deals_point_are_chosen() -> None:
    near, far = offer(1, 10), offer(9, 10)
    assert chosen(far, near, n=1) == [1]
    point = DealId(b"\x09" * 32)
    moved = [
        replace(each, quote=Signed(replace(each.quote.value, deal=point), bytes(64)))
        for each in (near, far)
    ]
    assert chosen(*moved, n=1) == [9]


GOOD = Standing("active", held_bytes=1, missing_shards=0, certified_epoch=99)


@pytest.mark.parametrize(
    ("standing", "expected"),
    [
        (GOOD, 0),
        (None, 1),
        (replace(GOOD, certified_epoch=90), 1),
        (replace(GOOD, certified_epoch=0, held_bytes=0), 0),
        (replace(GOOD, missing_shards=3), 1),
        (replace(GOOD, word="suspect"), 2),
        (replace(GOOD, left_behind_epoch=95), 2),
        (replace(GOOD, left_behind_epoch=60), 0),
    ],
)
def test_doubts_are_counted(standing: Standing | None, expected: int) -> None:
    assert demerits(standing, epoch=100) == expected


def test_one_payout_account_holds_one_index_outside_development() -> None:
    offers = [offer(1, 1, payout=9), offer(2, 2, payout=9), offer(3, 3)]
    assert chosen(*offers, n=2) == [1, 3]
    assert chosen(*offers, n=2, shared=True) == [1, 2]


def test_one_public_block_holds_one_index_and_private_ones_may_crowd() -> None:
    public = [offer(n, n, host=f"93.184.216.{n}") for n in (1, 2)]
    assert chosen(*public, offer(3, 9, host="93.184.217.1"), n=2) == [1, 3]
    private = [offer(n, n, host=f"192.168.0.{n}") for n in (1, 2, 3)]
    assert chosen(*private, n=2) == [1, 2]
    named = [offer(n, n, host="vaults.example") for n in (1, 2)]
    assert chosen(*named, n=2) == [1, 2]


@given(st.integers(0, 2 * DEAL_BYTES_MAX), st.integers(0, DEAL_BYTES_MAX))
def test_capacities_start_small_grow_by_half_and_end_at_the_largest(
    wanted: int, more: int
) -> None:
    first = first_capacity(wanted)
    assert min(wanted, DEAL_BYTES_MAX) <= first <= DEAL_BYTES_MAX
    assert first >= CAPACITY_BYTES_MIN
    grown = grown_capacity(first, more)
    assert grown >= min(first + more, DEAL_BYTES_MAX)
    assert grown >= min(first * 3 // 2, DEAL_BYTES_MAX)
    assert grown <= DEAL_BYTES_MAX
