"""What is fetched ahead of a reader: nothing, until it reads on and on."""

import random

from holdfast.client.blob_reader import BlobReader
from holdfast.client.blob_writer import BlobWriter
from holdfast.client.core.blobs import BlobList
from holdfast.client.core.index import Index
from holdfast.client.core.owner_keys import OwnerKeys
from holdfast.client.stored_file import StoredFile
from holdfast.protocol.units import MIB
from memory_chunks import MemoryChunks

OWNER = OwnerKeys(bytes(32))
BLOB_BYTES = 4 * MIB - 1
BLOBS = 6


def stored() -> tuple[MemoryChunks, StoredFile, bytes]:
    """Return a file of six blobs in as many packs or fewer, and its bytes."""
    chunks, index = MemoryChunks(), Index()
    blobs = [random.Random(seed).randbytes(BLOB_BYTES) for seed in range(BLOBS)]
    with BlobWriter(OWNER, index, chunks) as writer:
        names = tuple(writer.add_data(blob) for blob in blobs)
        writer.finish()
    file = StoredFile(BlobReader(OWNER, index, chunks), BlobList(0, names))
    assert len(chunks.held) > 2
    return chunks, file, b"".join(blobs)


def test_the_first_read_fetches_only_what_it_reads() -> None:
    chunks, file, data = stored()
    assert file.read(10) == data[:10]
    assert [len(hint) for hint in chunks.hints] == [1]


def test_who_reads_on_has_the_rest_fetched_ahead() -> None:
    chunks, file, data = stored()
    assert file.read(10) + file.read(10) == data[:20]
    (first,) = chunks.hints[0]
    assert set(chunks.hints[1]) == chunks.held.keys() - {first}


def test_who_jumps_about_has_nothing_fetched_ahead() -> None:
    chunks, file, data = stored()
    for at in (0, 4 * BLOB_BYTES, BLOB_BYTES):
        file.seek(at)
        assert file.read(10) == data[at : at + 10]
    assert max(len(hint) for hint in chunks.hints) == 1


def test_one_long_read_has_all_of_it_fetched_at_once() -> None:
    chunks, file, data = stored()
    assert file.read(len(data)) == data
    assert set(chunks.hints[0]) == chunks.held.keys()
