"""Parts of the stored data, as `check --read-data-subset` names them."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.client.core.subset import (
    EVERYTHING,
    Part,
    Share,
    Size,
    SubsetError,
    choose,
    read_subset,
)
from holdfast.protocol.units import ChunkId

chunk_ids = st.binary(min_size=32, max_size=32).map(ChunkId)
lengths = st.dictionaries(chunk_ids, st.integers(1, 1 << 23), max_size=40)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("5%", Share(Fraction(1, 20))),
        ("0.5 %", Share(Fraction(1, 200))),
        ("100%", EVERYTHING),
        ("1/10", Part(1, 10)),
        ("10/10", Part(10, 10)),
        ("100M", None),
    ],
)
def test_shares_and_parts_are_read(text: str, meant: object) -> None:
    assert read_subset(text) == meant


@pytest.mark.parametrize("text", ["0%", "101%", "0/10", "11/10", "1/9999999"])
def test_shares_and_parts_that_cannot_be_are_refused(text: str) -> None:
    with pytest.raises(SubsetError):
        read_subset(text)


@given(lengths, st.integers(1, 9))
def test_all_parts_together_are_everything_once(
    chunks: dict[ChunkId, int], parts: int
) -> None:
    found = [
        chunk
        for number in range(1, parts + 1)
        for chunk in choose(chunks, Part(number, parts), b"")
    ]
    assert sorted(found) == sorted(chunks)


@given(lengths, st.integers(1, 100), st.binary(max_size=4))
def test_a_share_is_at_least_what_it_says_and_at_most_a_chunk_more(
    chunks: dict[ChunkId, int], percent: int, seed: bytes
) -> None:
    chosen = choose(chunks, Share(Fraction(percent, 100)), seed)
    size = sum(chunks[chunk] for chunk in chosen)
    assert len(set(chosen)) == len(chosen)
    assert 100 * size >= percent * sum(chunks.values())
    if chosen:
        assert 100 * (size - chunks[chosen[-1]]) < percent * sum(chunks.values())


@given(lengths, st.integers(1, 1 << 25))
def test_a_size_is_reached_or_everything_is_taken(
    chunks: dict[ChunkId, int], wanted: int
) -> None:
    chosen = choose(chunks, Size(wanted), b"seed")
    size = sum(chunks[chunk] for chunk in chosen)
    assert size >= wanted or len(chosen) == len(chunks)


def test_another_seed_chooses_other_chunks() -> None:
    chunks = {ChunkId(bytes([n]) * 32): 100 for n in range(50)}
    one, other = (choose(chunks, Size(1000), seed) for seed in (b"1", b"2"))
    assert len(one) == len(other) == 10
    assert set(one) != set(other)
