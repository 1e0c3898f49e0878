"""`holdfast backup PATH…`: files and directories into a new snapshot."""

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from holdfast.client import wording
from holdfast.client.command_line import Command
from holdfast.client.exit_codes import ExitCode
from holdfast.client.invocation import Invocation, pass_invocation
from holdfast.client.progress import Meter

if TYPE_CHECKING:
    from holdfast.client.session_values import BackupResult, Progress

_PROBLEMS_SHOWN = 20


@click.command("backup", cls=Command)
@click.argument(
    "paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path)
)
@click.option("--tag", "tags", multiple=True, help="Name this snapshot; repeatable.")
@click.option(
    "--exclude",
    "patterns",
    multiple=True,
    help="Leave out names like *.tmp; repeatable.",
)
@click.option("--for", "duration", help="How long to pay for: 90d, 500 epochs …")
@pass_invocation
def command(
    invocation: Invocation,
    *,
    paths: tuple[Path, ...],
    tags: tuple[str, ...],
    patterns: tuple[str, ...],
    duration: str | None,
) -> int:
    """Back up PATHs: only what changed since the last time is sent.

    When it is stopped, or killed, the same command goes on where it was.
    """
    started = time.monotonic()
    with invocation.client() as client, Meter(invocation.output, "backing up") as meter:

        def tell(progress: "Progress") -> None:
            if progress.bytes_uploaded:
                invocation.kept = "what was sent; the same command goes on from there"
            _show(meter, progress)

        result = client.backup(
            paths,
            tags=tags,
            exclude=patterns,
            epochs=invocation.epochs(duration),
            progress=tell,
        )
    _report(invocation, result, time.monotonic() - started)
    return ExitCode.FILES_SKIPPED if result.problems else ExitCode.OK


def _show(meter: Meter, progress: "Progress") -> None:
    safe = wording.size(progress.bytes_acknowledged)
    files = wording.count(progress.files, "file")
    meter.show(progress.bytes_seen, None, f"{files} read, {safe} safe")


def _report(invocation: Invocation, result: "BackupResult", seconds: float) -> None:
    output = invocation.output
    snapshot, stats = result.snapshot, result.snapshot.snapshot.stats
    output.say(
        f"Snapshot {wording.short(snapshot.id)}: "
        f"{wording.count(stats.files, 'file')}, {wording.size(stats.bytes_seen)}, "
        f"in {wording.span(seconds)}"
    )
    output.say(
        f"  new: {wording.size(stats.bytes_added)}, sent as "
        f"{wording.size(result.bytes_uploaded)} of sealed chunks"
    )
    for left in result.left_deals:
        said = "; ".join(f"{wording.short(v)} said {text!r}" for v, text in left.words)
        output.warn(f"  deal {wording.short(left.deal)} was given up: {said}")
    for problem in result.problems[:_PROBLEMS_SHOWN]:
        detail = f": {problem.detail}" if problem.detail else ""
        path = os.fsdecode(problem.path)
        output.warn(f"  not stored: {path} is {problem.kind.value}{detail}")
    if len(result.problems) > _PROBLEMS_SHOWN:
        output.warn(f"  … and {len(result.problems) - _PROBLEMS_SHOWN} more")
    output.result(
        {
            "snapshot": snapshot.id,
            "files": stats.files,
            "bytes_seen": stats.bytes_seen,
            "bytes_added": stats.bytes_added,
            "bytes_uploaded": result.bytes_uploaded,
            "left_deals": [left.deal for left in result.left_deals],
            "seconds": round(seconds, 3),
            "problems": [
                {
                    "path": os.fsdecode(problem.path),
                    "kind": problem.kind.name.lower(),
                    "detail": problem.detail,
                }
                for problem in result.problems
            ],
        }
    )
