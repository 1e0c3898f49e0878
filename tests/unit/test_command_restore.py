"""`holdfast restore` as its users type it, and what it wants of a snapshot."""

import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from backup_owner import fill, listing, within
from command_stage import Stage
from holdfast.client.core.errors import PathUnknownError
from holdfast.client.exit_codes import ExitCode
from holdfast.client.path_patterns import PatternError
from holdfast.client.restore import RestoreJob, restore
from holdfast.client.restore_files import PlannedFile
from holdfast.client.restore_target import TOP, TargetTree
from holdfast.client.restore_verify import verify_file
from holdfast.protocol.units import KIB, MIB


@pytest.fixture
def stage(capsys: pytest.CaptureFixture[str]) -> Stage:
    return Stage(capsys)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    source = tmp_path / "source"
    files = {
        "a.txt": b"1",
        "b.log": b"22",
        "sub/c.txt": b"333",
        "sub/d.log": b"4444",
        "sub/deep/e.txt": b"5",
        "other/f": b"6",
    }
    fill(source, files)
    (source / "void").mkdir()
    return source


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "target"


def restored(target: Path, source: Path) -> set[str]:
    top = within(target, source)
    return {str(path.relative_to(top)) for path in top.rglob("*")}


def back_up(stage: Stage, source: Path, **job: object) -> None:
    time_ns = (4_000_000_000 + len(stage.owner.repository.snapshots)) * 10**9
    stage.owner.back_up(source, time_ns=time_ns, **job)


def test_only_what_is_included_comes_back_with_what_leads_to_it(
    stage: Stage, source: Path, target: Path
) -> None:
    (source / "sub").chmod(0o711)
    back_up(stage, source)
    words = ("restore", "latest", "--target", target)
    told = stage.json(*words, "--include", "*.txt", "--include", "/void/")
    assert restored(target, source) == {
        "a.txt",
        "sub",
        "sub/c.txt",
        "sub/deep",
        "sub/deep/e.txt",
        "void",
    }
    assert told["files"] == 3
    assert (within(target, source) / "sub").stat().st_mode & 0o777 == 0o711


def test_what_is_excluded_stays_away_with_all_that_is_in_it(
    stage: Stage, source: Path, target: Path
) -> None:
    back_up(stage, source)
    words = ("restore", "latest", "--target", target)
    stage.run(*words, "--exclude", "sub", "--exclude", "!sub/c.txt")
    assert restored(target, source) == {"a.txt", "b.log", "other", "other/f", "void"}


def test_includes_and_excludes_and_paths_work_together(
    stage: Stage, source: Path, target: Path
) -> None:
    back_up(stage, source)
    words = ("restore", "latest", source / "sub", "--target", target)
    stage.run(*words, "--include", "*.txt", "--exclude", "deep/")
    assert restored(target, source) == {"sub", "sub/c.txt"}


def test_an_include_that_names_nothing_makes_nothing(
    stage: Stage, source: Path, target: Path
) -> None:
    back_up(stage, source)
    told = stage.json("restore", "latest", "-t", target, "--include", "none")
    assert (told["files"], list(target.iterdir())) == (0, [])
    with pytest.raises(PatternError):
        stage.run("restore", "latest", "-t", target, "--include", "[z-a]")


def test_a_path_that_is_not_in_the_snapshot_is_an_error(
    stage: Stage, source: Path, target: Path
) -> None:
    back_up(stage, source)
    with pytest.raises(PathUnknownError):
        stage.run("restore", "latest", source / "none", "--target", target)
    assert not target.exists()


def test_latest_may_be_that_of_a_host(stage: Stage, source: Path, target: Path) -> None:
    back_up(stage, source, host="desk")
    (source / "a.txt").unlink()
    back_up(stage, source, host="lap")
    stage.run("restore", "latest", "--host", "desk", "--target", target)
    assert "a.txt" in restored(target, source)


@pytest.mark.parametrize(
    ("overwrite", "replaced"),
    [
        ("always", {"same", "older", "newer", "other size"}),
        ("if-changed", {"older", "newer", "other size"}),
        ("if-newer", {"older"}),
        ("never", set()),
    ],
)
def test_what_stands_in_the_target_is_replaced_as_told(
    stage: Stage, source: Path, target: Path, overwrite: str, replaced: set[str]
) -> None:
    names = ("same", "older", "newer", "other size")
    fill(source, dict.fromkeys(names, b"snapshot"))
    there = within(target, source)
    fill(there, dict.fromkeys(names, b"standing"))
    (there / "other size").write_bytes(b"short")
    for name in names:
        os.utime(source / name, ns=(0, 1000 * 10**9))
    for name, seconds in zip(names, (1000, 999, 1001, 1000), strict=True):
        os.utime(there / name, ns=(0, seconds * 10**9))
    back_up(stage, source)
    told = stage.json("restore", "latest", "-t", target, "--overwrite", overwrite)
    found = {name for name in names if (there / name).read_bytes() == b"snapshot"}
    assert found == replaced
    assert told["skipped"] == 4 - len(replaced)
    assert (there / "sub/c.txt").read_bytes() == b"333"


def test_what_was_there_and_right_is_told(
    stage: Stage, source: Path, target: Path
) -> None:
    back_up(stage, source)
    stage.run("restore", "latest", "-t", target)
    os.utime(within(target, source) / "sub/c.txt", ns=(0, 1))
    said = stage.run("restore", "latest", "-t", target, "--overwrite", "if-changed")
    assert "Restored 1 file, 0 B" in said
    assert "3 B more of these files were there and right" in said


def test_a_dry_run_tells_what_would_come_back_and_writes_nothing(
    stage: Stage, source: Path, target: Path
) -> None:
    (source / "link").symlink_to("a.txt")
    os.link(source / "a.txt", source / "z")
    back_up(stage, source)
    foreseen = stage.json("restore", "latest", "-t", target, "--dry-run")
    assert not target.exists()
    assert "nothing was written" in stage.run("restore", "latest", "-nt", target)
    made = stage.json("restore", "latest", "-t", target)
    same = ("files", "directories", "others", "skipped", "bytes_written", "complete")
    assert {key: foreseen[key] for key in same} == {key: made[key] for key in same}
    before = listing(target)
    words = ("restore", "latest", "-t", target, "-n")
    assert stage.json(*words, "--overwrite", "if-changed")["skipped"] == 8
    assert stage.json(*words, "--overwrite", "always")["skipped"] == 0
    assert listing(target) == before


def test_a_dry_run_does_not_look_through_links(
    stage: Stage, source: Path, target: Path, tmp_path: Path
) -> None:
    back_up(stage, source)
    fill(tmp_path / "elsewhere", {"c.txt": b"333", "d.log": b"4444"})
    there = within(target, source)
    there.mkdir(parents=True)
    (there / "sub").symlink_to(tmp_path / "elsewhere")
    words = ("restore", "latest", "-t", target, "--overwrite", "never")
    assert stage.json(*words, "--dry-run")["skipped"] == 0
    assert stage.json(*words)["skipped"] == 0


def test_verifying_reads_every_file_back(
    stage: Stage, source: Path, target: Path
) -> None:
    fill(source, {"large": os.urandom(9_000_000), "empty": b""})
    os.truncate(source / "empty", 3_000_000)
    back_up(stage, source)
    told = stage.json("restore", "latest", "-t", target, "--verify")
    assert (told["verified"], told["files"], told["complete"]) == (8, 8, True)
    assert "8 files read back" in stage.run(
        "restore", "latest", "-t", target, "--verify"
    )


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda path: path.write_bytes(b"x" * 9_000_000), "differs from the snapshot"),
        (lambda path: os.truncate(path, 8_999_999), "differs from the snapshot"),
        (lambda path: os.truncate(path, 9_000_001), "is not of 9000000 bytes"),
        (lambda path: path.unlink(), "cannot be read back"),
    ],
)
def test_what_is_not_as_in_the_snapshot_is_found(
    stage: Stage,
    source: Path,
    target: Path,
    damage: Callable[[Path], object],
    reason: str,
) -> None:
    fill(source, {"large": os.urandom(9_000_000)})
    back_up(stage, source)
    repository = stage.owner.repository
    snapshot = repository.snapshot("latest").snapshot
    directory = repository.node(snapshot, os.fsencode(source))
    restore(RestoreJob(directory.content, target), repository.reader)
    node = repository.node(snapshot, os.fsencode(source / "large"))
    planned = PlannedFile(b"/large", TOP, node, 0)
    with TargetTree(target) as there:
        assert verify_file(planned, repository.reader, there) == ""
        damage(target / "large")
        assert reason in verify_file(planned, repository.reader, there)


def test_files_that_did_not_come_back_are_named(
    stage: Stage, source: Path, target: Path
) -> None:
    back_up(stage, source)
    packs = stage.owner.repository.index.packs
    stage.owner.chunks.lost |= {p.chunk for p in packs if p.holds.name == "DATA"}
    stage.run("restore", "latest", "-t", target, "--verify")
    assert stage.code == ExitCode.FILES_NOT_RESTORED
    assert f"not restored: {source}/a.txt" in stage.warned
    assert "run the same command when more vaults are back" in stage.warned


def test_a_lost_chunk_costs_its_own_bytes_only_if_damaged_files_are_kept(
    stage: Stage, source: Path, target: Path
) -> None:
    data = random.Random(5).randbytes(24 * MIB)
    fill(source, {"large": data})
    back_up(stage, source)
    packs = stage.owner.repository.index.packs
    large = [p for p in packs if p.holds.name == "DATA" and p.stored > 7 * MIB]
    stage.owner.chunks.lost.add(large[1].chunk)
    words = ("restore", "latest", "-t", target, "--keep-damaged")
    told = stage.json(*words)
    assert stage.code == ExitCode.FILES_NOT_RESTORED
    (failure,) = told["failures"]
    assert (failure["kept"], failure["lost"]) == (True, True)
    kept = (within(target, source) / "large").read_bytes()
    lost = sum(kept[at : at + KIB] == bytes(KIB) for at in range(0, len(data), KIB))
    assert len(kept) == len(data)
    assert 6 * KIB < lost < 10 * KIB
    stage.run(*words)
    assert f"restored with zeros where data is lost: {source}/large" in stage.warned


@pytest.mark.parametrize("overwrite", ["if-changed", "if-newer"])
@pytest.mark.parametrize("mtime_ns", [0, 1_234_567_890_000_000_001])
def test_a_damaged_file_that_was_kept_is_replaced_once_its_data_is_back(
    stage: Stage, source: Path, target: Path, overwrite: str, mtime_ns: int
) -> None:
    os.utime(source / "a.txt", ns=(mtime_ns, mtime_ns))
    back_up(stage, source)
    packs = stage.owner.repository.index.packs
    stage.owner.chunks.lost |= {p.chunk for p in packs if p.holds.name == "DATA"}
    stage.run("restore", "latest", "-t", target, "--keep-damaged")
    assert (within(target, source) / "a.txt").read_bytes() == b"\0"
    stage.owner.chunks.lost.clear()
    stage.run("restore", "latest", "-t", target, "--overwrite", overwrite)
    assert stage.code == ExitCode.OK
    assert listing(within(target, source)) == listing(source)
