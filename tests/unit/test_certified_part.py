"""Certificates of a path: the newest snapshot that has it, and nothing beside it."""

import asyncio
import os
from pathlib import Path

import pytest

from backup_owner import Owner, fill
from holdfast.client.certified_part import part_of
from holdfast.client.certifying import certify
from holdfast.client.core.errors import PathUnknownError, SnapshotUnknownError
from holdfast.client.structure_check import chunks_needed
from holdfast.protocol.units import MIB
from memory_chunks import MemoryChunks
from sdk_on_market import client, files
from small_market import market


@pytest.fixture
def owner() -> Owner:
    return Owner(MemoryChunks())


@pytest.fixture
def source(tmp_path: Path, owner: Owner) -> Path:
    source = tmp_path / "source"
    fill(source, {"letters/a": b"1", "letters/old/b": b"22", "film": bytes(9)})
    (source / "film").write_bytes(os.urandom(20 * MIB))
    owner.back_up(source)
    return source


def test_a_path_is_counted_alone_and_needs_only_what_leads_to_it(
    owner: Owner, source: Path
) -> None:
    repository = owner.repository
    letters = part_of(repository, str(source / "letters"))
    assert (letters.files, letters.bytes_seen) == (2, 3)
    whole = chunks_needed(repository, letters.named)
    needed = chunks_needed(repository, letters.named, letters.chosen)
    assert needed < whole
    film = part_of(repository, str(source / "film"))
    assert (film.files, film.bytes_seen) == (1, 20 * MIB)
    also = chunks_needed(repository, film.named, film.chosen)
    assert len(also) > len(needed)
    assert also | needed == whole


def test_the_newest_snapshot_with_the_path_is_certified(
    owner: Owner, source: Path
) -> None:
    (source / "film").unlink()
    newest = owner.back_up(source).snapshot
    older = part_of(owner.repository, str(source / "film")).named
    assert older.id != newest.id
    assert part_of(owner.repository, str(source)).named.id == newest.id
    whole = part_of(owner.repository, "latest")
    assert (whole.named.id, whole.files) == (newest.id, 2)


def test_what_is_in_no_snapshot_is_told(
    owner: Owner, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(PathUnknownError, match="no snapshot has /"):
        part_of(owner.repository, str(source / "nowhere"))
    with pytest.raises(SnapshotUnknownError):
        part_of(owner.repository, "cafe")
    fill(source, {"cafe": b"a name that reads as an id"})
    owner.back_up(source)
    monkeypatch.chdir(source)
    assert part_of(owner.repository, "./cafe").files == 1


def test_a_certificate_of_a_path_states_it_alone(tmp_path: Path) -> None:
    async def run() -> None:
        source = files(tmp_path / "source", count=6)
        async with market(tmp_path, 8) as place, client(place, tmp_path / "1") as one:
            await one.backup([source])
            path = str(source / "folder 0")
            made = await one.with_storage(lambda storage: certify(storage, path))
            sizes = [p.stat().st_size for p in (source / "folder 0").iterdir()]
            stated = made.certificate
            assert (stated.files, stated.bytes_seen) == (len(sizes), sum(sizes))

    asyncio.run(run())
