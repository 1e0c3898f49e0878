"""`holdfast restore SNAPSHOT [PATH…] --target DIR`: files back from a backup."""

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from holdfast.client import wording
from holdfast.client.command_line import Command
from holdfast.client.exit_codes import NO_ROOM, ExitCode
from holdfast.client.invocation import Invocation, pass_invocation
from holdfast.client.progress import Meter

if TYPE_CHECKING:
    from holdfast.client.restore import RestoreProgress, RestoreReport

_FAILURES_SHOWN = 20


@click.command("restore", cls=Command)
@click.argument("snapshot")
@click.argument("paths", nargs=-1)
@click.option(
    "--target",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="Directory to restore into; it is made if it does not exist.",
)
@pass_invocation
def command(
    invocation: Invocation, *, snapshot: str, paths: tuple[str, ...], target: Path
) -> int:
    """Restore SNAPSHOT, or only some PATHs of it, below --target.

    SNAPSHOT is the start of an id, or "latest". Files keep their whole path below the
    target, with modes and times. Any k of a deal's n vaults are enough.
    """
    started = time.monotonic()
    with invocation.client() as client, Meter(invocation.output, "restoring") as meter:

        def tell(progress: "RestoreProgress") -> None:
            if progress.files:
                invocation.kept = f"what is restored so far, in {target}"
            _show(meter, progress)

        chosen = [os.path.abspath(path) for path in paths]  # noqa: PTH100 # of bytes, too
        report = client.restore(snapshot, target, paths=chosen, progress=tell)
    _report(invocation, report, target, time.monotonic() - started)
    if report.complete:
        return ExitCode.OK
    return ExitCode.DISK_FULL if _disk_full(report) else ExitCode.FILES_NOT_RESTORED


def _disk_full(report: "RestoreReport") -> bool:
    return any(failure.errno in NO_ROOM for failure in report.failures)


def _show(meter: Meter, progress: "RestoreProgress") -> None:
    note = f"{progress.files:,} of {wording.count(progress.files_total, 'file')}"
    meter.show(progress.bytes_written, progress.bytes_total, note)


def _report(
    invocation: Invocation, report: "RestoreReport", target: Path, seconds: float
) -> None:
    output = invocation.output
    output.say(
        f"Restored {wording.count(report.files, 'file')}, "
        f"{wording.size(report.bytes_written)}, to {target} in {wording.span(seconds)}"
    )
    lost = [failure for failure in report.failures if failure.lost]
    for failure in report.failures[:_FAILURES_SHOWN]:
        what = "not restored" if failure.lost else "restored, but not wholly as it was"
        output.warn(f"  {what}: {os.fsdecode(failure.path)}: {failure.reason}")
    if len(report.failures) > _FAILURES_SHOWN:
        output.warn(f"  … and {len(report.failures) - _FAILURES_SHOWN} more")
    if lost:
        when = (
            "when there is room" if _disk_full(report) else "when more vaults are back"
        )
        what = wording.count(len(lost), "path")
        output.warn(f"  {what} could not be restored; run the same command {when}")
    output.result(
        {
            "target": target,
            "files": report.files,
            "directories": report.directories,
            "others": report.others,
            "skipped": report.skipped,
            "bytes_written": report.bytes_written,
            "complete": report.complete,
            "seconds": round(seconds, 3),
            "failures": [
                {
                    "path": os.fsdecode(failure.path),
                    "reason": failure.reason,
                    "lost": failure.lost,
                    "chunk": failure.chunk,
                }
                for failure in report.failures
            ],
        }
    )
