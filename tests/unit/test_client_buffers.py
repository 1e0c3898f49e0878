"""Buffers that are used again, and never while somebody looks at them."""

import random
import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.client.blob_reader import BlobReader
from holdfast.client.blob_writer import BlobWriter
from holdfast.client.buffers import BufferPool
from holdfast.client.chunk_box import ChunkBox
from holdfast.client.core.blobs import BlobKind, blob_id
from holdfast.client.core.frames import FRAME_HEADER, Framer, compress
from holdfast.client.core.index import Index
from holdfast.client.core.owner_keys import OwnerKeys
from holdfast.client.core.pack import pack_blobs
from holdfast.protocol.chunk import encode_chunk
from holdfast.protocol.units import KIB, MIB
from memory_chunks import MemoryChunks

KEY = bytes(32)
OWNER = OwnerKeys(KEY)


def place(view: memoryview) -> int:
    address: int = np.frombuffer(view, np.uint8).ctypes.data
    return address


def test_a_buffer_that_nobody_looks_at_is_used_again() -> None:
    pool = BufferPool(64 * KIB, idle_max=2)
    first = pool.take(60 * KIB)
    where = place(first)
    assert pool.idle == 0
    del first
    assert pool.idle == 1
    assert place(pool.take(50 * KIB)) == where


def test_the_smallest_view_of_a_buffer_keeps_it() -> None:
    pool = BufferPool(64 * KIB, idle_max=2)
    lent = pool.take(64 * KIB)
    lent[:5] = b"hello"
    kept = lent[:5].toreadonly()
    del lent
    other = pool.take(64 * KIB)
    other[:] = bytes(64 * KIB)
    assert bytes(kept) == b"hello"
    del kept
    assert pool.idle == 1


@pytest.mark.parametrize("index", range(6))
def test_one_shard_keeps_all_parity_of_its_chunk(index: int) -> None:
    data = random.Random(5).randbytes(200 * KIB)
    pool = BufferPool(201 * KIB, idle_max=1)
    shard = encode_chunk(data, 3, 6, pool.take(3 * -(-200 * KIB // 3))).shards[index]
    assert pool.idle == (index < 3)  # data shards are views of the data
    encode_chunk(bytes(200 * KIB), 3, 6, pool.take(3 * -(-200 * KIB // 3)))
    assert shard == encode_chunk(data, 3, 6).shards[index]


def test_no_more_fall_idle_than_may() -> None:
    pool = BufferPool(64 * KIB, idle_max=2)
    lent = [pool.take(64 * KIB) for _ in range(5)]
    assert len({place(view) for view in lent}) == 5
    lent.clear()
    assert pool.idle == 2


@pytest.mark.parametrize("size", [0, 1, 15 * KIB, 65 * KIB])
def test_what_does_not_fit_is_memory_of_its_own(size: int) -> None:
    pool = BufferPool(64 * KIB, idle_max=2)
    lent = pool.take(size)
    assert len(lent) == size
    del lent
    assert pool.idle == 0


def test_threads_never_share_a_buffer() -> None:
    pool = BufferPool(4 * KIB, idle_max=4)
    mixed: list[int] = []

    def use(mark: int) -> None:
        for _ in range(300):
            lent = pool.take(4 * KIB)
            lent[:] = bytes([mark]) * len(lent)
            if lent != bytes([mark]) * len(lent):
                mixed.append(mark)

    threads = [threading.Thread(target=use, args=(mark,)) for mark in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert mixed == []
    assert pool.idle <= 4


@given(st.integers(1, 6), st.integers(0, 6), st.integers(1, 40_000))
def test_a_box_makes_the_shards_that_fresh_memory_would(
    k: int, more: int, length: int
) -> None:
    box = ChunkBox(k, k + more, MIB)
    for seed in range(3):
        data = random.Random(seed).randbytes(length)
        encoded = box.encode(data)
        assert encoded == encode_chunk(data, k, k + more)
        box.release(encoded.id)


def test_what_was_read_stays_while_other_packs_are_opened() -> None:
    chunks, index = MemoryChunks(), Index()
    blobs = [random.Random(seed).randbytes(4 * MIB - 1) for seed in range(14)]
    with BlobWriter(OWNER, index, chunks) as writer:
        names = [writer.add_data(blob) for blob in blobs]
        writer.finish()
    reader = BlobReader(OWNER, index, chunks)
    views = [reader.view(name, reader.locate(name)) for name in names]
    assert len(chunks.held) > 6  # more than are kept open
    assert all(view == blob for view, blob in zip(views, blobs, strict=True))


# What else is left out: copies, and compressing what does not compress.


def test_a_pack_in_a_buffer_has_the_same_bytes() -> None:
    blobs = [random.Random(seed).randbytes(100 * KIB) for seed in range(5)]
    named = [(blob_id(KEY, blob), blob) for blob in blobs]
    (pack,) = pack_blobs(BlobKind.DATA, named)
    assert pack.plaintext_in(memoryview(bytearray(MIB))) == pack.plaintext()


@pytest.mark.parametrize("texts", range(5))
def test_a_large_frame_is_compressed_if_a_quarter_of_it_can_be(texts: int) -> None:
    rng = random.Random(texts)
    quarters = [rng.randbytes(256 * KIB) for _ in range(4)]
    for place_of_text in rng.sample(range(4), texts):
        quarters[place_of_text] = b"the same words again. " * (256 * KIB // 22)
    data = b"".join(quarters)
    (raw,) = Framer().add(blob_id(KEY, data), data)
    frame = compress(raw)
    encoding, stored, raw_bytes, count = FRAME_HEADER.unpack(frame.header)
    assert (stored, raw_bytes, count) == (len(frame.stored), len(data), 1)
    assert encoding == (texts > 0)
    assert len(frame.stored) <= (4.1 - texts) * 256 * KIB


def test_a_frame_whose_samples_do_not_compress_is_not_tried_whole() -> None:
    data = bytearray(MIB)
    for number in range(4):
        start = number * ((MIB - 16 * KIB) // 3)
        data[start : start + 16 * KIB] = random.Random(number).randbytes(16 * KIB)
    (raw,) = Framer().add(blob_id(KEY, memoryview(data)), memoryview(data))
    assert compress(raw).stored == data
