"""Restore drills: what comes back is compared, counted and signed."""

import json
import os
import random
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from backup_owner import KEYS, Owner, fill
from command_stage import StagedInvocation
from holdfast.client.core.drill_receipt import (
    DRILL_RECEIPT,
    SIGNATURE_BYTES,
    read_receipt,
    sign_receipt,
)
from holdfast.client.core.errors import SnapshotUnknownError
from holdfast.client.exit_codes import ExitCode
from holdfast.client.main import holdfast, main
from holdfast.client.restore import RestoreProgress, no_progress
from holdfast.client.restore_drill import (
    DrillOrder,
    DrillReport,
    NothingToDrillError,
    drill,
    write_receipt,
)
from holdfast.ledger.core.account_key import AccountKey
from holdfast.protocol.errors import ProtocolError, SignatureInvalidError
from holdfast.protocol.network import development_params
from holdfast.protocol.units import MIB
from memory_chunks import MemoryChunks

PARAMS = development_params("drill", 1_700_000_000)
DICE = random.Random(7)
EVERY_FILE = DrillOrder(files=99)
ALL = 11


def backed_up(source: Path) -> Owner:
    dice = random.Random(1)
    files = {f"folder/{n}.bin": dice.randbytes(1000 * (n + 1)) for n in range(9)}
    fill(source, files | {"empty": b"", "large": dice.randbytes(9 * MIB)})
    owner = Owner(MemoryChunks())
    owner.back_up(source)
    return owner


def drilled(owner: Owner, order: DrillOrder = EVERY_FILE) -> DrillReport:
    return drill(owner.repository, PARAMS, order, no_progress, DICE)


def test_everything_comes_back_as_it_was_stored_and_as_it_is(tmp_path: Path) -> None:
    report = drilled(backed_up(tmp_path))
    receipt = report.receipt
    assert (receipt.files, receipt.files_total) == (11, 11)
    assert receipt.bytes == receipt.bytes_total == 45_000 + 9 * MIB
    assert (receipt.right, receipt.live, receipt.live_differing) == (11, 11, 0)
    assert receipt.passed
    assert report.failures == ()


def test_the_sample_has_as_many_files_as_asked(tmp_path: Path) -> None:
    owner = backed_up(tmp_path)
    receipt = drilled(owner, DrillOrder(files=3)).receipt
    assert (receipt.files, receipt.right, receipt.files_total) == (3, 3, 11)


def test_a_sample_by_bytes_stays_within_them_unless_one_file_is_larger(
    tmp_path: Path,
) -> None:
    owner = backed_up(tmp_path)
    for _ in range(9):
        receipt = drilled(owner, DrillOrder(bytes=9_000)).receipt
        assert receipt.files == 1 or receipt.bytes <= 9_000
        assert receipt.bytes


def test_the_temporary_place_is_gone_afterwards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "scratch"
    place.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(place))
    (tmp_path / "source").mkdir()
    drilled(backed_up(tmp_path / "source"))
    assert list(place.iterdir()) == []


def test_a_lost_chunk_fails_the_files_in_it_and_no_others(tmp_path: Path) -> None:
    owner = backed_up(tmp_path)
    largest = max(owner.chunks.held, key=lambda chunk: len(owner.chunks.held[chunk]))
    owner.chunks.lost.add(largest)
    report = drilled(owner)
    assert not report.receipt.passed
    assert 0 < report.receipt.right < report.receipt.files
    assert len(report.failures) == report.receipt.files - report.receipt.right
    assert any(path.endswith(b"/large") for path, _ in report.failures)
    assert all("chunk" in reason for _, reason in report.failures)


def test_a_file_that_rotted_here_is_told_from_one_that_was_changed(
    tmp_path: Path,
) -> None:
    owner = backed_up(tmp_path)
    rotten, changed = tmp_path / "folder/1.bin", tmp_path / "folder/2.bin"
    status = rotten.stat()
    rotten.write_bytes(b"x" + rotten.read_bytes()[1:])
    os.utime(rotten, ns=(status.st_atime_ns, status.st_mtime_ns))
    changed.write_bytes(bytes(changed.stat().st_size))
    (tmp_path / "folder/3.bin").unlink()
    report = drilled(owner)
    receipt = report.receipt
    assert (receipt.right, receipt.live, receipt.live_differing) == (11, 9, 1)
    assert [path for path, _ in report.failures] == [os.fsencode(rotten)]
    assert not receipt.passed


def test_a_file_restored_wrongly_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, source = tmp_path / "scratch", tmp_path / "source"
    place.mkdir()
    source.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(place))

    def spoil(progress: RestoreProgress) -> None:
        if progress.files == progress.files_total == ALL:
            (restored,) = place.rglob("5.bin")
            restored.write_bytes(restored.read_bytes() + b"!")

    owner = backed_up(source)
    report = drill(owner.repository, PARAMS, EVERY_FILE, spoil, DICE)
    assert report.receipt.right == ALL - 1
    (reason,) = {reason for _, reason in report.failures}
    assert reason == "what came back is not what was stored"


def test_a_snapshot_without_files_cannot_be_drilled(tmp_path: Path) -> None:
    owner = Owner(MemoryChunks())
    owner.back_up(tmp_path)
    with pytest.raises(NothingToDrillError):
        drilled(owner)
    with pytest.raises(SnapshotUnknownError):
        drilled(owner, DrillOrder("0000"))


def test_a_receipt_is_believed_only_as_its_account_signed_it(tmp_path: Path) -> None:
    report = drilled(backed_up(tmp_path))
    key = AccountKey.from_secret(KEYS.account_secret)
    assert read_receipt(report.signed) == report.receipt
    assert report.receipt.account == key.id
    better = DRILL_RECEIPT.encode(replace(report.receipt, milliseconds=1))
    with pytest.raises(SignatureInvalidError):
        read_receipt(better + report.signed[-SIGNATURE_BYTES:])
    other = AccountKey.from_secret(bytes(31) + b"\1")
    stolen = sign_receipt(replace(report.receipt, account=other.id), other)
    with pytest.raises(SignatureInvalidError):
        read_receipt(report.signed[:-SIGNATURE_BYTES] + stolen[-SIGNATURE_BYTES:])
    for cut in (0, 10, SIGNATURE_BYTES, len(report.signed) - 1):
        with pytest.raises(ProtocolError):
            read_receipt(report.signed[:cut])


def test_anybody_verifies_a_receipt_with_nothing_but_the_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / "source"
    source.mkdir()
    report = drilled(backed_up(source))
    path = tmp_path / "a.receipt"
    write_receipt(path, report.signed)
    home = ["--home", str(tmp_path / "nothing")]
    assert main(["audit", "drill", "--verify", str(path), *home]) == ExitCode.OK
    said = capsys.readouterr().out
    assert "The account's signature holds." in said
    assert "11 of 11 came back as they were stored" in said
    path.unlink()
    write_receipt(path, bytes(300))
    assert main(["audit", "drill", "--verify", str(path), *home]) == ExitCode.UNTRUE
    assert "is not a receipt to rely on" in capsys.readouterr().err


def test_a_receipt_is_never_written_over(tmp_path: Path) -> None:
    path = tmp_path / "a.receipt"
    write_receipt(path, b"first")
    with pytest.raises(FileExistsError):
        write_receipt(path, b"second")
    assert path.read_bytes() == b"first"


@dataclass
class DrilledInvocation(StagedInvocation):
    """An invocation whose profile is of a network that does not exist."""

    def profile(self) -> Any:
        return SimpleNamespace(network=SimpleNamespace(params=PARAMS))


def test_the_command_leaves_a_receipt_and_says_what_came_back(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / "source"
    source.mkdir()
    invocation = DrilledInvocation(owner=backed_up(source))
    words = ["--home", str(tmp_path), "--json", "audit", "drill", "--files", "4"]
    code = holdfast.main(words, "holdfast", standalone_mode=False, obj=invocation)
    assert code == ExitCode.OK
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (found["files"], found["right"], found["passed"]) == (4, 4, True)
    (kept,) = (tmp_path / "drills").iterdir()
    assert read_receipt(kept.read_bytes()).milliseconds == found["milliseconds"]
