"""Generations, objects and prunes of a repository in a network of one dictionary."""

import dataclasses
import io
import os
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backup_owner import KEYS, Owner, fill, job_of, listing, within
from holdfast.client.backup import back_up
from holdfast.client.blob_reader import BlobReader
from holdfast.client.core.blobs import BlobKind, BlobList
from holdfast.client.core.errors import (
    BlobDamagedError,
    BlobMissingError,
    ChunkUnavailableError,
    HistoryConflictError,
    ObjectNameError,
    ObjectUnknownError,
    PathUnknownError,
    SealBrokenError,
    SnapshotUnknownError,
    StateTooLargeError,
)
from holdfast.client.core.index import Index
from holdfast.client.core.memo import unseal_memo
from holdfast.client.core.objects import Metadatum
from holdfast.client.core.owner_keys import OwnerKeys
from holdfast.client.core.root import Root, RootChange, change_root, encode_root
from holdfast.client.core.snapshot import (
    NamedSnapshot,
    Snapshot,
    SnapshotStats,
    name_snapshot,
)
from holdfast.client.object_store import (
    delete_object,
    objects,
    open_object,
    put_object,
    stat_object,
)
from holdfast.client.pack_journal import PackJournal
from holdfast.client.pruning import forget, plan, prune, retag
from holdfast.client.repository import Repository, Update, join
from holdfast.protocol.units import MIB, ChunkId
from memory_chunks import MemoryChunks, UploadStoppedError


@pytest.fixture
def owner() -> Owner:
    return Owner(MemoryChunks())


@pytest.fixture
def source(tmp_path: Path) -> Path:
    source = tmp_path / "source"
    source.mkdir()
    return source


def commit(owner: Owner, update: Update) -> Repository:
    made = owner.repository.commit(update, owner.chunks)
    owner.memo = made.memo
    return made.repository


def put(owner: Owner, name: str, data: bytes) -> Update:
    return put_object(owner.repository, name, io.BytesIO(data), owner.chunks, time_ns=1)


def drop_garbage(owner: Owner) -> None:
    needed = owner.repository.needed_chunks()
    assert needed <= owner.chunks.held.keys()
    for chunk in owner.chunks.held.keys() - needed:
        del owner.chunks.held[chunk]


def snapshot(number: int) -> NamedSnapshot:
    return name_snapshot(
        KEYS.dedup,
        Snapshot(
            time_ns=number,
            utc_offset_seconds=-3600,
            host="host",
            user="user",
            paths=(b"/path",),
            tags=("tag",),
            tree=BlobList(),
            parent=None,
            stats=SnapshotStats(files=number),
            program="holdfast test",
        ),
    )


# Generations.


def test_a_new_repository_is_empty(owner: Owner) -> None:
    assert owner.repository.snapshots == ()
    assert owner.repository.needed_chunks() == frozenset()
    with pytest.raises(SnapshotUnknownError):
        owner.repository.snapshot("latest")


def test_the_memo_alone_brings_everything_back(owner: Owner, source: Path) -> None:
    fill(source, {"a": b"1"})
    for _ in range(12):
        (source / "a").write_bytes(os.urandom(10))
        owner.back_up(source)
    repository = owner.repository
    assert [named.snapshot.time_ns for named in repository.snapshots] == sorted(
        named.snapshot.time_ns for named in repository.snapshots
    )
    assert len(repository.snapshots) == 12
    assert repository.root.generation == 12
    assert len(repository.root.segments) < 6
    assert repository.needed_chunks() <= owner.chunks.held.keys()


def test_the_commit_and_the_loaded_repository_agree(owner: Owner, source: Path) -> None:
    fill(source, {"a": b"1"})
    backup = owner.back_up(source)
    made = commit(owner, retag_update(owner, backup.snapshot, ("kept",)))
    loaded = owner.repository
    assert made.root == loaded.root
    assert made.needed_chunks() == loaded.needed_chunks()
    assert set(made.index.packs) == set(loaded.index.packs)


def retag_update(owner: Owner, named: NamedSnapshot, tags: tuple[str, ...]) -> Update:
    return retag(owner.repository, {named.id: tags})


def test_tags_change_and_the_id_stays(owner: Owner, source: Path) -> None:
    fill(source, {"a": b"1"})
    named = owner.back_up(source, tags=("first",)).snapshot
    commit(owner, retag_update(owner, named, ("second", "third")))
    found = owner.repository.snapshot(named.id.hex()[:8])
    assert found.snapshot.tags == ("second", "third")
    assert found.id == named.id


def test_a_snapshot_is_named_by_the_start_of_its_id(owner: Owner, source: Path) -> None:
    fill(source, {"a": b"1"})
    named = owner.back_up(source).snapshot
    assert owner.repository.snapshot(named.id.hex()[:6].upper()) == named
    for wrong in ("", "zz", named.id.hex() + "0"):
        with pytest.raises(SnapshotUnknownError):
            owner.repository.snapshot(wrong)


def test_a_name_of_several_snapshots_is_refused(owner: Owner) -> None:
    made = [snapshot(n) for n in range(40)]
    change = RootChange(0, added=tuple(made))
    commit(owner, Update(change))
    digits = [named.id.hex()[0] for named in made]
    twice = next(digit for digit in digits if digits.count(digit) > 1)
    with pytest.raises(SnapshotUnknownError, match="start with"):
        owner.repository.snapshot(twice)


def test_what_a_commit_makes_superfluous_is_never_needed(
    owner: Owner, source: Path
) -> None:
    for n in range(10):
        fill(source, {f"{n}": os.urandom(100)})
        repository = owner.repository
        backup = back_up(repository, job_of(source, time_ns=n + 1), owner.chunks)
        made = repository.commit(backup.update, owner.chunks)
        assert made.obsolete.isdisjoint(made.repository.needed_chunks())
        owner.memo = made.memo
        for chunk in made.obsolete:
            del owner.chunks.held[chunk]
    assert owner.repository.needed_chunks() == owner.chunks.held.keys()


def test_until_it_is_committed_a_backup_changes_nothing(
    owner: Owner, source: Path
) -> None:
    fill(source, {"a": b"1"})
    owner.back_up(source)
    before = owner.repository.root
    back_up(owner.repository, job_of(source, time_ns=5), owner.chunks)
    assert owner.repository.root == before


def test_another_owner_reads_nothing(owner: Owner, source: Path) -> None:
    fill(source, {"a": b"1"})
    owner.back_up(source)
    assert owner.memo is not None
    stranger = OwnerKeys(b"\xee" * 32)
    with pytest.raises(SealBrokenError):
        Repository.load(stranger, owner.chunks, owner.memo)
    assert unseal_memo(KEYS.memo, owner.memo).generation == 1


def test_vaults_see_neither_names_nor_data(owner: Owner, source: Path) -> None:
    fill(source, {"a-telling-name": b"a telling text " * 100})
    owner.back_up(source)
    seen = b"".join(owner.chunks.held.values())
    assert b"telling" not in seen


def test_a_large_index_spreads_over_several_chunks(owner: Owner) -> None:
    dice = random.Random(1)
    data = b"".join(dice.randbytes(8) for _ in range(10))
    update = put(owner, "object", data)
    record = update.packs[0]
    rows = record.rows * 15_000
    forged = tuple(
        type(record)(type(record.chunk)(n.to_bytes(32, "big")), record.holds, 9, rows)
        for n in range(1, 12)
    )
    commit(owner, Update(update.change, (*update.packs, *forged)))
    repository = owner.repository
    assert len(repository.root.segments) > 2
    assert len(repository.index) == 11 * 15_000 + 2
    assert open_object(repository, "object").read() == data


def test_more_snapshots_than_fit_are_refused() -> None:
    many = tuple(snapshot(n) for n in range(16_385))
    with pytest.raises(StateTooLargeError, match="forget"):
        encode_root(Root(1, 0, many))
    encode_root(Root(1, 0, many[:1000]))


# Two machines.


def test_the_second_of_two_machines_commits_on_the_firsts_root(
    owner: Owner, source: Path, tmp_path: Path
) -> None:
    fill(source, {"a": os.urandom(1000)})
    here, there = owner.repository, owner.repository
    mine = back_up(here, job_of(source, host="here"), owner.chunks)
    theirs = back_up(there, job_of(source, host="there"), owner.chunks)
    commit(owner, theirs.update)
    repository = commit(owner, mine.update)
    hosts = {named.snapshot.host for named in repository.snapshots}
    assert hosts == {"here", "there"}
    drop_garbage(owner)
    for name in (mine.snapshot, theirs.snapshot):
        report = owner.restore(tmp_path / name.id.hex())
        assert report.complete


def test_a_backup_that_relies_on_a_pruned_repository_runs_again(
    owner: Owner, source: Path
) -> None:
    fill(source, {"a": os.urandom(1000)})
    old = owner.back_up(source).snapshot
    started = back_up(owner.repository, job_of(source, host="x"), owner.chunks)
    pruned = prune(owner.repository, owner.chunks, removed=frozenset({old.id}))
    commit(owner, pruned.update)
    with pytest.raises(HistoryConflictError, match="again"):
        commit(owner, started.update)


def test_a_prune_is_refused_when_anything_was_committed_meanwhile(
    owner: Owner, source: Path
) -> None:
    fill(source, {"a": os.urandom(1000)})
    old = owner.back_up(source).snapshot
    pruned = prune(owner.repository, owner.chunks, removed=frozenset({old.id}))
    owner.back_up(source)
    with pytest.raises(HistoryConflictError):
        commit(owner, pruned.update)


# Crashes.


def test_after_a_crash_nothing_is_sent_twice(
    owner: Owner, source: Path, tmp_path: Path
) -> None:
    fill(source, {"large": random.Random(2).randbytes(50 * MIB)})
    path = tmp_path / "journal"
    crashing = PackJournal(path, KEYS.cache)
    owner.chunks.stop_after = 4
    with pytest.raises(UploadStoppedError):
        back_up(owner.repository, job_of(source), owner.chunks, log=crashing)
    crashing.close()
    owner.chunks.stop_after = None
    sent = owner.chunks.stored_bytes
    repository = owner.repository
    journal = PackJournal(path, KEYS.cache)
    assert {record.chunk for record in journal.records()} == owner.chunks.held.keys()
    repository.adopt(journal.records())
    backup = back_up(repository, job_of(source), owner.chunks, log=journal)
    commit(owner, Update(backup.update.change, (*journal.records(),)))
    assert owner.chunks.stored_bytes < 50.2 * MIB
    assert backup.snapshot.snapshot.stats.bytes_stored < 50.2 * MIB - sent
    journal.clear()
    assert journal.records() == ()
    assert owner.restore(tmp_path / "target").complete
    assert listing(within(tmp_path / "target", source)) == listing(source)


def test_packs_adopted_but_not_named_are_listed_by_the_next_commit(
    owner: Owner, source: Path, tmp_path: Path
) -> None:
    fill(source, {"a": os.urandom(1000)})
    lost = back_up(owner.repository, job_of(source), owner.chunks)
    repository = owner.repository
    repository.adopt(lost.update.packs)
    again = back_up(repository, job_of(source), owner.chunks)
    assert again.update.packs == ()
    owner.memo = repository.commit(again.update, owner.chunks).memo
    assert owner.restore(tmp_path / "target").complete


def test_a_torn_record_ends_the_journal_and_is_written_over(tmp_path: Path) -> None:
    owner = Owner(MemoryChunks())
    records = [put(owner, str(n), os.urandom(100)).packs[0] for n in range(3)]
    path = tmp_path / "journal"
    journal = PackJournal(path, KEYS.cache)
    journal.append(records[0])
    journal.append(records[1])
    journal.close()
    whole = path.read_bytes()
    for length in range(len(whole) // 2 + 1, len(whole)):
        path.write_bytes(whole[:length])
        torn = PackJournal(path, KEYS.cache)
        assert torn.records() == (records[0],)
        torn.append(records[2])
        torn.close()
        assert torn.records() == (records[0], records[2])


def test_a_journal_of_another_owner_or_of_garbage_holds_nothing(
    tmp_path: Path,
) -> None:
    path = tmp_path / "journal"
    path.write_bytes(os.urandom(500))
    assert PackJournal(path, KEYS.cache).records() == ()
    path.write_bytes((100).to_bytes(4, "big") + os.urandom(100))
    assert PackJournal(path, KEYS.cache).records() == ()


# Objects.


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
    with pytest.raises(BlobDamagedError):
        reader.load(blob)


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


# Pruning.


def test_forgotten_snapshots_free_their_chunks_and_kept_ones_stay(
    owner: Owner, source: Path, tmp_path: Path
) -> None:
    dice = random.Random(5)
    fill(source, {"old": dice.randbytes(20 * MIB), "kept": dice.randbytes(3 * MIB)})
    old = owner.back_up(source).snapshot
    (source / "old").unlink()
    fill(source, {"new": dice.randbytes(MIB)})
    owner.back_up(source)
    commit(owner, put(owner, "object", b"an object"))
    pruned = prune(owner.repository, owner.chunks, removed=frozenset({old.id}))
    assert pruned.plan.dropped_bytes > 16 * MIB
    commit(owner, pruned.update)
    drop_garbage(owner)
    assert owner.chunks.stored_bytes < 8 * MIB
    assert len(owner.repository.snapshots) == 1
    assert owner.restore(tmp_path / "target").complete
    assert listing(within(tmp_path / "target", source)) == listing(source)
    assert open_object(owner.repository, "object").read() == b"an object"


def test_a_prune_with_nothing_to_do_drops_nothing(owner: Owner, source: Path) -> None:
    fill(source, {"a": os.urandom(MIB)})
    owner.back_up(source)
    pruned = prune(owner.repository, owner.chunks)
    assert pruned.plan.dropped == ()
    assert not pruned.update.change.drops
    assert pruned.update.packs == ()


def test_forgetting_keeps_the_bytes_until_a_prune(owner: Owner, source: Path) -> None:
    fill(source, {"a": os.urandom(MIB)})
    named = owner.back_up(source).snapshot
    commit(owner, forget(owner.repository, [named.id]))
    assert owner.repository.snapshots == ()
    assert len(owner.repository.index) > 0
    commit(owner, prune(owner.repository, owner.chunks).update)
    drop_garbage(owner)
    assert len(owner.repository.index) == 0
    assert owner.chunks.stored_bytes < 1000


def test_an_interrupted_prune_loses_nothing(
    owner: Owner, source: Path, tmp_path: Path
) -> None:
    dice = random.Random(6)
    fill(source, {f"{n}": dice.randbytes(MIB) for n in range(30)})
    old = owner.back_up(source).snapshot
    for n in range(0, 30, 3):
        (source / f"{n}").unlink()
        (source / f"{n + 1}").unlink()
    owner.back_up(source)
    removed = frozenset({old.id})
    interruptions = 0
    while True:
        owner.chunks.stop_after = len(owner.chunks.held) + interruptions
        try:
            update = prune(owner.repository, owner.chunks, removed=removed).update
            made = owner.repository.commit(update, owner.chunks)
            break
        except UploadStoppedError:
            assert owner.restore(tmp_path / f"target{interruptions}").complete
            interruptions += 1
    assert interruptions >= 2
    owner.memo = made.memo
    drop_garbage(owner)
    assert owner.chunks.stored_bytes < 16 * MIB
    assert owner.restore(tmp_path / "target").complete


def test_many_small_backups_are_put_together(
    owner: Owner, source: Path, tmp_path: Path
) -> None:
    for n in range(20):
        fill(source, {f"{n}": os.urandom(100)})
        owner.back_up(source)
    before = len(owner.repository.needed_chunks())
    commit(owner, prune(owner.repository, owner.chunks).update)
    drop_garbage(owner)
    assert before > 40
    assert len(owner.chunks.held) <= 3
    assert owner.restore(tmp_path / "target").complete
    assert len(owner.repository.snapshots) == 20


def test_a_prune_refuses_when_a_tree_cannot_be_read(owner: Owner, source: Path) -> None:
    fill(source, {"a": b"1"})
    owner.back_up(source)
    repository = owner.repository
    trees = {r.chunk for r in repository.index.packs if r.holds is BlobKind.TREE}
    owner.chunks.lost |= trees
    with pytest.raises(ChunkUnavailableError):
        plan(repository)
    with pytest.raises(BlobMissingError):
        plan(
            Repository(
                KEYS, owner.chunks, repository._state, repository.index.without(trees)
            )
        )


def test_a_root_changes_only_as_told() -> None:
    root = Root(3, 2, (snapshot(1), snapshot(2)))
    change = RootChange(3, added=(snapshot(3),), removed=frozenset({snapshot(1).id}))
    after = change_root(root, change, (), ())
    assert after == Root(4, 2, (snapshot(2), snapshot(3)))
    dropped = change_root(root, RootChange(3, drops=True), (), ())
    assert (dropped.generation, dropped.pruned) == (4, 4)
    with pytest.raises(HistoryConflictError):
        change_root(root, RootChange(1), (), ())


def test_a_path_that_is_no_file_cannot_be_opened(owner: Owner, source: Path) -> None:
    fill(source, {"a": b"content"})
    found = owner.back_up(source).snapshot.snapshot
    repository = owner.repository
    path = os.fsencode(source / "a")
    assert repository.open_file(found, path).read() == b"content"
    for wrong in (os.fsencode(source), b"/none"):
        with pytest.raises(PathUnknownError):
            repository.open_file(found, wrong)
