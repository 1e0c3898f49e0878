"""`holdfast demo` on a small tree: true in all it says, and gone afterwards."""

import json
import os
from pathlib import Path

import pytest

from holdfast.client.exit_codes import ExitCode
from holdfast_shell import Shell

CLAIMS = 10


@pytest.fixture
def stage(tmp_path: Path) -> Path:
    """Where the demo makes its directory."""
    stage = tmp_path / "stage"
    stage.mkdir()
    return stage


def test_the_demo_is_true_on_a_small_tree_and_leaves_nothing(
    stranger: Shell, tree: Path, stage: Path
) -> None:
    stranger.variables["TMPDIR"] = str(stage)
    run = stranger.run("demo", tree, "--epoch-seconds", "3", "--json")
    assert run.returncode == ExitCode.OK, run.stdout + run.stderr
    page = json.loads(run.stdout.splitlines()[-1])
    assert page["all_true"]
    assert [claim["text"] for claim in page["claims"] if not claim["true"]] == []
    assert len(page["claims"]) == CLAIMS
    figures = page["figures"]
    assert (figures["files"], figures["bytes"]) == (5, 302_317)
    assert figures["earned_grains"] == figures["spent_grains"] > 0
    assert list(stage.iterdir()) == []
    assert processes_with(str(stage)) == []


def test_the_demo_of_what_does_not_exist_starts_nothing(
    stranger: Shell, stage: Path
) -> None:
    stranger.variables["TMPDIR"] = str(stage)
    run = stranger.run("demo", stage / "nothing")
    assert run.returncode == ExitCode.USAGE
    assert list(stage.iterdir()) == []


def processes_with(word: str) -> list[str]:
    """Return the command lines that name `word`."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            line = os.fsdecode((entry / "cmdline").read_bytes())
        except OSError:
            continue
        if word in line:
            found.append(line)
    return found
