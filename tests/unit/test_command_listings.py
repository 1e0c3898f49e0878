"""Looking at backups: snapshots, ls, find, diff, cat, stats and tag."""

import os
from pathlib import Path

import click
import pytest

from backup_owner import fill
from command_stage import Stage
from holdfast.client.core.errors import (
    PathUnknownError,
    SnapshotLimitError,
    SnapshotUnknownError,
)
from holdfast.client.core.snapshot import NamedSnapshot


@pytest.fixture
def stage(capsys: pytest.CaptureFixture[str]) -> Stage:
    return Stage(capsys)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    source = tmp_path / "source"
    fill(source, {"a.txt": b"first", "sub/b.txt": b"second", "sub/deep/c": b"3"})
    (source / "link").symlink_to("a.txt")
    return source


def back_up(stage: Stage, *paths: Path, **job: object) -> NamedSnapshot:
    time_ns = (4_000_000_000 + len(stage.owner.repository.snapshots)) * 10**9
    return stage.owner.back_up(*paths, time_ns=time_ns, **job).snapshot


def ids(stage: Stage, *words: str | Path) -> list[str]:
    return [each["id"] for each in stage.json("snapshots", *words)["snapshots"]]


def test_snapshots_are_chosen_by_host_tag_and_path(stage: Stage, source: Path) -> None:
    one = back_up(stage, source, host="desk", tags=("daily",))
    two = back_up(stage, source, host="lap", tags=("daily", "x"))
    three = back_up(stage, source / "sub", host="lap")
    assert ids(stage) == [each.id.hex() for each in (one, two, three)]
    assert ids(stage, "--host", "lap") == [two.id.hex(), three.id.hex()]
    assert ids(stage, "--tag", "daily") == [one.id.hex(), two.id.hex()]
    assert ids(stage, "--tag", "daily,x") == [two.id.hex()]
    assert ids(stage, "--tag", "") == [three.id.hex()]
    assert ids(stage, "--path", source / "sub") == [three.id.hex()]
    assert ids(stage, one.id.hex()[:10]) == [one.id.hex()]
    assert "1 of 3 snapshots" in stage.run("snapshots", "--host", "desk")
    assert "No snapshot is of this" in stage.run("snapshots", "--host", "nobody")


def test_the_latest_are_those_of_each_host_and_paths(
    stage: Stage, source: Path
) -> None:
    back_up(stage, source)
    two, three = back_up(stage, source), back_up(stage, source, host="lap")
    assert ids(stage, "--latest", "1") == [two.id.hex(), three.id.hex()]


def test_ls_shows_all_or_a_path_and_its_entries(stage: Stage, source: Path) -> None:
    back_up(stage, source)
    everything = stage.run("ls").splitlines()
    assert everything[-6:] == [
        str(source / each)
        for each in ("a.txt", "link", "sub", "sub/b.txt", "sub/deep", "sub/deep/c")
    ]
    entries = stage.run("ls", "latest", source / "sub").splitlines()
    assert entries == [str(source / f"sub{each}") for each in ("", "/b.txt", "/deep")]
    below = stage.run("ls", "latest", source / "sub", "--recursive").splitlines()
    assert below == [*entries, str(source / "sub/deep/c")]
    (file,) = stage.run("ls", "latest", source / "a.txt").splitlines()
    assert file == str(source / "a.txt")


def test_a_long_line_has_mode_size_and_target(stage: Stage, source: Path) -> None:
    (source / "a.txt").chmod(0o640)
    back_up(stage, source)
    _, file, link, _ = stage.run("ls", "latest", source, "-l").splitlines()
    assert file.startswith("-rw-r-----")
    assert " 5 " in file
    assert link.endswith("/link -> a.txt")


def test_odd_names_stay_on_their_line(stage: Stage, source: Path) -> None:
    for name in (b"new\nline", b"not \xff text", b"\x1b[31mred"):
        Path(os.fsdecode(os.fsencode(source) + b"/" + name)).touch()
    back_up(stage, source)
    lines = stage.run("ls", "latest", source).splitlines()
    assert len(lines) == 7
    assert f"{source}/new\\nline" in lines
    assert f"{source}/not \\xff text" in lines
    assert f"{source}/\\x1b[31mred" in lines
    paths = [line["path"] for line in stage.documents("ls")[:-1]]
    assert f"{source}/not \udcff text" in paths


def test_a_path_that_no_backup_has_is_an_error(stage: Stage, source: Path) -> None:
    back_up(stage, source)
    for words in (("ls", "latest", "/none"), ("cat", "latest", str(source))):
        with pytest.raises(PathUnknownError):
            stage.run(*words)


def test_find_tells_in_which_snapshots_a_file_is(stage: Stage, source: Path) -> None:
    one = back_up(stage, source)
    fill(source, {"sub/B.TXT": b"capitals"})
    two = back_up(stage, source)
    *matches, result = stage.documents("find", "b.*")
    assert [(m["snapshot"], m["path"]) for m in matches] == [
        (each.id.hex(), str(source / "sub/b.txt")) for each in (one, two)
    ]
    assert (result["matches"], result["snapshots"]) == (2, 2)
    assert stage.json("find", "-i", "b.txt")["matches"] == 3
    assert stage.json("find", "b.txt", "-s", "latest")["matches"] == 1
    assert stage.json("find", "sub/*.txt")["matches"] == 2
    assert stage.json("find", "deep/c", f"{source}/a.txt")["matches"] == 4
    assert stage.json("find", "/a.txt", "b")["matches"] == 0
    assert "Nothing matches" in stage.run("find", "zzz")


def test_diff_shows_every_change_with_its_bytes(stage: Stage, source: Path) -> None:
    back_up(stage, source)
    (source / "a.txt").write_bytes(b"first and more")
    (source / "sub/b.txt").unlink()
    (source / "link").unlink()
    fill(source, {"link/inner": os.urandom(50_000)})
    (source / "sub/deep").chmod(0o700)
    back_up(stage, source)
    first, second = ids(stage)
    *changes, sums = stage.documents("diff", first, second[:12])
    assert [
        (each["path"].removeprefix(f"{source}/"), each["change"], each["bytes_more"])
        for each in changes
    ] == [
        ("a.txt", "modified", 9),
        ("link", "type_changed", 0),
        ("link/inner", "added", 50_000),
        ("sub/b.txt", "removed", -6),
    ]
    assert (sums["files_added"], sums["files_removed"], sums["files_changed"]) == (
        1,
        1,
        1,
    )
    assert 50_000 < sums["added"]["bytes"] < 60_000
    assert 0 < sums["removed"]["bytes"] < 10_000
    said = stage.run("diff", first, second, "--metadata")
    assert f"U                {source}/sub/deep/\n" in said
    assert f"M          +9 B  {source}/a.txt\n" in said
    assert stage.documents("diff", second, second)[0]["added"]["blobs"] == 0


def test_cat_writes_the_bytes_and_nothing_else(stage: Stage, source: Path) -> None:
    text = os.urandom(1_500_000).hex()
    (source / "large").write_text(text)
    back_up(stage, source)
    assert stage.run("cat", "latest", source / "large") == text
    assert stage.run("cat", "latest", source / "a.txt", "--json") == "first"


def test_stats_tell_restored_deduplicated_and_stored_bytes(
    stage: Stage, source: Path
) -> None:
    data = os.urandom(100_000)
    fill(source, {"one": data, "same": data, "zeros": bytes(50_000)})
    back_up(stage, source)
    back_up(stage, source)
    every = stage.json("stats")
    one = stage.json("stats", "latest")
    assert (every["snapshots"], every["files"], one["files"]) == (2, 12, 6)
    assert every["restore_bytes"] == 2 * one["restore_bytes"] == 2 * 250_012
    assert every["raw_bytes"] == one["raw_bytes"]
    assert 150_000 < one["raw_bytes"] < 160_000
    assert 100_000 < one["stored_bytes"] < 110_000
    assert 3.1 < every["deduplication"] < 3.4
    (deal,) = one["deals"]
    assert deal["bytes"] == stage.owner.chunks.stored_bytes
    assert 100_000 < deal["needed_bytes"] < deal["bytes"]
    assert "restored: 244.2 KiB" in stage.run("stats", "latest")
    assert stage.json("stats", "--host", "nobody")["raw_bytes"] == 0


def test_a_chunk_that_is_needed_in_part_counts_in_part(
    stage: Stage, source: Path
) -> None:
    noise = {f"noise/{n}": os.urandom(100_000) for n in range(4)}
    fill(source, noise)
    back_up(stage, source)
    for name in list(noise)[1:]:
        (source / name).unlink()
    back_up(stage, source)
    fill(source, {"last": os.urandom(700_000)})
    back_up(stage, source)
    first, second, _ = ids(stage)
    assert 400_000 < stage.json("stats", first)["stored_bytes"] < 410_000
    told = stage.json("stats", second)
    assert 100_000 < told["stored_bytes"] < 110_000
    (deal,) = told["deals"]
    assert 400_000 < deal["needed_bytes"] < 420_000
    assert deal["bytes"] > 1_100_000


def test_tags_are_added_removed_and_set(stage: Stage, source: Path) -> None:
    one = back_up(stage, source, tags=("a",)).id.hex()
    two = back_up(stage, source, host="lap").id.hex()

    def tags() -> list[list[str]]:
        return [each["tags"] for each in stage.json("snapshots")["snapshots"]]

    stage.run("tag", "add", "b,c", one, two)
    assert tags() == [["a", "b", "c"], ["b", "c"]]
    stage.run("tag", "remove", "b", "--host", "lap")
    assert tags() == [["a", "b", "c"], ["c"]]
    assert stage.json("tag", "add", "c", "latest")["changed"] == []
    said = stage.run("tag", "set", "", one[:8])
    assert tags() == [[], ["c"]]
    assert "no tags" in said
    assert ids(stage) == [one, two]
    with pytest.raises(click.UsageError):
        stage.run("tag", "add", "d")
    with pytest.raises(SnapshotLimitError):
        stage.run("tag", "add", "x" * 300, one)


@pytest.mark.parametrize(
    "words", [("ls",), ("cat", "latest", "/x"), ("diff", "aa", "bb"), ("stats", "aa")]
)
def test_a_snapshot_that_is_not_there_is_an_error(
    stage: Stage, words: tuple[str, ...]
) -> None:
    with pytest.raises(SnapshotUnknownError):
        stage.run(*words)
