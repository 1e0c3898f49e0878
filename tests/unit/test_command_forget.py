"""`holdfast forget` and `holdfast prune` as their users type them."""

import os
from pathlib import Path

import click
import pytest

from backup_owner import fill
from command_stage import Stage
from holdfast.client.core.errors import SnapshotUnknownError
from holdfast.client.forgetting import NothingKeptError
from holdfast.client.retention_options import read_count, read_within
from holdfast.client.wording import UnreadableAmountError

DAY_NS = 86_400 * 10**9
START_NS = 1_700_000_000 * 10**9


@pytest.fixture
def stage(capsys: pytest.CaptureFixture[str]) -> Stage:
    return Stage(capsys)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    source = tmp_path / "source"
    fill(source, {"file": b"0"})
    return source


def daily(stage: Stage, source: Path, days: int, **job: object) -> list[str]:
    """Back up 100 kB of new noise on each day."""
    made = []
    for day in range(days):
        (source / "file").write_bytes(os.urandom(100_000))
        time_ns = START_NS + day * DAY_NS + len(stage.owner.repository.snapshots)
        made.append(stage.owner.back_up(source, time_ns=time_ns, **job).snapshot)
    return [each.id.hex() for each in made]


def left(stage: Stage) -> list[str]:
    return [each.id.hex() for each in stage.owner.repository.snapshots]


def test_rules_forget_the_rest_and_say_why_they_keep(
    stage: Stage, source: Path
) -> None:
    made = daily(stage, source, 5)
    said = stage.run("forget", "--keep-last", "1", "--keep-daily", "2")
    assert left(stage) == made[3:]
    assert f"{source}: 2 kept, 3 forgot" in said
    (newest,) = [line for line in said.splitlines() if made[4][:12] in line]
    assert newest.endswith("last, newest daily")
    (oldest,) = [line for line in said.splitlines() if made[0][:12] in line]
    assert oldest.endswith("forget")
    assert "`holdfast prune` gives back" in said


def test_a_dry_run_forgets_nothing(stage: Stage, source: Path) -> None:
    made = daily(stage, source, 3)
    memo = stage.owner.memo
    told = stage.json("forget", "--keep-last", "1", "--dry-run", "--prune")
    assert (told["forgotten"], told["dry_run"]) == (made[:2], True)
    assert told["prune"]["bytes_dropped"] > 200_000
    assert told["prune"]["dry_run"]
    assert (stage.owner.memo, left(stage)) == (memo, made)
    assert stage.json("forget", made[0], "-n")["forgotten"] == made[:1]
    assert left(stage) == made
    assert "would be dropped" in stage.run("prune", "--dry-run")


def test_prune_gives_the_space_back_at_once(
    stage: Stage, source: Path, tmp_path: Path
) -> None:
    made = daily(stage, source, 4)
    before = stage.owner.chunks.stored_bytes
    told = stage.json("forget", "--keep-last", "1", "--prune")
    assert told["forgotten"] == made[:3]
    assert told["prune"]["bytes_dropped"] > 300_000
    assert stage.owner.chunks.stored_bytes < before - 300_000
    assert stage.owner.restore(tmp_path / "target").complete


def test_when_nothing_goes_nothing_is_written(stage: Stage, source: Path) -> None:
    daily(stage, source, 2)
    memo = stage.owner.memo
    told = stage.json("forget", "--keep-last", "5", "--prune")
    assert (told["forgotten"], told["prune"]["chunks_dropped"]) == ([], 0)
    assert stage.owner.memo == memo


def test_a_prune_that_died_after_its_forget_is_made_up_by_the_same_command(
    stage: Stage, source: Path
) -> None:
    daily(stage, source, 4)
    stage.json("forget", "--keep-last", "1")
    told = stage.json("forget", "--keep-last", "1", "--prune")
    assert told["forgotten"] == []
    assert told["prune"]["bytes_dropped"] > 300_000


def test_rules_count_for_each_host_and_paths_apart(stage: Stage, source: Path) -> None:
    desk = daily(stage, source, 2, host="desk")
    lap = daily(stage, source, 2, host="lap")
    told = stage.json("forget", "--keep-last", "1", "-n")
    assert sorted(told["forgotten"]) == sorted([desk[0], lap[0]])
    assert [group["host"] for group in told["groups"]] == ["desk", "lap"]
    assert told["groups"][0]["keep"][0]["reasons"] == ["last"]
    told = stage.json("forget", "--keep-last", "1", "--group-by", "", "-n")
    assert len(told["forgotten"]) == 3
    told = stage.json("forget", "--keep-last", "1", "--host", "lap")
    assert told["forgotten"] == [lap[0]]
    assert left(stage) == [desk[0], desk[1], lap[1]]


def test_tags_and_times_keep(stage: Stage, source: Path) -> None:
    first = daily(stage, source, 1, tags=("release", "x"))
    made = daily(stage, source, 4)
    words = ("forget", "--keep-within", "1d12h", "--keep-tag", "release,x")
    told = stage.json(*words, "--group-by", "host,paths")
    assert told["forgotten"] == made[:2]
    assert left(stage) == [*first, *made[2:]]


def test_rules_that_keep_nothing_of_a_group_forget_nothing_at_all(
    stage: Stage, source: Path
) -> None:
    daily(stage, source, 2, tags=("a",), host="desk")
    made = left(stage) + daily(stage, source, 1, host="lap")
    with pytest.raises(NothingKeptError, match="host lap"):
        stage.run("forget", "--keep-tag", "a")
    assert sorted(left(stage)) == sorted(made)


def test_snapshots_are_forgotten_by_name(stage: Stage, source: Path) -> None:
    made = daily(stage, source, 3)
    said = stage.run("forget", made[0][:10], "latest")
    assert left(stage) == [made[1]]
    assert f"forgot {made[0][:12]}" in said
    with pytest.raises(SnapshotUnknownError):
        stage.run("forget", made[0])


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("--host", "desk"),
        ("abcd", "--keep-last", "1"),
        ("abcd", "--host", "desk"),
        ("--keep-daily", "0"),
        ("--keep-daily", "x"),
        ("--keep-daily", "9" * 5000),
        ("--keep-within", "3 days"),
        ("--keep-within", ""),
    ],
)
def test_what_cannot_be_meant_is_a_usage_error(
    stage: Stage, words: tuple[str, ...]
) -> None:
    with pytest.raises(click.UsageError):
        stage.run("forget", *words)


def test_groups_are_by_host_paths_and_tags_only(stage: Stage) -> None:
    with pytest.raises(UnreadableAmountError, match="'user'"):
        stage.run("forget", "--keep-last", "1", "--group-by", "host,user")


def test_counts_and_times_are_read() -> None:
    assert [read_count(text) for text in ("7", "unlimited", "-1")] == [7, -1, -1]
    span = read_within("2y5m1w7d3h")
    assert (span.months, span.days, span.hours) == (29, 14, 3)
