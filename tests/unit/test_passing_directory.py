"""Temporary directories go away with their makers, also with those that are killed."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from holdfast.client.output import Output
from holdfast.client.passing_directory import passing_directory, remove_left_behind
from holdfast.client.staged_story import run_story

PREFIX = "holdfast-demo-"
MAKER = f"""
import sys
from holdfast.client.passing_directory import passing_directory
with passing_directory({PREFIX!r}) as directory:
    (directory / "restored" / "closed").mkdir(parents=True)
    (directory / "restored" / "closed" / "file").write_text("in the clear")
    (directory / "restored" / "closed").chmod(0)
    print(directory, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary directories are made."""
    made = tmp_path / "temporary"
    made.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(made))
    monkeypatch.setenv("TMPDIR", str(made))
    return made


def start_maker() -> tuple[subprocess.Popen[str], Path]:
    """Start a process that makes such a directory, and waits."""
    maker = subprocess.Popen(
        [sys.executable, "-c", MAKER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert maker.stdout is not None
    return maker, Path(maker.stdout.readline().strip())


def test_what_a_killed_process_left_is_removed_and_what_lives_stays(
    temporary: Path,
) -> None:
    killed, left = start_maker()
    alive, used = start_maker()
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    assert sorted(temporary.iterdir()) == sorted([left, used])
    with passing_directory(PREFIX) as ours:
        assert sorted(temporary.iterdir()) == sorted([used, ours])
        remove_left_behind(PREFIX)
        assert ours.is_dir()
    assert list(temporary.iterdir()) == [used]
    alive.communicate()
    assert alive.returncode == 0
    assert list(temporary.iterdir()) == []


def test_nothing_else_is_removed(temporary: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / ".in-use").touch()
    (elsewhere / "closed").mkdir(mode=0o500)
    (temporary / f"{PREFIX}kept").mkdir()
    (temporary / f"{PREFIX}file").write_text("mine")
    (temporary / f"{PREFIX}link").symlink_to(elsewhere)
    (temporary / "other").mkdir()
    (temporary / "other" / ".in-use").touch()
    before = sorted(temporary.rglob("*"))
    remove_left_behind(PREFIX)
    assert sorted(temporary.rglob("*")) == before
    assert (elsewhere / "closed").stat().st_mode & 0o777 == 0o500


@pytest.mark.parametrize("keep", [False, True])
def test_a_story_that_fails_leaves_its_directory_only_if_it_was_to_be_kept(
    temporary: Path, *, keep: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    async def fail(directory: Path, _page: object) -> None:
        (directory / "file").touch()
        raise FileNotFoundError(os.fspath(directory))

    with pytest.raises(FileNotFoundError):
        run_story(Output(), PREFIX, fail, keep=keep)
    remove_left_behind(PREFIX)
    assert len(list(temporary.iterdir())) == keep
    assert ("is still in" in capsys.readouterr().out) == keep
