"""Backups over the days, through the program: looked at, found, compared, forgotten."""

import os
import subprocess
from pathlib import Path

import pytest

from holdfast.client.demo.comparison import compare
from holdfast.client.exit_codes import ExitCode
from holdfast_shell import PROGRAM, Shell


def restored(target: Path, tree: Path) -> Path:
    return target / tree.relative_to("/")


def test_a_stream_is_backed_up_and_comes_back_byte_for_byte(
    owner: Shell, tmp_path: Path
) -> None:
    data = os.urandom(2_000_000)
    dump = tmp_path / "dump"
    dump.write_bytes(data)
    with dump.open("rb") as stream:
        words = ("backup", "--stdin", "--stdin-filename", "db.dump", "--tag", "db")
        run = subprocess.run(
            [PROGRAM, *words],
            env=owner.environment(),
            stdin=stream,
            capture_output=True,
            check=False,
            timeout=120,
        )
    assert run.returncode == 0, run.stderr
    run = subprocess.run(
        [PROGRAM, "cat", "latest", "/db.dump", "--tag", "db"],
        env=owner.environment(),
        capture_output=True,
        check=False,
        timeout=120,
    )
    assert (run.returncode, run.stdout, run.stderr) == (0, data, b"")


def test_a_dry_run_opens_no_deal_and_pays_nothing(owner: Shell, tree: Path) -> None:
    before = owner.json("wallet", "balance")["balance_grains"]
    told = owner.json("backup", tree, "--dry-run", "--exclude", "*.bin")
    assert told["bytes_to_upload"] > 0
    assert told["bytes_added"] < 100_000
    assert owner.json("wallet", "balance")["balance_grains"] == before
    assert owner.json("deal", "list") == {"deals": []}
    assert owner.json("snapshots") == {"snapshots": []}


@pytest.mark.long
def test_days_of_backups_are_compared_thinned_out_and_verified(
    owner: Shell, tree: Path, tmp_path: Path
) -> None:
    excludes = tmp_path / "excludes"
    excludes.write_text("*.bin\n")
    owner.json("backup", tree, "--exclude-file", excludes, "--tag", "small")
    for day in range(3):
        (tree / "letter.txt").write_text(f"Dear vault, this is day {day}.\n")
        (tree / "noise.bin").write_bytes(os.urandom(300_000))
        owner.json("backup", tree)
    ids = [each["id"] for each in owner.json("snapshots")["snapshots"]]
    assert len(ids) == 4

    found = owner.json("find", "noise.*")
    assert (found["matches"], found["snapshots"]) == (3, 3)
    sums = owner.json("diff", ids[0][:8], ids[1][:8])
    assert (sums["files_added"], sums["files_changed"]) == (1, 1)
    stats = owner.json("stats")
    assert stats["restore_bytes"] > 900_000
    assert sum(deal["bytes"] for deal in stats["deals"]) > 900_000
    assert owner.run("cat", ids[1], tree / "letter.txt").stdout.endswith("day 0.\n")

    owner.json("tag", "add", "keep", ids[1])
    rules = ("--keep-last", "1", "--keep-tag", "keep")
    foreseen = owner.json("forget", *rules, "--dry-run")["forgotten"]
    told = owner.json("forget", *rules, "--prune")
    assert told["forgotten"] == foreseen == [ids[0], ids[2]]
    assert told["prune"]["bytes_dropped"] > 300_000
    left = owner.json("snapshots")["snapshots"]
    assert [each["id"] for each in left] == [ids[1], ids[3]]
    assert left[0]["tags"] == ["keep"]

    report = owner.json("restore", "latest", "--target", tmp_path / "t", "--verify")
    assert report["verified"] == report["files"] == 4
    assert compare(tree, restored(tmp_path / "t", tree)).differences == []
    words = ("restore", ids[1], "--target", tmp_path / "old", "--include", "*.txt")
    owner.json(*words)
    old = restored(tmp_path / "old", tree)
    assert (old / "letter.txt").read_text().endswith("day 0.\n")
    assert not (old / "noise.bin").exists()


def test_what_cannot_be_meant_is_told_with_the_way_on(owner: Shell, tree: Path) -> None:
    owner.json("backup", tree)
    for words, code, said in (
        (("backup", tree, "--exclude", "[z-a]"), ExitCode.USAGE, ".gitignore"),
        (("forget", "--keep-tag", "none"), ExitCode.REFUSED, "--keep-last 1"),
        (("forget",), ExitCode.USAGE, "--keep-daily 7"),
        (("cat", "latest", tree), ExitCode.NOT_FOUND, "`holdfast ls SNAPSHOT`"),
        (("diff", "latest", "zz"), ExitCode.NOT_FOUND, "`holdfast snapshots`"),
        (("tag", "add", "x"), ExitCode.USAGE, "--host"),
    ):
        run = owner.run(*words)
        assert run.returncode == code, (words, run.stderr)
        assert said in run.stderr, (words, run.stderr)
        assert "Traceback" not in run.stderr
