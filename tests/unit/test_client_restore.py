# Paths are bytes here, and pathlib's are not.
# ruff: noqa: PTH102, PTH115, PTH118, PTH119, PTH123
"""What was backed up comes back, whatever it is and whatever was lost."""

import os
import random
import socket
from pathlib import Path

import pytest

from backup_owner import Owner, fill, listing, round_trip, within
from holdfast.client.core.selection import select
from holdfast.client.restore import Overwrite, RestoreJob, RestoreProgress, restore
from holdfast.client.restore_target import TOP, TargetTree
from holdfast.client.stoppable_chunks import ReadingStoppedError
from holdfast.protocol.units import KIB, MIB

HOSTILE_NAMES = [
    b"plain",
    b" leading and trailing ",
    b"new\nline",
    b"\xff\xfe not utf-8",
    "\u00e9 composed".encode(),
    "e\u0301 decomposed".encode(),
    b"-rf *",
    b"'quotes\" and \\ backslash",
    b"..hidden",
    b"...",
    b"x" * 255,
    b"\x01\x7f control",
    "\U0001f600".encode(),
]


def test_hostile_names_come_back(owner: Owner, source: Path, tmp_path: Path) -> None:
    for name in HOSTILE_NAMES:
        directory = os.path.join(os.fsencode(source), b"d" + name[:200])
        os.mkdir(directory)
        for parent in (os.fsencode(source), directory):
            with open(os.path.join(parent, name), "wb") as file:
                file.write(b"content of " + name)
    report = round_trip(owner, source, tmp_path / "target")
    assert report.files == 2 * len(HOSTILE_NAMES)


def test_all_kinds_of_files_come_back(
    owner: Owner, source: Path, tmp_path: Path
) -> None:
    fill(
        source,
        {"empty": b"", "one": b"1", "large": random.Random(1).randbytes(9 * MIB)},
    )
    (source / "empty directory").mkdir()
    (source / "link").symlink_to("one")
    (source / "dangling").symlink_to("nowhere/at all")
    (source / "absolute").symlink_to("/etc/passwd")
    os.mkfifo(source / "fifo", 0o640)
    with socket.socket(socket.AF_UNIX) as listener:
        here = os.open(source, os.O_RDONLY)
        try:
            listener.bind(f"/proc/self/fd/{here}/socket")
        finally:
            os.close(here)
    os.setxattr(source / "one", "user.colour", b"red\0blue")
    os.setxattr(source / "empty directory", "user.note", b"a directory's")
    report = round_trip(owner, source, tmp_path / "target")
    assert (report.files, report.others) == (3, 5)


def test_modes_and_times_come_back(owner: Owner, source: Path, tmp_path: Path) -> None:
    for mode in (0o000, 0o400, 0o644, 0o755, 0o777, 0o4755, 0o2755, 0o1777):
        file, directory = source / f"f{mode:o}", source / f"d{mode:o}"
        file.write_bytes(b"x")
        directory.mkdir()
        (directory / "inner").write_bytes(b"y")
        for path, time_ns in (
            (file, -1_500_000_001),
            (directory, 1_234_567_890_123_456_789),
        ):
            path.chmod(mode | (0o500 if path is directory else 0o400))
            os.utime(path, ns=(time_ns, time_ns))
    (source / "link").symlink_to("x")
    os.utime(source / "link", ns=(5, 5), follow_symlinks=False)
    os.utime(source, ns=(7, 7))
    round_trip(owner, source, tmp_path / "target")


def test_hard_links_stay_linked(owner: Owner, source: Path, tmp_path: Path) -> None:
    fill(source, {"a/first": b"shared" * 1000, "b/other": b"shared" * 1000})
    os.link(source / "a/first", source / "b/second")
    os.link(source / "a/first", source / "z")
    (source / "s").symlink_to("a")
    os.link(source / "s", source / "t", follow_symlinks=False)
    target = tmp_path / "target"
    round_trip(owner, source, target)
    restored = within(target, source)
    inodes = {
        name: os.lstat(restored / name).st_ino for name in ("a/first", "b/second", "z")
    }
    assert len(set(inodes.values())) == 1
    assert os.lstat(restored / "b/other").st_ino not in inodes.values()
    assert os.lstat(restored / "s").st_ino == os.lstat(restored / "t").st_ino


def test_holes_come_back_as_holes(owner: Owner, source: Path, tmp_path: Path) -> None:
    with (source / "sparse").open("wb") as file:
        file.write(b"start")
        file.seek(20 * MIB + 12345)
        file.write(b"middle")
        file.truncate(64 * MIB)
    (source / "all hole").touch()
    os.truncate(source / "all hole", 9 * MIB)
    target = tmp_path / "target"
    round_trip(owner, source, target)
    for name, most in (("sparse", MIB), ("all hole", 64 * KIB)):
        status = (within(target, source) / name).stat()
        assert status.st_blocks * 512 < most
    assert owner.chunks.stored_bytes < MIB


def test_each_chunk_is_read_once_and_announced_before(
    owner: Owner, source: Path, tmp_path: Path
) -> None:
    dice = random.Random(6)
    fill(source, {f"{n}": dice.randbytes(2 * MIB) for n in range(20)})
    shared = (source / "0").read_bytes()
    (source / "again").write_bytes(shared + shared)
    owner.back_up(source)
    repository = owner.repository
    owner.chunks.reads.clear()
    tree = repository.snapshot("latest").snapshot.tree
    restore(RestoreJob(tree, tmp_path / "target"), repository.reader)
    assert len(owner.chunks.reads) == len(set(owner.chunks.reads))
    announced = {chunk for hint in owner.chunks.hints for chunk in hint}
    data = {p.chunk for p in repository.index.packs if p.holds.name == "DATA"}
    assert data <= announced
    assert max(map(len, owner.chunks.hints)) <= 8


def test_a_lost_chunk_loses_the_files_that_need_it_and_no_others(
    owner: Owner, source: Path, tmp_path: Path
) -> None:
    dice = random.Random(8)
    fill(source, {f"{n}": dice.randbytes(3 * MIB) for n in range(12)})
    owner.back_up(source)
    repository = owner.repository
    lost = next(p for p in repository.index.packs if p.holds.name == "DATA")
    owner.chunks.lost.add(lost.chunk)
    report = owner.restore(tmp_path / "target")
    assert not report.complete
    failed = {os.path.basename(failure.path) for failure in report.failures}
    assert all(failure.chunk == lost.chunk for failure in report.failures)
    restored = {path.name for path in within(tmp_path / "target", source).iterdir()}
    assert 1 <= len(failed) <= 4
    assert restored == {str(n) for n in range(12)} - {os.fsdecode(f) for f in failed}
    for name in restored:
        there = within(tmp_path / "target", source) / name
        assert there.read_bytes() == (source / name).read_bytes()


def test_a_stopped_restore_ends_at_once_and_goes_on_later(
    owner: Owner, source: Path, tmp_path: Path
) -> None:
    dice = random.Random(10)
    fill(source, {f"{n}": dice.randbytes(3 * MIB) for n in range(12)})
    owner.back_up(source)
    repository = owner.repository
    tree = repository.snapshot("latest").snapshot.tree
    job = RestoreJob(tree, tmp_path / "target", overwrite=Overwrite.IF_CHANGED)
    owner.chunks.reads.clear()

    def stop(progress: RestoreProgress) -> None:
        if progress.files >= 2:
            repository.stop()

    with pytest.raises(ReadingStoppedError):
        restore(job, repository.reader, stop)
    read = len(owner.chunks.reads)
    assert 1 <= read < len(repository.index.packs) - 1
    report = restore(job, owner.repository.reader)
    assert report.complete
    assert report.skipped >= 2
    assert listing(within(tmp_path / "target", source)) == listing(source)


def test_a_damaged_file_can_be_kept_with_zeros(
    owner: Owner, source: Path, tmp_path: Path
) -> None:
    data = random.Random(9).randbytes(30 * MIB)
    fill(source, {"large": data})
    owner.back_up(source)
    packs = [p for p in owner.repository.index.packs if p.holds.name == "DATA"]
    owner.chunks.lost.add(packs[1].chunk)
    report = owner.restore(tmp_path / "target", keep_damaged=True)
    assert [failure.lost for failure in report.failures] == [True]
    kept = (within(tmp_path / "target", source) / "large").read_bytes()
    assert len(kept) == len(data)
    same = sum(kept[at] == data[at] for at in range(0, len(data), 1009))
    assert 0.5 < same / (len(data) / 1009) < 0.9


def test_a_lost_tree_chunk_is_told_and_does_not_raise(
    owner: Owner, source: Path, tmp_path: Path
) -> None:
    fill(source, {"a": b"1"})
    owner.back_up(source)
    repository = owner.repository
    owner.chunks.lost |= {p.chunk for p in repository.index.packs}
    report = owner.restore(tmp_path / "target")
    assert not report.complete


def test_chosen_paths_are_restored_alone(
    owner: Owner, source: Path, tmp_path: Path
) -> None:
    fill(source, {"a/x": b"1", "a/y": b"2", "b/z": b"3"})
    owner.back_up(source)
    chosen = select([os.fsencode(source / "a/y"), os.fsencode(source / "b")])
    report = owner.restore(tmp_path / "target", selection=chosen)
    found = {p.name for p in (tmp_path / "target").rglob("*") if p.is_file()}
    assert found == {"y", "z"}
    assert report.complete


def test_a_directory_can_be_restored_without_what_leads_to_it(
    owner: Owner, source: Path, tmp_path: Path
) -> None:
    fill(source, {"a/x": b"1", "b": b"2"})
    snapshot = owner.back_up(source).snapshot.snapshot
    repository = owner.repository
    node = repository.node(snapshot, os.fsencode(source / "a"))
    restore(RestoreJob(node.content, tmp_path / "target"), repository.reader)
    assert [path.name for path in (tmp_path / "target").iterdir()] == ["x"]


def test_what_stands_in_the_target_is_replaced_and_never_followed(
    owner: Owner, source: Path, tmp_path: Path
) -> None:
    fill(source, {"directory/file": b"new", "file": b"new"})
    (source / "link").symlink_to("file")
    outside = tmp_path / "outside"
    fill(outside, {"file": b"untouched"})
    there = within(tmp_path / "target", source)
    there.mkdir(parents=True)
    (there / "directory").symlink_to(outside)
    (there / "file").symlink_to(outside / "file")
    fill(there, {"link": b"old", "kept": b"kept"})
    owner.back_up(source)
    assert owner.restore(tmp_path / "target").failures == ()
    assert (outside / "file").read_bytes() == b"untouched"
    assert [path.name for path in outside.iterdir()] == ["file"]
    assert (there / "directory/file").read_bytes() == b"new"
    assert not (there / "file").is_symlink()
    assert os.readlink(there / "link") == "file"
    assert (there / "kept").read_bytes() == b"kept"


def test_a_directory_that_becomes_a_link_meanwhile_is_not_followed(
    tmp_path: Path,
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    with TargetTree(tmp_path / "target") as target:
        inner = target.make_directory(TOP, b"inner")
        (tmp_path / "target/inner").rmdir()
        (tmp_path / "target/inner").symlink_to(outside)
        with pytest.raises(OSError, match=r"Not a directory|symbolic links"):
            target.create_file(inner, b"file", 0)
    assert list(outside.iterdir()) == []


def test_a_directory_in_the_way_of_a_file_fails_that_file_only(
    owner: Owner, source: Path, tmp_path: Path
) -> None:
    fill(source, {"a": b"1", "b": b"2"})
    owner.back_up(source)
    there = within(tmp_path / "target", source)
    fill(there, {"a/occupied": b"!"})
    report = owner.restore(tmp_path / "target")
    assert [os.path.basename(failure.path) for failure in report.failures] == [b"a"]
    assert (there / "b").read_bytes() == b"2"


@pytest.mark.parametrize("overwrite", [Overwrite.IF_CHANGED, Overwrite.NEVER])
def test_a_restore_goes_on_where_it_stopped(
    owner: Owner, source: Path, tmp_path: Path, overwrite: Overwrite
) -> None:
    fill(source, {f"{n}": os.urandom(1000) for n in range(10)})
    os.link(source / "0", source / "linked")
    (source / "symlink").symlink_to("0")
    owner.back_up(source)
    assert owner.restore(tmp_path / "target").files == 10
    there = within(tmp_path / "target", source)
    (there / "3").unlink()
    (there / "linked").unlink()
    report = owner.restore(tmp_path / "target", overwrite=overwrite)
    assert (report.files, report.failures) == (1, ())
    assert listing(there) == listing(source)
    assert (there / "linked").stat().st_ino == (there / "0").stat().st_ino


def test_restore_progress_reaches_the_end(
    owner: Owner, source: Path, tmp_path: Path
) -> None:
    fill(source, {f"{n}": os.urandom(1000) for n in range(10)})
    owner.back_up(source)
    repository = owner.repository
    seen: list[RestoreProgress] = []
    tree = repository.snapshot("latest").snapshot.tree
    restore(RestoreJob(tree, tmp_path / "t"), repository.reader, seen.append)
    last = seen[-1]
    assert (last.files, last.bytes_written) == (10, 10_000)
    assert (last.files_total, last.bytes_total) == (10, 10_000)


@pytest.mark.parametrize("depth", [300])
def test_a_deep_tree_comes_back(
    owner: Owner, source: Path, tmp_path: Path, depth: int
) -> None:
    deepest = source.joinpath(*(["d"] * depth))
    deepest.mkdir(parents=True)
    (deepest / "file").write_bytes(b"deep")
    os.link(deepest / "file", source / "linked")
    round_trip(owner, source, tmp_path / "target")


def test_a_large_directory_comes_back(
    owner: Owner, source: Path, tmp_path: Path
) -> None:
    for n in range(3000):
        (source / f"file {n} {'x' * 100}").touch()
    report = round_trip(owner, source, tmp_path / "target")
    assert report.files == 3000
