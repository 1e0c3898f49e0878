"""Large files of a restore: what arrives in any order is written as it should be."""

import errno
import os
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.client.core.blobs import BlobId
from holdfast.client.core.errors import BlobMissingError
from holdfast.client.core.tree import Node, NodeKind
from holdfast.client.restore_files import OpenFiles, PlannedFile
from holdfast.client.restore_target import TOP, TargetTree
from holdfast.client.write_behind import WriteBehind
from holdfast.protocol.units import MIB, ChunkId

DATA = random.Random(8).randbytes(20 * MIB)
SIZES = st.integers(1, len(DATA))
CUTS = st.lists(st.integers(0, len(DATA)), max_size=6)


class Failures:
    def __init__(self) -> None:
        self.paths: list[bytes] = []

    def __call__(
        self,
        path: bytes,
        reason: str | OSError,
        *,
        lost: bool,
        chunk: ChunkId | None = None,
        kept: bool = False,
    ) -> None:
        self.paths.append(path)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("restored")


def planned(name: bytes, size: int, pieces: int) -> PlannedFile:
    node = Node(name=name, kind=NodeKind.FILE, mode=0o644, mtime_ns=10**9, size=size)
    return PlannedFile(name, TOP, node, pieces)


@given(cuts=st.lists(st.tuples(SIZES, CUTS), min_size=1, max_size=4), dice=st.randoms())
def test_files_have_their_bytes_in_whatever_order_pieces_come(
    place: Path, cuts: list[tuple[int, list[int]]], dice: random.Random
) -> None:
    pieces, files = [], []
    for number, (size, marks) in enumerate(cuts):
        ends = sorted({min(mark, size) for mark in marks} - {0} | {size})
        spans = list(zip([0, *ends[:-1]], ends, strict=True))
        files.append(planned(b"file%d" % number, size, len(spans)))
        pieces.append([(number, start, end) for start, end in spans])
    # Each file's own order half of the time: then they follow one another.
    order = [piece for one in pieces for piece in one]
    if dice.random() < 0.5:
        dice.shuffle(order)
    failures = Failures()
    with TargetTree(place) as target:
        out = OpenFiles(target, files, failures)
        for number, start, end in order:
            out.write(number, start, memoryview(DATA)[start:end])
        out.close()
    assert not failures.paths
    assert out.files_done == len(files)
    for file in files:
        path = place / os.fsdecode(file.path)
        assert path.read_bytes() == DATA[: file.node.size]
        assert path.stat().st_mtime_ns == file.node.mtime_ns


def test_what_waits_is_written_before_its_file_is_closed_for_others(
    tmp_path: Path,
) -> None:
    sizes = [9 * MIB, *[100 << 10] * 70, 9 * MIB]
    files = [planned(b"%d" % number, size, 2) for number, size in enumerate(sizes)]
    failures = Failures()
    with TargetTree(tmp_path) as target:
        out = OpenFiles(target, files, failures)
        for half in (0, 1):
            for number, size in enumerate(sizes):
                start, end = ((0, size // 2), (size // 2, size))[half]
                out.write(number, start, memoryview(DATA)[start:end])
        out.close()
    assert not failures.paths
    for number, size in enumerate(sizes):
        assert (tmp_path / str(number)).read_bytes() == DATA[:size]


def test_a_full_disk_costs_the_file_that_did_not_fit_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = [planned(name, 10 * MIB, 2) for name in (b"one", b"two", b"three")]
    failures = Failures()
    write = os.pwrite

    def filling(descriptor: int, data: memoryview, offset: int) -> int:
        if Path(f"/proc/self/fd/{descriptor}").readlink().name == "two":
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(descriptor, data, offset)

    monkeypatch.setattr(os, "pwrite", filling)
    with TargetTree(tmp_path) as target:
        out = OpenFiles(target, files, failures)
        for number in range(3):
            for start, end in ((0, 9 * MIB), (9 * MIB, 10 * MIB)):
                out.write(number, start, memoryview(DATA)[start:end])
        out.close()
    assert failures.paths == [b"two"]
    assert out.files_done == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one", "three"]
    assert (tmp_path / "three").read_bytes() == DATA[: 10 * MIB]


@pytest.mark.parametrize("keep", [False, True])
def test_a_file_that_lacks_a_piece_leaves_others_alone(
    tmp_path: Path, keep: bool
) -> None:
    files = [planned(b"lacking", 20 * MIB, 2), planned(b"whole", 10 * MIB, 2)]
    failures = Failures()
    with TargetTree(tmp_path) as target:
        out = OpenFiles(target, files, failures)
        out.write(0, 0, memoryview(DATA)[: 9 * MIB])
        if keep:
            out.write(1, 0, memoryview(DATA)[: 9 * MIB])
        out.lose([(0, 9 * MIB)], BlobMissingError(BlobId(bytes(32))), keep=keep)
        if not keep:
            out.write(1, 0, memoryview(DATA)[: 9 * MIB])
        out.write(1, 9 * MIB, memoryview(DATA)[9 * MIB : 10 * MIB])
        out.close()
    assert failures.paths == [b"lacking"]
    assert (tmp_path / "whole").read_bytes() == DATA[: 10 * MIB]
    if keep:
        kept = DATA[: 9 * MIB] + bytes(11 * MIB)
        assert (tmp_path / "lacking").read_bytes() == kept
        assert (tmp_path / "lacking").stat().st_mtime == 0  # nobody takes it for whole
    else:
        assert not (tmp_path / "lacking").exists()


def test_what_is_dropped_is_not_written(tmp_path: Path) -> None:
    ended: list[int] = []
    behind = WriteBehind(lambda number, _error: ended.append(number))
    descriptor = os.open(tmp_path / "file", os.O_RDWR | os.O_CREAT)
    try:
        behind.write(1, descriptor, memoryview(DATA)[: 9 * MIB], 0)
        assert behind.has(1)
        behind.drop(1)
        behind.close()
        assert os.fstat(descriptor).st_size == 8 * MIB
        assert ended == []
    finally:
        os.close(descriptor)
