import os
import random
import tracemalloc

from hypothesis import given
from hypothesis import strategies as st

from holdfast.client.core.blobs import BlobId, BlobKind
from holdfast.client.core.frames import ROW
from holdfast.client.core.index import (
    SEGMENT_BYTES_TARGET,
    Index,
    Location,
    PackRecord,
    decode_segment,
    encode_segments,
)
from holdfast.client.core.prune import Liveness, plan_prune
from holdfast.client.core.root import SegmentReference, merge_from
from holdfast.protocol.units import MIB, ChunkId


def chunk(number: int) -> ChunkId:
    return ChunkId(number.to_bytes(32, "big"))


def record(
    number: int,
    blobs: list[bytes],
    *,
    length: int = 100,
    stored: int = 8 * MIB,
    kind: BlobKind = BlobKind.DATA,
) -> PackRecord:
    rows = b"".join(ROW.pack(blob, length + row) for row, blob in enumerate(blobs))
    return PackRecord(chunk(number), kind, stored, rows)


def blob(number: int) -> BlobId:
    return BlobId(number.to_bytes(16, "little") * 2)


@given(sizes=st.lists(st.integers(0, 20), max_size=20))
def test_every_blob_is_found_where_it_is(sizes: list[int]) -> None:
    index = Index()
    where: dict[BlobId, Location] = {}
    count = 0
    for number, size in enumerate(sizes):
        blobs = [blob(count + row) for row in range(size)]
        count += size
        index.add([record(number, list(blobs))])
        for row, name in enumerate(blobs):
            where[name] = Location(chunk(number), row, 100 + row)
    assert {name: index.find(name) for name in where} == where
    assert len(index) == count
    assert blob(count) not in index
    assert index.find(blob(count)) is None


def test_ids_that_begin_alike_are_told_apart() -> None:
    names = [BlobId(bytes(8) + os.urandom(24)) for _ in range(50)]
    index = Index([record(1, list(names[:25]))])
    index.add([record(2, list(names[25:]))])
    for row, name in enumerate(names):
        found = index.find(name)
        assert found is not None
        assert (found.chunk, found.row) == (chunk(1 + row // 25), row % 25)
    assert BlobId(bytes(32)) not in index


def test_a_chunk_is_taken_in_once() -> None:
    index = Index([record(1, [blob(1)])])
    index.add([record(1, [blob(1)]), record(1, [blob(1)])])
    assert len(index) == 1
    assert index.pack(chunk(1)) == record(1, [blob(1)])
    assert index.pack(chunk(2)) is None


def test_without_a_chunk_its_blobs_are_unknown() -> None:
    index = Index([record(1, [blob(1), blob(2)]), record(2, [blob(2)])])
    less = index.without([chunk(1)])
    assert blob(1) not in less
    assert less.find(blob(2)) == Location(chunk(2), 0, 100)
    assert blob(1) in index


@given(sizes=st.lists(st.integers(0, 9), max_size=9))
def test_segments_list_the_same_packs_in_order(sizes: list[int]) -> None:
    records = [
        record(n, [blob(n * 10 + r) for r in range(s)]) for n, s in enumerate(sizes)
    ]
    read = [r for segment in encode_segments(records) for r in decode_segment(segment)]
    assert read == records


def test_a_large_index_is_cut_into_segments() -> None:
    records = [record(n, [os.urandom(32) for _ in range(2000)]) for n in range(100)]
    segments = list(encode_segments(records))
    assert len(segments) == 4
    assert max(map(len, segments)) < SEGMENT_BYTES_TARGET * 1.5


def test_a_million_blobs_take_less_than_a_hundred_megabytes() -> None:
    tracemalloc.start()
    try:
        records = (
            record(n, [os.urandom(32) for _ in range(1000)]) for n in range(1000)
        )
        index = Index(records)
        size, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(index) == 1_000_000
    assert size < 100 * MIB


def test_segments_stay_few_however_often_packs_are_added() -> None:
    segments: list[SegmentReference] = []
    written = 0
    for _ in range(1000):
        keep = merge_from(segments, 3)
        packs = 3 + sum(segment.packs for segment in segments[keep:])
        segments[keep:] = [SegmentReference(chunk(1), blob(1), packs)]
        written += packs
    assert sum(segment.packs for segment in segments) == 3000
    assert len(segments) < 12
    assert written < 3000 * 12


def test_a_pack_goes_when_most_of_it_is_dead() -> None:
    names = [blob(n) for n in range(10)]
    index = Index([record(1, list(names[:5])), record(2, list(names[5:]))])
    liveness = Liveness(index)
    for name in (names[0], names[1], *names[5:9]):
        assert liveness.mark(name)
        assert not liveness.mark(name)
    plan = plan_prune(liveness)
    assert plan.dropped == (chunk(1),)
    assert plan.rewritten == ((chunk(1), (0, 1)),)
    assert plan.dropped_bytes == 8 * MIB
    assert plan.rewritten_bytes == 201


def test_a_wholly_dead_pack_goes_and_nothing_is_rewritten() -> None:
    index = Index([record(1, [blob(1)]), record(2, [])])
    plan = plan_prune(Liveness(index), dead_share_max=1.0)
    assert plan.dropped == (chunk(1), chunk(2))
    assert plan.rewritten == ()


def test_many_small_packs_are_put_together_and_few_are_left() -> None:
    small = [record(n, [blob(n)], stored=1000) for n in range(17)]
    index = Index([*small, record(99, [blob(99)])])
    for count, gone in ((16, 0), (17, 17)):
        part = index.without(chunk(n) for n in range(count, 17))
        liveness = Liveness(part)
        for n in (*range(count), 99):
            liveness.mark(blob(n))
        assert len(plan_prune(liveness).dropped) == gone


def test_a_seeded_mix_of_adding_and_dropping_agrees_with_a_dictionary() -> None:
    dice = random.Random(7)
    index, model = Index(), dict[BlobId, set[ChunkId]]()
    for number in range(300):
        names = [blob(dice.randrange(500)) for _ in range(dice.randrange(20))]
        unique = list(dict.fromkeys(names))
        index.add([record(number, list(unique))])
        for name in unique:
            model.setdefault(name, set()).add(chunk(number))
        if dice.random() < 0.05:
            gone = {chunk(dice.randrange(number + 1)) for _ in range(5)}
            index = index.without(gone)
            model = {name: chunks - gone for name, chunks in model.items()}
        if number % 50 == 0:
            for n in range(500):
                found = index.find(blob(n))
                chunks = model.get(blob(n), set())
                assert found.chunk in chunks if found else not chunks
