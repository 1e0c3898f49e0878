"""The tour of README.md: its commands, run as they are written."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from holdfast.client.demo.comparison import compare
from holdfast_shell import PROGRAM, SECONDS_MAX, Shell

ROOT = Path(__file__).parents[2]
TOUR = re.compile(r"<!-- tour:.*?-->\n```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def tour() -> list[str]:
    (block,) = TOUR.findall((ROOT / "README.md").read_text())
    return [line for line in str(block).splitlines() if line.strip()]


@pytest.fixture
def newcomer(tmp_path: Path) -> Shell:
    """Somebody who has just cloned the project and put `.venv/bin` on the path."""
    path = f"{PROGRAM.parent}{os.pathsep}{os.environ['PATH']}"
    return Shell(tmp_path / "home", {"PATH": path})


def test_every_command_of_the_tour_does_what_it_says(
    newcomer: Shell, tmp_path: Path
) -> None:
    clone = tmp_path / "clone"
    shutil.copytree(ROOT / "docs", clone / "docs")
    said = {}
    with newcomer.network_ends_here():
        for line in tour():
            run = subprocess.run(
                ["/bin/sh", "-c", line],
                cwd=clone,
                env=newcomer.environment(),
                check=False,
                capture_output=True,
                text=True,
                timeout=SECONDS_MAX,
            )
            assert run.returncode == 0, f"{line}\n{run.stdout}{run.stderr}"
            assert run.stderr == "", line
            said[line.partition("#")[0].strip()] = run.stdout
    restored = clone / "restored" / (clone / "docs").relative_to("/")
    assert compare(clone / "docs", restored).differences == []
    assert len(re.findall(r"\bactive\b", said["holdfast network up"])) == 12
    assert "10,000 HOLD" in said["holdfast wallet faucet"]
    assert "13 processes ended" in said["holdfast network down"]


def test_every_make_target_of_the_readme_exists() -> None:
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    named = re.findall(r"(?m)(?:^|`)make ([a-z]+)", (ROOT / "README.md").read_text())
    assert named
    assert set(named) <= set(targets)


def test_every_page_that_the_readme_points_to_exists() -> None:
    text = (ROOT / "README.md").read_text()
    pages = re.findall(r"\]\(([^)#:]+)\)", text)
    assert [page for page in pages if not (ROOT / page).exists()] == []
