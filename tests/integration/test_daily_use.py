"""Backups day by day, as programs: settings, a timetable's lines, limits, what is told.

The market is in this process; every command is one of its own.
"""

import asyncio
import json
import os
import shlex
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from holdfast.client.exit_codes import ExitCode
from holdfast_shell import PASSPHRASE, Shell
from served_market import run, served_market

LIMIT_KIB = 50
NOISE_BYTES = 300_000


def write_settings(owner: Shell, tree: Path) -> None:
    secret = shlex.join([sys.executable, "-c", f"print({PASSPHRASE!r})"])
    (owner.home / "config.toml").write_text(
        f"""
        default-profile = "desk"
        passphrase-command = {json.dumps(secret)}
        limit-upload = {LIMIT_KIB}

        [profile.desk.backup]
        paths = [{json.dumps(str(tree))}]
        exclude = ["*.sh"]
        tag = ["daily"]

        [profile.desk.forget]
        keep-last = 1
        """
    )


def plant(tree: Path) -> Path:
    tree.mkdir()
    (tree / "letter.txt").write_text("Dear vault, keep this.\n" * 100)
    (tree / "noise.bin").write_bytes(os.urandom(NOISE_BYTES))
    (tree / "nothing").touch()
    (tree / "run.sh").write_text("#!/bin/sh\n")
    return tree


async def told(shell: Shell, *words: str | Path) -> list[dict[str, Any]]:
    """Run a command that must succeed; return all documents that it printed."""
    code, said = await run(shell, *words, "--json")
    assert code == 0, said
    return [json.loads(line) for line in said.splitlines()]


async def cron_lines(owner: Shell) -> dict[str, str]:
    """Return what a timetable would have cron run, by the command's name."""
    words = ("--method", "cron", "--forget", "weekly sun", "--print")
    code, said = await run(owner, "schedule", "install", *words)
    assert code == 0, said
    lines = [line for line in said.splitlines() if line[:1].isdigit()]
    commands = [line.split(" ", 5)[5] for line in lines]
    return {job: c for c in commands for job in ("backup", "forget") if job in c}


async def as_cron(line: str, home: Path) -> tuple[int | None, bytes]:
    """Run a line as cron does: by a shell, with hardly any variables."""
    process = await asyncio.create_subprocess_exec(
        "/bin/sh",
        "-c",
        line,
        env={"HOME": str(home), "PATH": "/usr/bin:/bin"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    return process.returncode, said


async def completed(owner: Shell, words: str) -> list[str]:
    """Return what bash is offered for the last of some words."""
    asked: dict[str, str | None] = {
        "_HOLDFAST_COMPLETE": "bash_complete",
        "COMP_WORDS": f"holdfast {words}",
        "COMP_CWORD": str(len(words.split())),
    }
    asking = Shell(owner.home, asked)
    _, said = await run(asking)
    return [line.removeprefix("plain,") for line in said.split()]


@pytest.mark.long
def test_a_timetable_backs_up_by_the_settings_and_forgets_by_their_rules(
    tmp_path: Path,
) -> None:
    async def story() -> None:
        tree = plant(tmp_path / "tree")
        async with served_market(tmp_path) as place:
            owner = place.machine(tmp_path / "home")
            owner.variables["HOLDFAST_PASSPHRASE"] = None
            write_settings(owner, tree)
            lines = await cron_lines(owner)

            started = time.monotonic()
            assert await as_cron(lines["backup"], tmp_path) == (0, b"")
            took = time.monotonic() - started
            # Any half of the shards rebuild the noise, so twice its bytes were sent.
            assert took > NOISE_BYTES * 2 / (LIMIT_KIB * 1024) - 1
            (first,) = (await told(owner, "snapshots"))[-1]["snapshots"]
            assert (first["files"], first["tags"]) == (3, ["daily"])

            (tree / "noise.bin").write_bytes(os.urandom(NOISE_BYTES))
            *events, made = await told(owner, "backup", "--limit-upload", "0")
            (progress, *_) = (one for one in events if one["event"] == "progress")
            assert {"bytes_per_second", "seconds_left", "vaults"} <= progress.keys()
            assert made["files_changed"] == 1
            assert made["bytes_added"] > NOISE_BYTES

            assert await as_cron(lines["forget"], tmp_path) == (0, b"")
            (left,) = (await told(owner, "snapshots"))[-1]["snapshots"]
            assert left["id"] == made["snapshot"]
            assert await completed(owner, "restore l") == ["latest"]
            (offered,) = await completed(owner, f"ls {left['id'][0]}")
            assert left["id"].startswith(offered)

            code, said = await run(owner, "backup", "--verbose", "--tag", "by hand")
            assert code == 0
            assert "Files: 0 new, 0 changed, 3 unmodified" in said
            gone = tmp_path / "gone"
            code, said = await run(owner, "backup", "--quiet", gone, tree)
            assert code == ExitCode.FILES_SKIPPED
            (line,) = said.splitlines()
            assert line.startswith(f"  not stored: {gone} is not there")

    asyncio.run(story())
