"""`holdfast audit drill`: a sample of one's own files, restored and compared."""

import datetime as dt
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from holdfast.client import completing, wording
from holdfast.client.command_line import Command
from holdfast.client.exit_codes import ExitCode
from holdfast.client.invocation import Invocation, pass_invocation
from holdfast.client.progress import Meter

if TYPE_CHECKING:
    from holdfast.client.core.drill_receipt import DrillReceipt
    from holdfast.client.restore import RestoreProgress
    from holdfast.client.restore_drill import DrillReport

_FAILURES_SHOWN = 20


@click.command("drill", cls=Command)
@click.argument("snapshot", default="latest", shell_complete=completing.snapshots)
@click.option("--files", type=click.IntRange(1), help="How many files.  [default: 20]")
@click.option("--bytes", "size", help="Files of so many bytes instead: 1GiB …")
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Where the receipt goes.  [default: a new file in the profile's folder]",
)
@click.option(
    "--verify",
    "receipt",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Judge a receipt instead; it takes no profile and no network.",
)
@pass_invocation
def drill_command(
    invocation: Invocation,
    *,
    snapshot: str,
    files: int | None,
    size: str | None,
    output: Path | None,
    receipt: Path | None,
) -> int:
    """Restore a random sample of your own files, compare it, and sign a receipt.

    The files come from the vaults into a temporary place, are compared with the
    hashes in SNAPSHOT and with your files where these are unchanged, and deleted.
    """
    if receipt is not None:
        return _verify(invocation, receipt)
    if files and size:
        raise click.UsageError("Say --files or --bytes, not both.")
    with invocation.client() as client, Meter(invocation.output, "restoring") as meter:
        from holdfast.client.restore_drill import (  # noqa: PLC0415
            DrillOrder,
            drill,
            write_receipt,
        )

        order = DrillOrder(snapshot, files, wording.read_size(size) if size else None)
        params = invocation.profile().network.params

        def tell(progress: "RestoreProgress") -> None:
            note = f"{progress.files:,} files"
            meter.show(progress.bytes_written, progress.bytes_total, note)

        report = client.read(lambda repository: drill(repository, params, order, tell))
    path = output or _receipt_path(invocation.home)
    write_receipt(path, report.signed)
    return _report(invocation, report, path)


def _receipt_path(home: Path) -> Path:
    folder = home / "drills"
    folder.mkdir(parents=True, exist_ok=True)
    return folder / time.strftime("%Y-%m-%dT%H%M%SZ.receipt", time.gmtime())


def _report(invocation: Invocation, report: "DrillReport", path: Path) -> int:
    output = invocation.output
    for place, reason in report.failures[:_FAILURES_SHOWN]:
        shown = place.decode("utf-8", "backslashreplace")
        output.warn(f"  {shown}: {reason}")
    if len(report.failures) > _FAILURES_SHOWN:
        output.warn(f"  … and {len(report.failures) - _FAILURES_SHOWN} more")
    _tell(invocation, report.receipt)
    output.say(f"Receipt: {path}")
    output.result(document_of(report.receipt) | {"receipt": path})
    if report.receipt.passed:
        return ExitCode.OK
    lost = report.receipt.right < report.receipt.files
    return ExitCode.FILES_NOT_RESTORED if lost else ExitCode.UNTRUE


def _verify(invocation: Invocation, path: Path) -> int:
    from holdfast.client.restore_drill import load_receipt  # noqa: PLC0415

    receipt = load_receipt(path)
    invocation.output.say("The account's signature holds.")
    _tell(invocation, receipt)
    invocation.output.result(document_of(receipt))
    return ExitCode.OK if receipt.passed else ExitCode.UNTRUE


def _tell(invocation: Invocation, receipt: "DrillReceipt") -> None:
    from holdfast.ledger.core.address import address_text  # noqa: PLC0415

    say = invocation.output.say
    say(
        f"Snapshot {wording.short(receipt.snapshot)} of "
        f"{_time(receipt.snapshot_time_ns / 1e9)}, on network {receipt.network_name}"
    )
    say(
        f"Sample: {wording.count(receipt.files, 'file')} of {receipt.files_total:,}, "
        f"{wording.size(receipt.bytes)} of {wording.size(receipt.bytes_total)}"
    )
    say(
        f"{receipt.right:,} of {receipt.files:,} came back as they were stored, in "
        f"{wording.span(receipt.milliseconds / 1000)}, at {_time(receipt.seconds)}"
    )
    same = receipt.live - receipt.live_differing
    say(f"{same:,} of {receipt.live:,} unchanged files here are the same, too")
    say(f"Account {address_text(receipt.account)} says so")


def document_of(receipt: "DrillReceipt") -> dict[str, object]:
    """Return a receipt as `--json` prints it."""
    from holdfast.ledger.core.address import address_text  # noqa: PLC0415

    return {
        "passed": receipt.passed,
        "network": receipt.network,
        "network_name": receipt.network_name,
        "account": address_text(receipt.account),
        "snapshot": receipt.snapshot,
        "snapshot_time_ns": receipt.snapshot_time_ns,
        "files_total": receipt.files_total,
        "bytes_total": receipt.bytes_total,
        "began_seconds": receipt.seconds,
        "milliseconds": receipt.milliseconds,
        "files": receipt.files,
        "bytes": receipt.bytes,
        "right": receipt.right,
        "live_compared": receipt.live,
        "live_differing": receipt.live_differing,
    }


def _time(seconds: float) -> str:
    return dt.datetime.fromtimestamp(seconds, tz=dt.UTC).isoformat(timespec="seconds")
