"""What is missing of a shard, told in few spans."""

from hypothesis import given
from hypothesis import strategies as st

from holdfast.protocol.checkpoint import Entry
from holdfast.protocol.manifest import NO_HEAD
from holdfast.protocol.units import DealId
from holdfast.vault.core.missing_spans import merged

DEAL = DealId(bytes(32))
SPANS = st.lists(
    st.tuples(st.integers(0, 500), st.integers(1, 20)), min_size=1, max_size=40
)


@given(SPANS, st.integers(1, 12))
def test_merged_spans_cover_what_is_missing_and_fit_an_entry(
    spans: list[tuple[int, int]], limit: int
) -> None:
    found = merged(spans, limit)
    assert len(found) <= limit
    entry = Entry(DEAL, 0, NO_HEAD, 0, NO_HEAD, 0, 1_000, found)
    assert all(entry.lacks(first, count) for first, count in spans)
    exact = {byte for first, count in spans for byte in range(first, first + count)}
    unlimited = merged(spans, 1_000)
    assert {b for f, c in unlimited for b in range(f, f + c)} == exact
