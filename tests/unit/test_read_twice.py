"""What does not open, or opens as something else, is read again with checks."""

import random

import pytest

from holdfast.client.blob_reader import BlobReader
from holdfast.client.blob_writer import BlobWriter
from holdfast.client.core.blobs import BlobId
from holdfast.client.core.errors import ChunkUnavailableError, SealBrokenError
from holdfast.client.core.index import Index
from holdfast.client.core.owner_keys import OwnerKeys
from holdfast.client.core.root import RootChange
from holdfast.client.repository import Repository, Update
from holdfast.protocol.units import MIB, ChunkId
from memory_chunks import MemoryChunks

OWNER = OwnerKeys(bytes(32))


def stored(count: int) -> tuple[MemoryChunks, Index, list[tuple[BlobId, bytes]]]:
    """Return chunks that hold blobs of 5 MiB, one each, and these."""
    chunks, index = MemoryChunks(), Index()
    blobs = [random.Random(seed).randbytes(4 * MIB - 1) for seed in range(2 * count)]
    with BlobWriter(OWNER, index, chunks) as writer:
        named = [(writer.add_data(blob), blob) for blob in blobs]
        writer.finish()
    return chunks, index, named


def damaged(ciphertext: bytes) -> bytes:
    return ciphertext[:-1] + bytes([ciphertext[-1] ^ 1])


def test_what_opens_is_read_once() -> None:
    chunks, index, named = stored(1)
    reader = BlobReader(OWNER, index, chunks)
    assert [reader.load(name) for name, _ in named] == [blob for _, blob in named]
    assert chunks.rereads == []


def test_a_chunk_that_does_not_open_is_read_again() -> None:
    chunks, index, named = stored(1)
    chunks.garbled = {chunk: damaged(data) for chunk, data in chunks.held.items()}
    reader = BlobReader(OWNER, index, chunks)
    assert [reader.load(name) for name, _ in named] == [blob for _, blob in named]
    assert sorted(chunks.rereads) == sorted(chunks.held)


def test_another_chunk_of_the_owner_does_not_pass_for_the_one_asked_for() -> None:
    chunks, index, named = stored(2)
    first, *others = chunks.held
    chunks.garbled = {first: chunks.held[others[0]]}
    reader = BlobReader(OWNER, index, chunks)
    assert [reader.load(name) for name, _ in named] == [blob for _, blob in named]
    assert chunks.rereads == [first]


def test_what_was_damaged_before_it_was_stored_is_an_error_at_last() -> None:
    chunks, index, named = stored(1)
    for chunk, data in chunks.held.items():
        chunks.held[chunk] = damaged(data)
    reader = BlobReader(OWNER, index, chunks)
    with pytest.raises(SealBrokenError):
        reader.load(named[0][0])
    assert len(chunks.rereads) == 1


def test_what_cannot_be_had_is_not_asked_for_again() -> None:
    chunks, index, named = stored(1)
    chunks.lost = set(chunks.held)
    with pytest.raises(ChunkUnavailableError):
        BlobReader(OWNER, index, chunks).load(named[0][0])
    assert chunks.rereads == []


@pytest.mark.parametrize("garbling", ["damaged", "swapped"])
def test_a_state_is_read_again_likewise(garbling: str) -> None:
    chunks = MemoryChunks()
    empty = Repository.load(OWNER, chunks, None)
    memo = empty.commit(Update(RootChange(empty.root.generation)), chunks).memo
    (state,) = chunks.held
    other = _another_chunk(chunks)
    chunks.garbled = {
        state: damaged(chunks.held[state]) if garbling == "damaged" else other
    }
    assert Repository.load(OWNER, chunks, memo).snapshots == ()
    assert chunks.rereads == [state]


def _another_chunk(chunks: MemoryChunks) -> bytes:
    known = set(chunks.held)
    with BlobWriter(OWNER, Index(), chunks) as writer:
        writer.add_data(b"another")
        writer.finish()
    (other,) = chunks.held.keys() - known
    return chunks.held[ChunkId(other)]
