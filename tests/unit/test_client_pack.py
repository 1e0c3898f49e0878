import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.client.core.blobs import (
    BLOB_BYTES_MAX,
    INLINE_IDS_MAX,
    BlobId,
    BlobKind,
    BlobList,
    blob_id,
    fold,
    list_ids,
    unfold,
)
from holdfast.client.core.errors import BlobMissingError
from holdfast.client.core.frames import ROWS_MAX, Framer, compress
from holdfast.client.core.pack import Packer, PackView, pack_blobs, read_table
from holdfast.client.core.seal import PLAINTEXT_BYTES_MAX, salt_of
from holdfast.protocol.errors import DecodingError

KEY = bytes(32)
SIZES = st.lists(st.one_of(st.integers(0, 64), st.integers(0, 300_000)), max_size=12)


def blobs_of(sizes: list[int]) -> list[bytes]:
    return [(b"blob %d " % n * size)[:size] for n, size in enumerate(sizes)]


def named(blobs: list[bytes]) -> list[tuple[BlobId, bytes]]:
    return [(blob_id(KEY, blob), blob) for blob in blobs]


@given(sizes=SIZES, kind=st.sampled_from(BlobKind))
def test_what_is_packed_is_found_by_row_and_by_id(
    sizes: list[int], kind: BlobKind
) -> None:
    blobs = list(dict.fromkeys(blobs_of(sizes)))
    views = [PackView(pack.plaintext()) for pack in pack_blobs(kind, named(blobs))]
    found = []
    for view in views:
        assert view.table.holds is kind
        for row, (blob, length) in enumerate(view.table.blobs()):
            assert bytes(view.find(blob)) == bytes(view.blob(row))
            assert len(view.blob(row)) == length
            found.append(bytes(view.blob(row)))
    assert sorted(found) == sorted(blobs)


INCOMPRESSIBLE = [os.urandom(200_000) for _ in range(3)]
CONTENTS = st.lists(
    st.one_of(st.sampled_from(INCOMPRESSIBLE), st.binary(max_size=9)), max_size=3
)


@given(
    one=CONTENTS,
    other=CONTENTS,
    kinds=st.tuples(st.sampled_from(BlobKind), st.sampled_from(BlobKind)),
)
def test_packs_have_the_same_salt_only_if_their_plaintexts_are_the_same(
    one: list[bytes], other: list[bytes], kinds: tuple[BlobKind, BlobKind]
) -> None:
    packs = [
        pack
        for kind, blobs in zip(kinds, (one, other), strict=True)
        for pack in pack_blobs(kind, named(blobs))
    ]
    salts = {salt_of(KEY, pack.determining()) for pack in packs}
    assert len(salts) == len({pack.plaintext() for pack in packs})


def test_stored_data_is_not_hashed_again_for_its_salt_but_all_else_is() -> None:
    text, noise = b"text " * 100_000, INCOMPRESSIBLE[0]
    (data,) = pack_blobs(BlobKind.DATA, named([text, noise]))
    packed = next(part for part in data.parts if part != noise)
    assert data.determining() == (packed, *data.determining()[-2:])
    (state,) = pack_blobs(BlobKind.STATE, named([text, noise]))
    assert b"".join(state.determining()) == state.plaintext()


def test_a_pack_fits_a_chunk_and_is_nearly_full() -> None:
    blobs = [os.urandom(1_200_000) for _ in range(20)]
    sizes = [len(pack.plaintext()) for pack in pack_blobs(BlobKind.DATA, named(blobs))]
    assert max(sizes) <= PLAINTEXT_BYTES_MAX
    assert min(sizes[:-1]) > PLAINTEXT_BYTES_MAX - 1_300_000


def test_the_largest_blobs_fill_packs_without_overflowing() -> None:
    blobs = [os.urandom(BLOB_BYTES_MAX) for _ in range(3)]
    packs = pack_blobs(BlobKind.DATA, named(blobs))
    assert len(packs) == 3
    assert all(len(pack.plaintext()) <= PLAINTEXT_BYTES_MAX for pack in packs)


def test_incompressible_blobs_cost_no_more_than_their_rows() -> None:
    blob = os.urandom(1 << 20)
    (pack,) = pack_blobs(BlobKind.DATA, named([blob]))
    assert len(pack.plaintext()) < len(blob) + 100


def test_small_blobs_compress_together() -> None:
    words = [f"the quick brown fox number {n}".encode() for n in range(2000)]
    (pack,) = pack_blobs(BlobKind.DATA, named(words))
    rows = 36 * len(words)
    assert len(pack.plaintext()) - rows < sum(map(len, words)) / 4


def test_a_pack_has_a_bounded_number_of_rows() -> None:
    blobs = [n.to_bytes(4, "big") for n in range(ROWS_MAX + 1)]
    packs = pack_blobs(BlobKind.DATA, named(blobs))
    assert [len(list(pack.table.blobs())) for pack in packs] == [ROWS_MAX, 1]


def test_empty_packers_and_framers_make_nothing() -> None:
    assert Framer().flush() == []
    assert Packer(BlobKind.DATA).flush() == []
    assert pack_blobs(BlobKind.TREE, []) == []


def test_a_frame_owns_its_bytes() -> None:
    window = bytearray(b"before" * 50_000)
    (frame,) = Framer().add(BlobId(bytes(32)), memoryview(window))
    window[:6] = b"after!"
    assert frame.data.startswith(b"before")
    assert compress(frame).count == 1


def test_a_blob_that_is_not_there_is_missing() -> None:
    (pack,) = pack_blobs(BlobKind.DATA, named([b"blob"]))
    view = PackView(pack.plaintext())
    with pytest.raises(BlobMissingError):
        view.find(BlobId(bytes(32)))
    with pytest.raises(DecodingError):
        view.blob(1)


@given(data=st.binary(max_size=400))
def test_arbitrary_bytes_are_no_pack(data: bytes) -> None:
    with pytest.raises(DecodingError):
        PackView(data)


@given(place=st.integers(0), flip=st.integers(1, 255))
def test_altered_packs_are_refused_or_read_without_harm(place: int, flip: int) -> None:
    (pack,) = pack_blobs(BlobKind.DATA, named([b"text" * 200, os.urandom(140_000)]))
    plaintext = bytearray(pack.plaintext())
    at = len(plaintext) - 1 - place % 150
    plaintext[at] ^= flip
    try:
        view = PackView(bytes(plaintext))
        for row, (_, length) in enumerate(view.table.blobs()):
            assert len(view.blob(row)) == length
    except DecodingError:
        pass


def test_the_table_is_read_without_the_frames() -> None:
    (pack,) = pack_blobs(BlobKind.TREE, named([b"one", b"two"]))
    assert read_table(pack.plaintext()) == pack.table


class Store:
    def __init__(self) -> None:
        self.blobs: dict[BlobId, bytes] = {}

    def save(self, data: bytes) -> BlobId:
        blob = blob_id(KEY, data)
        self.blobs[blob] = data
        return blob

    def load(self, blob: BlobId) -> bytes:
        return self.blobs[blob]


def ids(count: int, seed: int = 0) -> list[BlobId]:
    return [blob_id(KEY, bytes([seed]) + n.to_bytes(4, "big")) for n in range(count)]


@pytest.mark.parametrize("count", [0, 1, INLINE_IDS_MAX, INLINE_IDS_MAX + 1, 50_000])
def test_a_list_of_any_length_is_named_by_few_ids(count: int) -> None:
    store = Store()
    folded = fold(ids(count), store.save)
    assert len(folded.ids) <= INLINE_IDS_MAX
    assert list(unfold(folded, store.load)) == ids(count)


def test_an_insertion_changes_few_list_blobs() -> None:
    store = Store()
    fold(ids(50_000), store.save)
    before = set(store.blobs)
    fold([*ids(3, seed=1), *ids(50_000)], store.save)
    assert len(set(store.blobs) - before) <= 2


def test_a_list_blob_must_hold_whole_ids() -> None:
    store = Store()
    folded = fold(ids(INLINE_IDS_MAX + 1), store.save)
    blob = store.blobs[folded.ids[0]]
    assert list_ids(blob) == tuple(ids(INLINE_IDS_MAX + 1))
    with pytest.raises(DecodingError):
        list_ids(blob[:-1])


def test_lists_are_not_nested_without_end() -> None:
    with pytest.raises(ValueError, match="deeply"):
        BlobList(5)
