"""Walking real directories: what is taken, and what stays out."""

import os
import tempfile
from pathlib import Path

import pytest

from backup_owner import Owner, fill
from holdfast.client.archive import absolute_paths
from holdfast.client.scan import Entered, Found, Problem, ProblemKind, Scanner
from memory_chunks import MemoryChunks

MEMORY = Path("/dev/shm")  # on Linux a file system of its own within /dev


def has_two_file_systems() -> bool:
    return MEMORY.is_dir() and MEMORY.lstat().st_dev != MEMORY.parent.lstat().st_dev


def paths_below(top: Path, *, one_file_system: bool) -> set[str]:
    def elsewhere(path: bytes, _status: os.stat_result) -> bool:
        return not path.startswith(os.fsencode(MEMORY))

    scanner = Scanner([os.fsencode(top)], elsewhere, one_file_system=one_file_system)
    return {
        os.fsdecode(event.path)
        for event in scanner.events()
        if isinstance(event, Entered | Found)
    }


@pytest.mark.skipif(not has_two_file_systems(), reason="needs two file systems")
def test_one_file_system_keeps_the_mount_point_and_leaves_what_is_in_it() -> None:
    with tempfile.TemporaryDirectory(dir=MEMORY) as made:
        (Path(made) / "file").touch()
        one = paths_below(MEMORY.parent, one_file_system=True)
        assert str(MEMORY) in one
        assert not any(path.startswith(f"{MEMORY}/") for path in one)
        assert f"{made}/file" in paths_below(MEMORY.parent, one_file_system=False)


@pytest.mark.skipif(not has_two_file_systems(), reason="needs two file systems")
def test_one_file_system_counts_for_each_path_apart() -> None:
    with tempfile.TemporaryDirectory(dir=MEMORY) as made:
        (Path(made) / "file").touch()
        assert f"{made}/file" in paths_below(Path(made), one_file_system=True)


def test_a_directory_that_is_left_out_is_not_entered(tmp_path: Path) -> None:
    fill(tmp_path, {"out/inner": b"", "in/inner": b""})
    asked: list[bytes] = []

    def exclude(path: bytes, _status: os.stat_result) -> bool:
        asked.append(path)
        return path.endswith(b"/out")

    list(Scanner([os.fsencode(tmp_path)], exclude).events())
    assert not any(b"/out/" in path for path in asked)


def test_a_directory_that_cannot_be_listed_is_told_and_stored_empty(
    tmp_path: Path,
) -> None:
    source = tmp_path / "source"
    fill(source, {"gone/file": b"1", "kept/file": b"2"})

    def vanish(path: bytes, _status: os.stat_result) -> bool:
        if path.endswith(b"/gone"):
            (source / "gone/file").unlink()
            (source / "gone").rmdir()
        return False

    backup = Owner(MemoryChunks()).back_up(source, exclude=vanish)
    assert {each.path for each in backup.problems} == {os.fsencode(source / "gone")}
    assert backup.snapshot.snapshot.stats.files == 1


def test_a_path_that_is_not_there_is_told_also_within_another_one(
    tmp_path: Path,
) -> None:
    fill(tmp_path, {"a/b/c": b"", "d": b""})
    names = (".", "a/b/c", "a/gone", "a/gone/deeper", "d", "elsewhere")
    paths = absolute_paths([tmp_path / name for name in names])
    problems = [each for each in Scanner(paths).events() if isinstance(each, Problem)]
    assert {problem.kind for problem in problems} == {ProblemKind.VANISHED}
    assert [problem.path for problem in problems] == [*paths[2:4], paths[5]]
    everything = Scanner([b"/", paths[2]], exclude=lambda *_: True)
    assert next(everything.events()) == problems[0]
