"""`holdfast restore SNAPSHOT [PATH…] --target DIR`: files back from a backup."""

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from holdfast.client import completing, wording
from holdfast.client.command_line import Command
from holdfast.client.core.snapshot_choice import SnapshotFilter
from holdfast.client.exit_codes import ExitCode
from holdfast.client.invocation import Invocation, pass_invocation
from holdfast.client.progress import Meter
from holdfast.client.restore_summary import RestoreSummary
from holdfast.client.snapshot_options import filtered

if TYPE_CHECKING:
    from holdfast.client.repository import Repository
    from holdfast.client.restore import RestoreProgress, RestoreReport


@click.command("restore", cls=Command)
@click.argument("snapshot", shell_complete=completing.snapshots)
@click.argument("paths", nargs=-1)
@click.option(
    "--target",
    "-t",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="Directory to restore into; it is made if it does not exist.",
)
@click.option(
    "--include",
    multiple=True,
    help="Only what a line of a .gitignore would name; repeatable.",
)
@click.option(
    "--exclude", multiple=True, help="Leave out what such a line names; repeatable."
)
@click.option(
    "--overwrite",
    type=click.Choice(["always", "if-changed", "if-newer", "never"]),
    default="always",
    show_default=True,
    help="When to replace a file that is in the target.",
)
@click.option("--verify", is_flag=True, help="Read back and compare what was written.")
@click.option(
    "--keep-damaged",
    is_flag=True,
    help="Keep files that lost some of their data, with zeros in its place.",
)
@click.option("--dry-run", "-n", is_flag=True, help="Only say what would be restored.")
@filtered
@pass_invocation
def command(
    invocation: Invocation,
    *,
    snapshot: str,
    paths: tuple[str, ...],
    target: Path,
    include: tuple[str, ...],
    exclude: tuple[str, ...],
    overwrite: str,
    verify: bool,
    keep_damaged: bool,
    dry_run: bool,
    among: SnapshotFilter,
) -> int:
    """Restore SNAPSHOT, or only some PATHs of it, below --target.

    SNAPSHOT is the start of an id, or "latest" (of a host, tag or path). Files keep
    their whole path below the target, with modes and times. Any k of a deal's n vaults
    are enough. With --overwrite if-changed, a restore goes on where it was stopped.
    """
    started = time.monotonic()
    with invocation.client() as client, Meter(invocation.output, "restoring") as meter:

        def tell(progress: "RestoreProgress") -> None:
            if progress.files:
                invocation.kept = f"what is restored so far, in {target}"
            _show(meter, progress)

        def work(repository: "Repository") -> "RestoreReport":
            from holdfast.client.restore import (  # noqa: PLC0415
                Overwrite,
                foresee,
                restore,
            )
            from holdfast.client.restore_wishes import (  # noqa: PLC0415
                absolute,
                restore_job,
            )

            job = restore_job(
                repository,
                repository.snapshot(snapshot, among).snapshot,
                target,
                paths=absolute(paths),
                include=include,
                exclude=exclude,
                overwrite=Overwrite(overwrite),
                verify=verify,
                keep_damaged=keep_damaged,
            )
            if dry_run:
                return foresee(job, repository.reader)
            return restore(job, repository.reader, tell)

        report = client.read(work)
    summary = RestoreSummary(report, target, verify=verify, dry_run=dry_run)
    summary.show(invocation.output, time.monotonic() - started)
    if report.complete:
        return ExitCode.OK
    return ExitCode.DISK_FULL if summary.disk_full else ExitCode.FILES_NOT_RESTORED


def _show(meter: Meter, progress: "RestoreProgress") -> None:
    note = f"{progress.files:,} of {wording.count(progress.files_total, 'file')}"
    if progress.files_verified:
        note += f", {progress.files_verified:,} verified"
    meter.show(progress.bytes_written, progress.bytes_total, note)
