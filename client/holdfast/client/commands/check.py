"""`holdfast check`: who holds my data, and how many losses does it survive."""

from typing import TYPE_CHECKING

import click

from holdfast.client import wording
from holdfast.client.command_line import Command
from holdfast.client.exit_codes import ExitCode
from holdfast.client.invocation import Invocation, pass_invocation
from holdfast.client.progress import Meter

if TYPE_CHECKING:
    from holdfast.client.checking import CheckReport
    from holdfast.client.core.soundness import DealCheck, HolderCheck
    from holdfast.client.core.subset import Subset
    from holdfast.client.storage import Storage

_FINDINGS_SHOWN = 50


@click.command("check", cls=Command)
@click.option(
    "--read-data", is_flag=True, help="Read everything back and verify all of it."
)
@click.option(
    "--read-data-subset",
    "part",
    metavar="PART",
    help="Read a part: 5% or 100M at random, or 1/10 by name.",
)
@pass_invocation
def command(invocation: Invocation, *, read_data: bool, part: str | None) -> int:
    """Check every deal, receipt, list and tree, and who proved what and when.

    Nothing is changed. Exit code 0 says that all is well, 22 that everything can be
    read but has lost some of its safety, 16 and 21 that something cannot be read.
    """
    if read_data and part:
        raise click.UsageError("Say --read-data or --read-data-subset, not both.")
    with invocation.client() as client, Meter(invocation.output, "checking") as meter:
        from holdfast.client.checking import Telling, check  # noqa: PLC0415
        from holdfast.client.core.subset import EVERYTHING  # noqa: PLC0415

        subset = _subset(part) if part else EVERYTHING if read_data else None
        tell = Telling(
            files=lambda n: meter.show(0, None, wording.count(n, "file")),
            read=lambda done, todo: meter.show(done, todo, "read back"),
        )

        async def work(storage: "Storage") -> "CheckReport":
            return await check(storage, subset, tell)

        report = client.with_storage(work)
    seconds = invocation.profile().network.params.epoch_seconds
    _show(invocation, report, seconds)
    invocation.output.result(document_of(report))
    return exit_code(report)


def _subset(text: str) -> "Subset":
    from holdfast.client.core.subset import Size, read_subset  # noqa: PLC0415

    return read_subset(text) or Size(wording.read_size(text))


def exit_code(report: "CheckReport") -> ExitCode:
    """Return how the command ends."""
    from holdfast.client.core.soundness import Kind, Verdict  # noqa: PLC0415

    kinds = {finding.kind for finding in report.findings}
    if kinds & {Kind.DAMAGED, Kind.CHUNKS_MISSING}:
        return ExitCode.UNTRUE
    if report.verdict is Verdict.BROKEN:
        return ExitCode.DATA_UNAVAILABLE
    return ExitCode.DEGRADED if report.findings else ExitCode.OK


def _show(invocation: Invocation, report: "CheckReport", epoch_seconds: int) -> None:
    output = invocation.output
    if not report.deals:
        output.say("No deals yet: `holdfast backup PATH` opens one.")
    for deal in report.deals:
        _show_deal(invocation, report, deal, epoch_seconds)
    if report.structure is not None:
        structure = report.structure
        output.say(
            f"{wording.count(structure.snapshots, 'snapshot')}, "
            f"{wording.count(structure.files, 'file entry', 'file entries')}: "
            "every list was read"
            + ("." if not structure.losses else ", as far as it can be.")
        )
    if report.read is not None:
        read = report.read
        output.say(
            f"Read back {wording.size(read.bytes_read)}: "
            f"{read.chunks:,} of {wording.count(read.chunks_total, 'chunk')}"
        )
    if report.unneeded_bytes:
        spare = wording.size(report.unneeded_bytes)
        output.say(f"{spare} are needed no more: `holdfast prune` drops them.")
    output.say()
    for finding in report.findings[:_FINDINGS_SHOWN]:
        output.warn(f"{finding.kind.verdict.name.lower()}: {finding.text}")
    if len(report.findings) > _FINDINGS_SHOWN:
        output.warn(f"… and {len(report.findings) - _FINDINGS_SHOWN} more")
    output.say(_verdict(report))


def _verdict(report: "CheckReport") -> str:
    survived = report.losses_survived
    if report.findings:
        wrong = wording.count(len(report.findings), "thing")
        return f"{wrong} to look at; the worst: {report.findings[0].text}"
    if survived is None:
        return "Nothing is stored, and nothing is wrong."
    return f"All is well: any {survived} holders of each deal may be lost at once."


def _show_deal(
    invocation: Invocation, report: "CheckReport", check: "DealCheck", seconds: int
) -> None:
    deal = check.deal
    invocation.output.say(
        f"Deal {wording.short(deal.id)}: {deal.k} of {deal.n}, "
        f"{wording.count(check.chunks, 'chunk')}, "
        f"{wording.size(check.held_bytes)} at each holder; {check.live} live, "
        f"survives the loss of {max(check.losses_survived, 0)}; paid until epoch "
        f"{check.last_epoch:,} "
        f"({_span(check.last_epoch - report.epoch, seconds)})"
    )
    rows = [_row(holder, report.epoch, seconds) for holder in check.holders]
    columns = (">index", "vault", "at", "now", "newest receipt", "last proof")
    invocation.output.table(columns, rows, "  ")
    invocation.output.say()


def _row(holder: "HolderCheck", epoch: int, seconds: int) -> tuple[str, ...]:
    who = (str(holder.index), wording.short(holder.vault), holder.endpoint)
    if not holder.answers:
        return (*who, "silent", "", "")
    proof = "none"
    if holder.proved_epoch is not None:
        age = wording.span((epoch - holder.proved_epoch) * seconds)
        proof = f"epoch {holder.proved_epoch:,}, {age} ago"
        proof += "" if holder.covers else ", before the newest backup"
    return (*who, "answers", "yes" if holder.informed else "no", proof)


def _span(epochs: int, seconds: int) -> str:
    return f"in {wording.span(epochs * seconds)}" if epochs > 0 else "over"


def document_of(report: "CheckReport") -> dict[str, object]:
    """Return a report as `--json` prints it; sizes are bytes."""
    structure, read = report.structure, report.read
    return {
        "epoch": report.epoch,
        "verdict": report.verdict.name.lower(),
        "losses_survived": report.losses_survived,
        "findings": [
            {
                "kind": finding.kind.name.lower(),
                "verdict": finding.kind.verdict.name.lower(),
                "deal": finding.deal,
                "text": finding.text,
            }
            for finding in report.findings
        ],
        "deals": [_deal_document(check) for check in report.deals],
        "unneeded_bytes": report.unneeded_bytes,
        "snapshots": structure.snapshots if structure else None,
        "files": structure.files if structure else None,
        "read": {
            "chunks": read.chunks,
            "chunks_total": read.chunks_total,
            "bytes": read.bytes_read,
            "bad": [chunk.chunk for chunk in read.bad],
        }
        if read
        else None,
    }


def _deal_document(check: "DealCheck") -> dict[str, object]:
    return {
        "id": check.deal.id,
        "k": check.deal.k,
        "n": check.deal.n,
        "live": check.live,
        "losses_survived": check.losses_survived,
        "oldest_proof_epoch": check.oldest_proof,
        "last_epoch": check.last_epoch,
        "sequence": check.sequence,
        "chunks": check.chunks,
        "held_bytes": check.held_bytes,
        "holders": [
            {
                "index": holder.index,
                "vault": holder.vault,
                "endpoint": holder.endpoint,
                "answers": holder.answers,
                "has_newest_receipt": holder.informed,
                "proved_epoch": holder.proved_epoch,
                "proof_covers_newest": holder.covers,
            }
            for holder in check.holders
        ],
    }
