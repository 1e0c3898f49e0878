"""The sums over a vault's deals are what adding everything up anew gives."""

from hypothesis import given
from hypothesis import strategies as st

from holdfast.protocol.deal import Deal
from holdfast.protocol.units import ChunkId, DealId
from holdfast.vault.core.deal_state import DealState
from holdfast.vault.core.holding_events import (
    DealCollected,
    Event,
    ShardsDamaged,
    ShardsRebuilt,
    ShardStaged,
    StagedDropped,
)
from holdfast.vault.core.holdings import Holdings
from holdfast.vault.core.space import NOTHING, Space
from vault_data_world import a_deal, vault_keys

VAULTS = [vault_keys(number).vault_id for number in range(3)]
DEALS = [a_deal(VAULTS, nonce=number) for number in range(1, 5)]
CHUNKS = [ChunkId(bytes([number]) * 32) for number in range(3)]

chunks = st.sampled_from(CHUNKS)
spans = st.one_of(st.none(), st.just((0, 100)), st.just((100, 300)))
happenings = st.one_of(
    st.builds(ShardStaged, chunks, st.just(50), st.integers(1, 99), st.just(0.0)),
    st.builds(StagedDropped, st.tuples(chunks)),
    st.builds(ShardsDamaged, st.dictionaries(chunks, spans, max_size=2)),
    st.builds(ShardsRebuilt, st.tuples(chunks)),
    st.just(DealCollected()),
    st.dictionaries(st.sampled_from([d.id for d in DEALS]), st.integers(1, 999)),
    st.just("ask"),
)


@given(st.lists(st.tuples(st.sampled_from(DEALS), happenings), max_size=40))
def test_sums_follow_whatever_happens(
    story: list[tuple[Deal, Event | dict[DealId, int] | str]],
) -> None:
    restored = DealState(DEALS[0].id, 0, 2, 3, durable_bytes=700, durable_shards=2)
    holdings = Holdings(VAULTS[0], {DEALS[0].id: restored})
    capacities: dict[DealId, int] = {}
    for deal, happening in story:
        if isinstance(happening, dict):
            capacities = happening
            holdings.space.allot(capacities)
        elif isinstance(happening, str):
            holdings.space.sums()
        else:
            holdings.of(deal)
            holdings.receive(deal.id, happening)
    anew = Space(holdings.deals)
    anew.allot(capacities)
    assert holdings.space.sums() == anew.sums()
    assert holdings.used_bytes == sum(
        one.durable_bytes + one.staged_bytes for one in holdings.deals.values()
    )


def test_a_vault_without_deals_holds_nothing() -> None:
    assert Holdings(VAULTS[0]).space.sums() == NOTHING


def test_only_deals_that_changed_are_looked_at_again() -> None:
    holdings = Holdings(VAULTS[0])
    for deal in DEALS:
        holdings.of(deal).receive(ShardStaged(CHUNKS[0], 50, 25, 0.0))
    assert holdings.used_bytes == 100
    holdings.of(DEALS[2]).receive(ShardStaged(CHUNKS[1], 50, 25, 0.0))
    assert holdings.space.changed == {DEALS[2].id}
    assert holdings.used_bytes == 125
    assert holdings.space.changed == set()
