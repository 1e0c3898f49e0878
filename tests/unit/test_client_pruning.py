"""Forgetting and pruning, in a network of one dictionary."""

import os
import random
from pathlib import Path

import pytest

from backup_owner import KEYS, Owner, fill, listing, within
from holdfast.client.core.blobs import BlobKind
from holdfast.client.core.errors import (
    BlobMissingError,
    ChunkUnavailableError,
)
from holdfast.client.object_store import (
    open_object,
)
from holdfast.client.pruning import forget, plan, prune
from holdfast.client.repository import Repository
from holdfast.protocol.units import MIB
from memory_chunks import UploadStoppedError
from repository_steps import commit, drop_garbage, put


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
