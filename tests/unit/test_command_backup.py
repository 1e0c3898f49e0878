"""`holdfast backup` as its users type it."""

import asyncio
import io
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import click
import pytest

from backup_owner import KEYS, fill
from command_stage import Stage
from holdfast.client.backing_up import StreamSpentError, job_of
from holdfast.client.backup_run import BackupRun
from holdfast.client.core.errors import NothingToBackUpError
from holdfast.client.exit_codes import ExitCode
from holdfast.client.path_patterns import PatternError

MEMORY = Path("/dev/shm")  # on Linux a file system of its own within /dev


def has_two_file_systems() -> bool:
    return MEMORY.is_dir() and MEMORY.lstat().st_dev != MEMORY.parent.lstat().st_dev


@pytest.fixture
def stage(capsys: pytest.CaptureFixture[str]) -> Stage:
    return Stage(capsys)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    source = tmp_path / "source"
    fill(source, {"a.txt": b"1", "b.tmp": b"22", "cache/c": b"333", "cache/d": b"4"})
    return source


def stored(stage: Stage, source: Path) -> set[str]:
    repository = stage.owner.repository
    snapshot = repository.snapshot("latest").snapshot
    top = os.fsencode(source) + b"/"
    paths = (path for path, _ in repository.walk(snapshot) if path.startswith(top))
    return {os.fsdecode(path.removeprefix(top)) for path in paths}


def test_excludes_come_from_the_command_line_and_from_files(
    stage: Stage, source: Path, tmp_path: Path
) -> None:
    lines = tmp_path / "excludes"
    lines.write_text("# what nobody needs\n*.tmp\ncache/*\n")
    kept = ("--exclude-file", lines, "--exclude", "!cache/d")
    made = stage.json("backup", source, *kept)
    assert stored(stage, source) == {"a.txt", "cache", "cache/d"}
    assert (made["files"], stage.code) == (2, 0)


@pytest.mark.skipif(not has_two_file_systems(), reason="needs two file systems")
def test_one_file_system_leaves_out_what_is_mounted(stage: Stage) -> None:
    with tempfile.TemporaryDirectory(dir=MEMORY) as made:
        (Path(made) / "file").touch()
        words = ("backup", MEMORY.parent, "--exclude", "/*", "--exclude", "!/shm", "-n")
        assert stage.json(*words)["files"] >= 1
        assert stage.json(*words, "-x")["files"] == 0


def test_a_wrong_pattern_is_told_before_anything_is_read(
    stage: Stage, source: Path
) -> None:
    with pytest.raises(PatternError, match="is not a pattern"):
        stage.run("backup", source, "--exclude", "[z-a]")
    assert stage.owner.memo is None


def test_tags_and_host_are_in_the_snapshot(stage: Stage, source: Path) -> None:
    stage.run("backup", source, "--tag", "a,b", "--tag", "c,a", "--host", "here")
    snapshot = stage.owner.repository.snapshot("latest").snapshot
    assert (snapshot.tags, snapshot.host) == (("a", "b", "c"), "here")


def test_the_parent_is_of_the_same_host(stage: Stage, source: Path) -> None:
    first = stage.json("backup", source, "--host", "here")
    stage.run("backup", source, "--host", "there")
    stage.run("backup", source, "--host", "here")
    parents = [each.snapshot.parent for each in stage.owner.repository.snapshots]
    assert parents == [None, None, bytes.fromhex(first["snapshot"])]


def test_a_summary_tells_new_changed_and_unchanged_files(
    stage: Stage, source: Path
) -> None:
    first = stage.json("backup", source)
    assert (first["files_new"], first["files_changed"]) == (4, 0)
    fill(source, {"new": b"5", "a.txt": b"other"})
    second = stage.json("backup", source)
    assert second["files_new"] == 1
    # What was written just before the first backup may have changed unseen.
    assert second["files_changed"] >= 1
    assert second["files_changed"] + second["files_unchanged"] == 4
    told = stage.run("backup", source).splitlines()
    assert told[0].startswith("Files: 0 new, ")
    assert "Added to the network: " in told[1]
    assert told[2].startswith("Processed 5 files, ")
    newest = stage.owner.repository.snapshots[-1].id.hex()
    assert told[3] == f"Snapshot {newest[:12]} saved"


def test_a_dry_run_stores_nothing_and_tells_what_would_be_added(
    stage: Stage, source: Path
) -> None:
    (source / "large").write_bytes(os.urandom(100_000))
    foreseen = stage.json("backup", source, "--dry-run")
    assert (stage.owner.memo, stage.owner.chunks.held) == (None, {})
    assert (foreseen["snapshot"], foreseen["bytes_uploaded"]) == (None, 0)
    assert foreseen["files_new"] == 5
    assert "nothing was sent or paid" in stage.run("backup", source, "-n")
    made = stage.json("backup", source)
    assert made["bytes_added"] == foreseen["bytes_added"] > 100_000
    assert foreseen["bytes_to_upload"] < made["bytes_uploaded"] < 110_000
    assert stage.json("backup", source, "-n")["bytes_added"] == 0


def test_standard_input_becomes_a_file(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = os.urandom(3_000_000)
    given = io.TextIOWrapper(io.BytesIO(data))
    monkeypatch.setattr(sys, "stdin", given)
    stage.run("backup", "--stdin", "--stdin-filename", "dump.sql", "--tag", "db")
    snapshot = stage.owner.repository.snapshot("latest").snapshot
    assert (snapshot.paths, snapshot.tags) == ((b"/dump.sql",), ("db",))
    stage.owner.restore(tmp_path / "target")
    assert (tmp_path / "target/dump.sql").read_bytes() == data


@pytest.mark.parametrize(
    "words",
    [
        ("backup",),
        ("backup", "--stdin", "path"),
        ("backup", "--stdin", "--stdin-filename", "a/b"),
        ("backup", "--stdin", "--stdin-filename", ".."),
    ],
)
def test_what_cannot_be_meant_is_a_usage_error(
    stage: Stage, words: tuple[str, ...]
) -> None:
    with pytest.raises(click.UsageError):
        stage.run(*words)


def test_a_path_that_is_not_there_is_named_and_the_rest_is_stored(
    stage: Stage, source: Path
) -> None:
    stage.run("backup", source, source.with_name("nowhere"))
    assert stage.code == ExitCode.FILES_SKIPPED
    assert f"not stored: {source.with_name('nowhere')} is not there" in stage.warned
    with pytest.raises(NothingToBackUpError, match="nowhere"):
        stage.run("backup", source / "nowhere")


def test_a_backup_without_its_parent_is_complete(stage: Stage, source: Path) -> None:
    stage.run("backup", source)
    packs = stage.owner.repository.index.packs
    stage.owner.chunks.lost |= {p.chunk for p in packs if p.holds.name == "TREE"}
    stage.run("backup", source)
    assert stage.code == ExitCode.OK
    assert "every file was read again" in stage.warned


def test_a_stream_is_never_stored_half_when_a_backup_starts_over(
    stage: Stage, tmp_path: Path
) -> None:
    job = job_of([Path("/dump")], stream=io.BytesIO(b"once"))
    nothing: Any = None

    async def story() -> None:
        upload: Any = stage.owner.chunks
        repository = stage.owner.repository
        run = BackupRun(job, tmp_path / "packs", KEYS, nothing, nothing)
        async with run:
            await run.work(repository, upload)
            with pytest.raises(StreamSpentError, match="cannot be read again"):
                await run.work(repository, upload)

    asyncio.run(story())
