"""`holdfast backup PATH…`: files, directories or a stream into a new snapshot."""

import os
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from holdfast.client import completing, wording
from holdfast.client.backup_summary import BackupSummary
from holdfast.client.command_line import Command, from_settings
from holdfast.client.exit_codes import ExitCode
from holdfast.client.invocation import Invocation, pass_invocation
from holdfast.client.progress import Meter

if TYPE_CHECKING:
    from holdfast.client.archive import BackupJob, BackupProgress
    from holdfast.client.session import Client
    from holdfast.client.session_values import Progress


@click.command("backup", cls=Command)
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.option("--tag", "tags", multiple=True, help="Name this snapshot; repeatable.")
@click.option(
    "--exclude",
    "patterns",
    multiple=True,
    help="Leave out what a line of a .gitignore would; repeatable.",
)
@click.option(
    "--exclude-file",
    "pattern_files",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Read such lines from a file; repeatable.",
)
@click.option("--one-file-system", "-x", is_flag=True, help="Stay on each PATH's disk.")
@click.option("--host", help="Name of this machine in the snapshot.")
@click.option("--stdin", is_flag=True, help="Back up standard input instead of PATHs.")
@click.option(
    "--stdin-filename", default="stdin", show_default=True, help="Its name there."
)
@click.option("--dry-run", "-n", is_flag=True, help="Only say what would be added.")
@click.option("--for", "duration", help="How long to pay for: 90d, 500 epochs …")
@pass_invocation
def command(
    invocation: Invocation,
    *,
    paths: tuple[Path, ...],
    tags: tuple[str, ...],
    patterns: tuple[str, ...],
    pattern_files: tuple[Path, ...],
    one_file_system: bool,
    host: str | None,
    stdin: bool,
    stdin_filename: str,
    dry_run: bool,
    duration: str | None,
) -> int:
    """Back up PATHs: only what changed since the last time is sent.

    When it is stopped, or killed, the same command goes on where it was. Files that
    change, vanish or cannot be read meanwhile are named, and the exit code is 3.
    """
    from holdfast.client.backing_up import job_of  # noqa: PLC0415
    from holdfast.client.path_patterns import read_patterns  # noqa: PLC0415

    if stdin and from_settings("paths"):
        paths = ()
    _check(paths, stdin_filename, stdin=stdin)
    started = time.monotonic()
    from_files = [line for file in pattern_files for line in read_patterns(file)]
    job = job_of(
        [Path("/", stdin_filename)] if stdin else paths,
        tags=[tag for part in tags for tag in part.split(",") if tag],
        exclude=[*from_files, *patterns],
        host=host,
        one_file_system=one_file_system,
        stream=sys.stdin.buffer if stdin else None,
    )
    with invocation.client() as client:
        run = _foresee if dry_run else _back_up
        summary = run(invocation, client, job, invocation.epochs(duration))
    if not dry_run:
        completing.add_snapshot(invocation.home, summary.snapshot)
    summary.show(invocation.output, time.monotonic() - started)
    return ExitCode.FILES_SKIPPED if summary.incomplete else ExitCode.OK


def _check(paths: tuple[Path, ...], stdin_filename: str, *, stdin: bool) -> None:
    if stdin == bool(paths):
        raise click.UsageError("Name PATHs to back up, or say --stdin.")
    if os.sep in stdin_filename or stdin_filename in {"", ".", ".."}:
        raise click.UsageError("--stdin-filename is the name of a file, without /.")


def _back_up(
    invocation: Invocation, client: "Client", job: "BackupJob", epochs: int | None
) -> BackupSummary:
    expected = Guess(job)
    with Meter(invocation.output, "backing up") as meter:

        def tell(progress: "Progress") -> None:
            if progress.bytes_uploaded:
                invocation.kept = "what was sent; the same command goes on from there"
            safe = wording.size(progress.bytes_acknowledged)
            files = wording.count(progress.files, "file")
            note = f"{files} read, {safe} safe"
            meter.show(progress.bytes_done, expected.total, note, progress.vaults)

        made = client.back_up(job, epochs=epochs, progress=tell)
    return BackupSummary(
        made.snapshot,
        made.problems,
        made.files_new,
        made.bytes_uploaded,
        left_deals=made.left_deals,
    )


class Guess:
    """What there is to read, as soon as the paths were walked through beside."""

    def __init__(self, job: "BackupJob") -> None:
        self.total: int | None = None
        threading.Thread(target=self._walk, args=(job,), daemon=True).start()

    def _walk(self, job: "BackupJob") -> None:
        from holdfast.client.sizing import bytes_expected  # noqa: PLC0415

        self.total = bytes_expected(job) or None


def _foresee(
    invocation: Invocation, client: "Client", job: "BackupJob", _epochs: int | None
) -> BackupSummary:
    from holdfast.client.backup import estimate  # noqa: PLC0415

    with Meter(invocation.output, "looking") as meter:

        def tell(progress: "BackupProgress") -> None:
            files = wording.count(progress.files, "file")
            meter.show(progress.bytes_seen, None, f"{files} read")

        found = client.read(lambda repository: estimate(repository, job, progress=tell))
    return BackupSummary(
        found.snapshot,
        found.problems,
        found.files_new,
        sum(found.chunk_sizes),
        dry_run=True,
    )
