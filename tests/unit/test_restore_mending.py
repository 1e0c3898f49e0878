"""What stands in the target already is not fetched again, as far as it is right."""

import os
import random
from pathlib import Path

import pytest

from backup_owner import Owner, fill, listing, within
from holdfast.client.restore import Overwrite
from holdfast.protocol.units import KIB, MIB, ChunkId
from memory_chunks import MemoryChunks

LARGE = random.Random(11).randbytes(24 * MIB)


@pytest.fixture
def owner() -> Owner:
    return Owner(MemoryChunks())


@pytest.fixture
def source(tmp_path: Path, owner: Owner) -> Path:
    source = tmp_path / "source"
    fill(source, {"large": LARGE, "small": b"small"})
    owner.back_up(source)
    return source


@pytest.fixture
def there(source: Path, tmp_path: Path) -> Path:
    """Where the files are to be restored."""
    made = within(tmp_path / "target", source)
    made.mkdir(parents=True)
    return made


def data_read(owner: Owner) -> set[ChunkId]:
    records = owner.repository.index.packs
    data = {record.chunk for record in records if record.holds.name == "DATA"}
    return data & set(owner.chunks.reads)


@pytest.mark.parametrize("overwrite", [Overwrite.ALWAYS, Overwrite.IF_CHANGED])
def test_a_large_file_that_is_half_there_is_fetched_by_half(
    owner: Owner, source: Path, there: Path, tmp_path: Path, overwrite: Overwrite
) -> None:
    with (there / "large").open("wb") as file:
        file.write(LARGE[: 14 * MIB])
        file.truncate(len(LARGE))
    owner.chunks.reads.clear()
    report = owner.restore(tmp_path / "target", overwrite=overwrite, verify=True)
    assert (report.files, report.verified, report.failures) == (2, 2, ())
    assert 9 * MIB < report.bytes_written < 15 * MIB
    assert report.bytes_found == len(LARGE) + 5 - report.bytes_written
    assert len(data_read(owner)) <= 3
    assert listing(there) == listing(source)


def test_a_file_that_is_right_but_for_its_time_is_not_fetched_at_all(
    owner: Owner, source: Path, there: Path, tmp_path: Path
) -> None:
    owner.restore(tmp_path / "target")
    os.utime(there / "large", ns=(1, 1))
    (there / "large").chmod(0o600)
    owner.chunks.reads.clear()
    report = owner.restore(tmp_path / "target", overwrite=Overwrite.IF_CHANGED)
    assert (report.files, report.skipped, report.bytes_written) == (1, 1, 0)
    assert data_read(owner) == set()
    assert listing(there) == listing(source)


@pytest.mark.parametrize("size", [12 * MIB, 30 * MIB])
def test_a_file_of_another_size_is_replaced_and_gets_the_right_one(
    owner: Owner, source: Path, there: Path, tmp_path: Path, size: int
) -> None:
    fill(there, {"large": (LARGE + LARGE)[:size]})
    report = owner.restore(tmp_path / "target")
    assert (report.bytes_found, report.failures) == (0, ())
    assert listing(there) == listing(source)


def test_zeros_are_written_where_other_bytes_stood(
    owner: Owner, tmp_path: Path
) -> None:
    source = tmp_path / "zeros"
    fill(source, {"file": LARGE[: 5 * MIB] + bytes(10 * MIB)})
    owner.back_up(source)
    there = within(tmp_path / "target", source)
    fill(there, {"file": LARGE[: 15 * MIB]})
    report = owner.restore(tmp_path / "target")
    assert report.bytes_found > 3 * MIB
    assert listing(there) == listing(source)


def test_a_file_with_another_name_elsewhere_is_replaced_and_not_written_to(
    owner: Owner, source: Path, there: Path, tmp_path: Path
) -> None:
    other = LARGE[: 12 * MIB] + bytes(12 * MIB)
    fill(tmp_path, {"mine": other})
    os.link(tmp_path / "mine", there / "large")
    report = owner.restore(tmp_path / "target")
    assert (report.bytes_found, report.failures) == (0, ())
    assert (tmp_path / "mine").read_bytes() == other
    assert listing(there) == listing(source)


def test_a_link_to_a_file_outside_is_replaced_and_not_written_to(
    owner: Owner, source: Path, there: Path, tmp_path: Path
) -> None:
    other = LARGE[: 12 * MIB] + bytes(12 * MIB)
    fill(tmp_path, {"outside": other})
    (there / "large").symlink_to(tmp_path / "outside")
    assert owner.restore(tmp_path / "target").failures == ()
    assert (tmp_path / "outside").read_bytes() == other
    assert listing(there) == listing(source)


def test_a_damaged_file_that_is_kept_has_zeros_and_not_what_stood_there(
    owner: Owner, source: Path, there: Path, tmp_path: Path
) -> None:
    right = 4 * MIB  # some of it is there: what stands there could be mended
    fill(there, {"large": LARGE[:right] + b"\1" * (len(LARGE) - right)})
    records = owner.repository.index.packs
    lost = [r for r in records if r.holds.name == "DATA" and r.stored > 7 * MIB]
    owner.chunks.lost.add(lost[1].chunk)
    report = owner.restore(tmp_path / "target", keep_damaged=True)
    assert [failure.lost for failure in report.failures] == [True]
    kept = (there / "large").read_bytes()
    assert b"\1" * 64 * KIB not in kept
    assert kept != (source / "large").read_bytes()


@pytest.mark.usefixtures("source")
def test_a_file_whose_missing_piece_is_lost_is_named(
    owner: Owner, there: Path, tmp_path: Path
) -> None:
    fill(there, {"large": LARGE[: 12 * MIB] + bytes(12 * MIB)})
    records = owner.repository.index.packs
    owner.chunks.lost |= {r.chunk for r in records if r.holds.name == "DATA"}
    report = owner.restore(tmp_path / "target")
    lost = {failure.path.rpartition(b"/")[2] for failure in report.failures}
    assert lost == {b"large", b"small"}
    assert not report.complete
