"""What proves that an uploaded chunk was never one."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.protocol import merkle
from holdfast.protocol.chunk import (
    ChunkMismatchError,
    EncodedChunk,
    chunk_id,
    encode_chunk,
)
from holdfast.protocol.errors import ProtocolError
from holdfast.protocol.malformed import (
    MALFORMED_CHUNK,
    MalformedChunk,
    ProvenShard,
    check_malformed,
)
from holdfast.protocol.units import DealId

DEAL = DealId(b"\x05" * 32)


def garbled(chunk: EncodedChunk, place: int) -> EncodedChunk:
    """Return what a cheat uploads: one shard differs, and the id commits to that."""
    shards = list(chunk.shards)
    shards[place] = memoryview(bytes(byte ^ 1 for byte in shards[place]))
    roots = tuple(merkle.data_root(shard) for shard in shards)
    named = chunk_id(chunk.header, merkle.root(roots))
    return EncodedChunk(named, chunk.header, tuple(shards), roots)


def shown(chunk: EncodedChunk, indexes: tuple[int, ...]) -> MalformedChunk:
    shards = (
        ProvenShard(chunk.proof(index), bytes(chunk.shards[index])) for index in indexes
    )
    return MalformedChunk(DEAL, chunk.id, tuple(shards))


@given(st.binary(min_size=1, max_size=90), st.integers(0, 3), st.data())
def test_any_k_true_shards_prove_a_garbled_chunk(
    content: bytes, place: int, data: st.DataObject
) -> None:
    chunk = garbled(encode_chunk(content, 2, 4), place)
    indexes = data.draw(st.permutations(range(4)))[:2]
    check_malformed(shown(chunk, tuple(indexes)))


@given(st.binary(min_size=1, max_size=90), st.data())
def test_no_shards_prove_an_honest_chunk_malformed(
    content: bytes, data: st.DataObject
) -> None:
    chunk = encode_chunk(content, 2, 4)
    indexes = data.draw(st.permutations(range(4)))[:2]
    with pytest.raises(ChunkMismatchError, match="do make their chunk"):
        check_malformed(shown(chunk, tuple(indexes)))


def test_shards_that_are_not_the_chunks_prove_nothing() -> None:
    chunk = garbled(encode_chunk(b"content" * 9, 2, 4), 3)
    good = shown(chunk, (0, 3))
    first, second = good.shards
    wrong = replace(second, body=bytes(len(second.body)))
    for shards in (
        (),
        (first,),
        (first, first),
        (first, second, shown(chunk, (1,)).shards[0]),
        (first, wrong),
        (first, replace(second, proof=replace(second.proof, index=2))),
        (first, shown(encode_chunk(b"other content", 3, 4), (3,)).shards[0]),
    ):
        with pytest.raises(ProtocolError):
            check_malformed(replace(good, shards=shards))


@given(st.binary(max_size=300))
def test_arbitrary_bytes_are_no_evidence(data: bytes) -> None:
    with pytest.raises(ProtocolError):
        check_malformed(MALFORMED_CHUNK.decode(data))
