"""Generations of a repository, and two machines that write one."""

import os
import random
from pathlib import Path

import pytest

from backup_owner import KEYS, Owner, fill, job_of
from holdfast.client.backup import back_up
from holdfast.client.core.errors import (
    HistoryConflictError,
    PathUnknownError,
    SealBrokenError,
    SnapshotUnknownError,
    StateTooLargeError,
)
from holdfast.client.core.memo import unseal_memo
from holdfast.client.core.owner_keys import OwnerKeys
from holdfast.client.core.root import Root, RootChange, change_root, encode_root
from holdfast.client.core.snapshot import (
    NamedSnapshot,
)
from holdfast.client.object_store import (
    open_object,
)
from holdfast.client.pruning import prune, retag
from holdfast.client.repository import Repository, Update
from repository_steps import commit, drop_garbage, put, snapshot


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
