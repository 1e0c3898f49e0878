"""Backups of real files, into a network of one dictionary."""

import io
import os
import random
import stat
from pathlib import Path

import pytest
import zstandard

from backup_owner import Owner, fill, job_of
from holdfast.client.archive import BackupProgress
from holdfast.client.backup import back_up, estimate
from holdfast.client.core.errors import NothingToBackUpError, SnapshotLimitError
from holdfast.client.scan import ProblemKind
from holdfast.protocol.units import KIB, MIB
from memory_chunks import UploadStoppedError


def test_a_second_backup_reads_nothing_that_did_not_change(
    owner: Owner, source: Path
) -> None:
    fill(source, {f"d{n % 5}/f{n}": os.urandom(1000) for n in range(50)})
    first = owner.back_up(source).snapshot
    (source / "d0/f0").write_bytes(b"changed")
    stats = owner.back_up(source).snapshot.snapshot.stats
    assert (stats.files, stats.files_unchanged) == (50, 49)
    assert stats.bytes_read == len(b"changed")
    assert owner.repository.snapshot("latest").snapshot.parent == first.id


def test_a_file_changed_while_the_clock_stood_still_is_read_again(
    owner: Owner, source: Path
) -> None:
    fill(source, {"file": b"old"})
    now = os.lstat(source / "file").st_ctime_ns
    owner.back_up(source, time_ns=now)
    stats = owner.back_up(source, time_ns=now).snapshot.snapshot.stats
    assert (stats.files_unchanged, stats.bytes_read, stats.bytes_added) == (0, 3, 0)


def test_a_change_that_hides_behind_its_old_mtime_is_found(
    owner: Owner, source: Path
) -> None:
    fill(source, {"file": b"old"})
    before = (source / "file").stat()
    owner.back_up(source)
    (source / "file").write_bytes(b"new")
    os.utime(source / "file", ns=(before.st_atime_ns, before.st_mtime_ns))
    after = (source / "file").stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    stats = owner.back_up(source).snapshot.snapshot.stats
    assert (stats.files_unchanged, stats.bytes_read) == (0, 3)


def test_one_percent_changed_adds_little(owner: Owner, source: Path) -> None:
    dice = random.Random(3)
    fill(source, {f"d{n % 20}/f{n}": dice.randbytes(20 * KIB) for n in range(400)})
    fill(source, {"large": dice.randbytes(24 * MIB)})
    owner.back_up(source)
    before = owner.chunks.stored_bytes
    for n in range(0, 400, 100):
        with (source / f"d{n % 20}/f{n}").open("r+b") as file:
            file.write(b"edited")
    data = (source / "large").read_bytes()
    (source / "large").write_bytes(data[: 9 * MIB] + b"inserted" + data[9 * MIB :])
    (source / "d1/f1").rename(source / "renamed")
    (source / "d2/f2").unlink()
    owner.back_up(source)
    assert owner.chunks.stored_bytes - before < 3.5 * MIB


def test_two_thousand_small_files_cost_hardly_more_than_their_bytes(
    owner: Owner, source: Path
) -> None:
    dice = random.Random(4)
    words = [dice.randbytes(4).hex() for _ in range(3000)]
    texts = [
        " ".join(dice.choices(words, k=2300)).encode()[: 20 * KIB] for _ in range(2000)
    ]
    fill(source, {f"{n % 40}/{n}": text for n, text in enumerate(texts)})
    compressor = zstandard.ZstdCompressor(level=1)
    compressed = sum(len(compressor.compress(text)) for text in texts)
    owner.back_up(source)
    assert owner.chunks.stored_bytes <= 1.1 * compressed
    assert len(owner.chunks.held) <= compressed // (7 * MIB) + 4


def test_equal_files_are_stored_once(owner: Owner, source: Path) -> None:
    data = os.urandom(3 * MIB)
    fill(source, {f"copy{n}": data for n in range(5)})
    owner.back_up(source)
    assert owner.chunks.stored_bytes < 3.1 * MIB


def test_several_paths_make_one_snapshot(owner: Owner, tmp_path: Path) -> None:
    fill(tmp_path, {"a/x": b"1", "a/y": b"2", "b/z": b"3", "c": b"4"})
    backup = owner.back_up(tmp_path / "a" / "x", tmp_path / "b", tmp_path / "b/z")
    snapshot = backup.snapshot.snapshot
    paths = [path for path, _ in owner.repository.walk(snapshot)]
    below = [path.removeprefix(os.fsencode(tmp_path) + b"/") for path in paths[-4:]]
    assert below == [b"a", b"a/x", b"b", b"b/z"]


def test_a_path_that_does_not_exist_is_a_problem_and_alone_an_error(
    owner: Owner, source: Path
) -> None:
    with pytest.raises(NothingToBackUpError, match="nothing at"):
        owner.back_up(source / "none")
    backup = owner.back_up(source, source.with_name("none"))
    assert [problem.kind for problem in backup.problems] == [ProblemKind.VANISHED]


def test_more_than_a_snapshot_can_hold_is_refused(owner: Owner, source: Path) -> None:
    for job in (
        job_of(*([source] * 16_385)),
        job_of(b"/" + b"x" * 5000),
        job_of(source, tags=("x",) * 257),
        job_of(source, tags=("x" * 257,)),
    ):
        with pytest.raises(SnapshotLimitError):
            back_up(owner.repository, job, owner.chunks)


def test_the_longest_names_of_host_and_user_are_clipped(
    owner: Owner, source: Path
) -> None:
    fill(source, {"a": b"1"})
    snapshot = owner.back_up(source, host="\u00e9" * 200, user="u").snapshot.snapshot
    assert snapshot.host == "\u00e9" * 128


def test_excluded_paths_are_left_out(owner: Owner, source: Path) -> None:
    fill(source, {"keep": b"1", "cache/big": b"2", "deep/cache/x": b"3"})

    def exclude(path: bytes, status: os.stat_result) -> bool:
        return path.endswith(b"/cache") and stat.S_ISDIR(status.st_mode)

    snapshot = owner.back_up(source, exclude=exclude).snapshot.snapshot
    names = [path.rpartition(b"/")[2] for path, _ in owner.repository.walk(snapshot)]
    assert names[-3:] == [b"source", b"deep", b"keep"]


def test_a_stream_is_backed_up_under_its_name(owner: Owner, tmp_path: Path) -> None:
    data = os.urandom(5 * MIB)
    backup = owner.back_up(b"/dump.sql", stream=io.BytesIO(data))
    assert backup.snapshot.snapshot.stats.bytes_seen == len(data)
    owner.restore(tmp_path / "target")
    assert (tmp_path / "target/dump.sql").read_bytes() == data


def test_progress_counts_up_to_what_the_report_says(owner: Owner, source: Path) -> None:
    fill(source, {"a": b"1" * 1000, "b": os.urandom(20 * MIB)})
    seen: list[BackupProgress] = []
    backup = back_up(
        owner.repository, job_of(source), owner.chunks, progress=seen.append
    )
    stats = backup.snapshot.snapshot.stats
    assert len(seen) > 3
    assert (seen[-1].files, seen[-1].bytes_read) == (stats.files, stats.bytes_read)
    assert [p.bytes_read for p in seen] == sorted(p.bytes_read for p in seen)


def test_an_estimate_stores_nothing_and_is_right(owner: Owner, source: Path) -> None:
    fill(source, {"a": os.urandom(3 * MIB), "b": b"text" * 10_000})
    repository = owner.repository
    foreseen = estimate(repository, job_of(source))
    assert owner.chunks.held == {}
    assert len(repository.index) == 0
    backup = owner.back_up(source)
    assert sum(foreseen.chunk_sizes) == backup.snapshot.snapshot.stats.bytes_stored
    again = estimate(owner.repository, job_of(source))
    assert again.chunk_sizes == ()


def test_a_file_that_shrinks_while_it_is_read_is_reported(
    owner: Owner, source: Path
) -> None:
    fill(source, {"log": os.urandom(40 * MIB), "other": b"fine"})
    cut_short = False

    def shrink(progress: BackupProgress) -> None:
        nonlocal cut_short
        if not cut_short and progress.path.endswith(b"log"):
            cut_short = True
            os.truncate(source / "log", 20 * MIB)

    backup = back_up(owner.repository, job_of(source), owner.chunks, progress=shrink)
    assert [problem.kind for problem in backup.problems] == [ProblemKind.CHANGED]
    assert backup.snapshot.snapshot.stats.files == 2


def test_a_file_that_vanishes_is_reported_and_the_rest_stored(
    owner: Owner, source: Path
) -> None:
    fill(source, {"a": b"1", "b": b"2", "c": b"3"})

    def remove_b(_progress: BackupProgress) -> None:
        (source / "b").unlink(missing_ok=True)

    backup = back_up(owner.repository, job_of(source), owner.chunks, progress=remove_b)
    assert [problem.kind for problem in backup.problems] == [ProblemKind.VANISHED]
    assert backup.snapshot.snapshot.stats.files == 2


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_an_unreadable_file_is_reported(owner: Owner, source: Path) -> None:
    fill(source, {"secret": b"1", "open": b"2"})
    (source / "secret").chmod(0)
    backup = owner.back_up(source)
    assert [problem.kind for problem in backup.problems] == [ProblemKind.UNREADABLE]


def test_a_stopped_upload_stops_the_backup(owner: Owner, source: Path) -> None:
    fill(source, {"large": os.urandom(60 * MIB)})
    owner.chunks.stop_after = 2
    with pytest.raises(UploadStoppedError):
        owner.back_up(source)
    assert len(owner.chunks.held) == 2


def test_a_parent_that_cannot_be_read_costs_time_only(
    owner: Owner, source: Path
) -> None:
    fill(source, {f"{n}": os.urandom(100) for n in range(10)})
    owner.back_up(source)
    repository = owner.repository
    trees = {p.chunk for p in repository.index.packs if p.holds.name == "TREE"}
    owner.chunks.lost |= trees
    backup = back_up(repository, job_of(source), owner.chunks)
    assert [problem.kind for problem in backup.problems] == [ProblemKind.PARENT]
    stats = backup.snapshot.snapshot.stats
    assert (stats.files, stats.files_unchanged, stats.bytes_added) == (10, 0, 0)
