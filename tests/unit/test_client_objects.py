"""Objects: named bytes in a repository."""

import dataclasses
import io
import os
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backup_owner import KEYS, Owner
from holdfast.client.blob_reader import BlobReader
from holdfast.client.core.blobs import BlobKind, blob_id
from holdfast.client.core.errors import (
    BlobDamagedError,
    ChunkUnavailableError,
    ObjectNameError,
    ObjectUnknownError,
)
from holdfast.client.core.index import Index, record_of
from holdfast.client.core.objects import Metadatum
from holdfast.client.core.pack import pack_blobs
from holdfast.client.core.root import RootChange
from holdfast.client.core.seal import Cipher, seal
from holdfast.client.object_store import (
    delete_object,
    objects,
    open_object,
    put_object,
    stat_object,
)
from holdfast.client.repository import Repository, Update, join
from holdfast.protocol.errors import DecodingError
from holdfast.protocol.units import MIB, ChunkId
from memory_chunks import MemoryChunks
from repository_steps import commit, put


@pytest.fixture
def owner() -> Owner:
    return Owner(MemoryChunks())


def test_objects_are_put_listed_opened_and_deleted(owner: Owner) -> None:
    large = random.Random(3).randbytes(5 * MIB)
    commit(owner, join(put(owner, "a/large", large), put(owner, "a/empty", b"")))
    commit(owner, put(owner, "b/text", b"text"))
    repository = owner.repository
    assert [entry.name for entry in objects(repository)] == [
        "a/empty",
        "a/large",
        "b/text",
    ]
    assert [entry.size for entry in objects(repository, "a/")] == [0, len(large)]
    with open_object(repository, "a/large") as file:
        assert file.read() == large
        file.seek(-1000, os.SEEK_END)
        assert file.read(10) == large[-1000:-990]
        file.seek(MIB + 1)
        assert file.read(3 * MIB) == large[MIB + 1 : 4 * MIB + 1]
        assert file.seek(2, os.SEEK_CUR) == 4 * MIB + 3
        file.seek(10 * MIB)
        assert file.read(1) == b""
    assert open_object(repository, "a/empty").read() == b""
    commit(owner, delete_object(repository, "a/large"))
    with pytest.raises(ObjectUnknownError, match="a/large"):
        stat_object(owner.repository, "a/large")
    assert stat_object(owner.repository, "b/text").size == 4


def test_a_second_put_replaces_the_first_and_keeps_its_metadata(owner: Owner) -> None:
    commit(owner, put(owner, "name", b"first"))
    metadata = (Metadatum("content-type", "text/plain"),)
    update = put_object(
        owner.repository,
        "name",
        io.BytesIO(b"second"),
        owner.chunks,
        time_ns=7,
        metadata=metadata,
    )
    commit(owner, update)
    entry = stat_object(owner.repository, "name")
    assert (entry.size, entry.time_ns, entry.metadata) == (6, 7, metadata)
    assert open_object(owner.repository, "name").read() == b"second"


@pytest.mark.parametrize("name", ["", "x" * 1025, "\udcff"])
def test_impossible_object_names_are_refused(owner: Owner, name: str) -> None:
    with pytest.raises(ObjectNameError):
        put(owner, name, b"")


def test_a_range_reads_the_chunks_it_needs_only(owner: Owner) -> None:
    data = random.Random(4).randbytes(40 * MIB)
    commit(owner, put(owner, "large", data))
    repository = owner.repository
    owner.chunks.reads.clear()
    with open_object(repository, "large") as file:
        file.seek(20 * MIB)
        assert file.read(100) == data[20 * MIB : 20 * MIB + 100]
    packs = {record.chunk: record for record in repository.index.packs}
    read = [packs[chunk] for chunk in owner.chunks.reads]
    assert sum(record.holds is BlobKind.DATA for record in read) <= 2
    owner.chunks.lost |= owner.chunks.held.keys()
    with (
        open_object(
            Repository.load(KEYS, Shadow(owner.chunks), owner.memo), "large"
        ) as file,
        pytest.raises(ChunkUnavailableError),
    ):
        file.read(1)


class Shadow(MemoryChunks):
    """Reads state and trees, and no data."""

    def __init__(self, chunks: MemoryChunks) -> None:
        super().__init__(held=chunks.held)

    def read(self, chunk: ChunkId) -> bytes:
        if len(self.held[chunk]) > MIB:
            raise ChunkUnavailableError(chunk)
        return self.held[chunk]


def test_an_index_that_confuses_two_blobs_is_noticed(owner: Owner) -> None:
    updates = [put(owner, "a", b"first" * 9), put(owner, "b", b"other" * 9)]
    repository = commit(owner, join(*updates))
    first, second = (update.packs[0] for update in updates)
    swapped = [
        dataclasses.replace(first, rows=second.rows),
        dataclasses.replace(second, rows=first.rows),
    ]
    reader = BlobReader(KEYS, Index(swapped), owner.chunks)
    blob = stat_object(repository, "a").content.ids[0]
    assert repository.reader.load(blob) == b"first" * 9
    with pytest.raises(DecodingError, match="does not hold the blobs"):
        reader.load(blob)


def test_a_blob_that_was_packed_under_another_name_is_noticed(owner: Owner) -> None:
    name = blob_id(KEYS.dedup, b"other")
    (pack,) = pack_blobs(BlobKind.DATA, [(name, b"first")])
    sealed = seal(KEYS.seal, bytes(32), pack.plaintext(), Cipher.AES_256_GCM)
    chunk = owner.chunks.add(sealed)
    index = Index([record_of(chunk, len(sealed), pack.table)])
    with pytest.raises(BlobDamagedError):
        BlobReader(KEYS, index, owner.chunks).load(name)


CHANGES = st.lists(
    st.tuples(
        st.integers(0, 30).map("name {:02}".format),
        st.one_of(st.none(), st.binary(max_size=20)),
    ),
    max_size=12,
)


@settings(max_examples=30, deadline=None)
@given(generations=st.lists(CHANGES, max_size=4))
def test_objects_behave_like_a_dictionary(
    generations: list[list[tuple[str, bytes | None]]],
) -> None:
    owner = Owner(MemoryChunks())
    model: dict[str, bytes] = {}
    for changes in generations:
        updates = []
        for name, data in changes:
            if data is not None:
                updates.append(put(owner, name, data))
                model[name] = data
            elif name in model and not updates:
                updates.append(delete_object(owner.repository, name))
                del model[name]
        if updates:
            commit(owner, join(*updates))
        repository = owner.repository
        found = {
            entry.name: open_object(repository, entry.name).read()
            for entry in objects(repository)
        }
        assert found == model
        assert list(found) == sorted(model)


def test_ten_thousand_objects_are_many_pages_and_a_put_rewrites_one(
    owner: Owner,
) -> None:
    entry = stat_object(commit(owner, put(owner, "x", b"data")), "x")
    names = [f"object {n:06}" for n in range(10_000)]
    change = RootChange(
        1, objects={name: type(entry)(name, 4, 1, entry.content) for name in names}
    )
    commit(owner, Update(change))
    repository = owner.repository
    assert len(repository.root.objects) >= 3
    assert [entry.name for entry in objects(repository)] == [*names, "x"]
    assert stat_object(repository, "object 005000").size == 4
    before = owner.chunks.stored_bytes
    changed = commit(owner, put(owner, "object 005000", b"other"))
    assert owner.chunks.stored_bytes - before < MIB
    assert open_object(changed, "object 005000").read() == b"other"
