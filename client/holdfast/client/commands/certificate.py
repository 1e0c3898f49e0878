"""`holdfast certificate`: a signed statement of who holds a backup, judged offline."""

import asyncio
import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING

import click

from holdfast.client import completing, wording
from holdfast.client.command_line import Group
from holdfast.client.invocation import Invocation, pass_invocation

if TYPE_CHECKING:
    from holdfast.client.certificate_ledger import LedgerView
    from holdfast.client.core.backup_certificate import (
        BackupCertificate,
        CertifiedDeal,
        SignedCertificate,
    )
    from holdfast.client.storage import Storage


class _Group(Group):
    """A group that makes a certificate when no command of its own is named."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not {*self.commands, "-h", "--help"} & set(args):
            args = ["make", *args]
        return super().parse_args(ctx, args)


@click.group("certificate", cls=_Group)
def command() -> None:
    """Write a statement that others can judge: who holds a backup, and proved it.

    `holdfast certificate SNAPSHOT --output FILE` makes one, also with a path in place
    of SNAPSHOT; `verify` judges one.
    """


@command.command("make")
@click.argument(
    "snapshot",
    metavar="[SNAPSHOT|PATH]",
    default="latest",
    shell_complete=completing.snapshots,
)
@click.option(
    "--output",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="The file to write; it must not be there yet.",
)
@pass_invocation
def make(invocation: Invocation, *, snapshot: str, output: Path) -> None:
    """Certify SNAPSHOT ("latest" unless named): its heads, receipts and proofs.

    Of PATH it certifies what the newest snapshot with it has there; a name that reads
    as an id is a path as ./NAME. It tells nothing of names and contents: only sizes,
    times and who holds it.
    """
    with invocation.client() as client:
        from holdfast.client.certifying import certify, write_certificate  # noqa: PLC0415

        async def work(storage: "Storage") -> "SignedCertificate":
            return await certify(storage, snapshot)

        signed = client.with_storage(work)
    write_certificate(output, signed)
    invocation.output.say(f"Certificate written to {output}")
    _tell(invocation, signed.certificate, None)
    invocation.output.result(_document(signed.certificate, None) | {"file": output})


@command.command("verify")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--network",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Ask this network's ledger, too: its deals, holders and voters.",
)
@pass_invocation
def verify(invocation: Invocation, *, file: Path, network: Path | None) -> None:
    """Judge a certificate; nothing but FILE is needed, no profile and no network.

    Every signature in it is verified. Whether the deals still run and the voters were
    the right ones only the ledger knows: --network asks it.
    """
    from holdfast.wire import process  # noqa: PLC0415

    process.prepare()  # before the SDK imports NumPy
    from holdfast.client.certifying import read_certificate  # noqa: PLC0415

    certificate = read_certificate(file)
    views = None
    if network is not None:
        from holdfast.client.certificate_ledger import confirm  # noqa: PLC0415
        from holdfast.ledger.network_file import NetworkFile  # noqa: PLC0415

        views = asyncio.run(confirm(certificate, NetworkFile.load(network)))
    invocation.output.say("Every signature holds.")
    _tell(invocation, certificate, views)
    invocation.output.result(_document(certificate, views))


def _time(seconds: float) -> str:
    return dt.datetime.fromtimestamp(seconds, tz=dt.UTC).isoformat(timespec="seconds")


def _tell(
    invocation: Invocation,
    certificate: "BackupCertificate",
    views: "tuple[LedgerView, ...] | None",
) -> None:
    from holdfast.ledger.core.address import address_text  # noqa: PLC0415

    say = invocation.output.say
    say(
        f"Snapshot {wording.short(certificate.snapshot)} of "
        f"{_time(certificate.snapshot_time_ns / 1e9)}: "
        f"{wording.count(certificate.files, 'file')}, "
        f"{wording.size(certificate.bytes_seen)}"
    )
    say(
        f"Stated by account {address_text(certificate.account)} on network "
        f"{certificate.network_name} at {_time(certificate.seconds)}, "
        f"epoch {certificate.epoch:,}"
    )
    for place, deal in enumerate(certificate.deals):
        say()
        _tell_deal(invocation, deal, views[place] if views else None)


def _tell_deal(
    invocation: Invocation, deal: "CertifiedDeal", view: "LedgerView | None"
) -> None:
    from holdfast.client.core.backup_certificate import holders_of  # noqa: PLC0415

    head, holders = deal.receipt.head.value, holders_of(deal)
    say = invocation.output.say
    say(
        f"Deal {wording.short(head.deal)}, head {head.sequence}: "
        f"{wording.count(deal.chunks, 'chunk')} of it, "
        f"{wording.size(deal.chunk_bytes)}; any {deal.k} of {len(holders)} holders "
        f"suffice; paid until epoch {deal.last_epoch:,}"
    )
    if view is not None:
        say(
            f"The ledger agrees in epoch {view.epoch:,}: {view.current} of these hold "
            f"it, {view.confirmed} of {len(deal.proofs)} proofs have the right voters, "
            f"paid until epoch {view.last_epoch:,}"
        )
    proofs = {p.certificate.checkpoint.value.vault: p for p in deal.proofs}
    rows = []
    for index, vault in enumerate(holders):
        signed = deal.receipt.receipts[index].value.epoch
        proof = proofs.get(vault)
        proved = (
            f"epoch {proof.certificate.epoch:,} "
            f"({wording.count(len(proof.keys), 'vote')})"
            if proof
            else "not shown"
        )
        rows.append((index, wording.short(vault), f"epoch {signed:,}", proved))
    invocation.output.table((">index", "vault", "signed for it", "proved"), rows, "  ")


def _document(
    certificate: "BackupCertificate", views: "tuple[LedgerView, ...] | None"
) -> dict[str, object]:
    from holdfast.ledger.core.address import address_text  # noqa: PLC0415

    return {
        "valid": True,
        "network": certificate.network_name,
        "network_id": certificate.network,
        "account": address_text(certificate.account),
        "seconds": certificate.seconds,
        "epoch": certificate.epoch,
        "snapshot": certificate.snapshot,
        "files": certificate.files,
        "bytes_seen": certificate.bytes_seen,
        "ledger_asked": views is not None,
        "deals": [
            _deal_document(deal, views[place] if views else None)
            for place, deal in enumerate(certificate.deals)
        ],
    }


def _deal_document(
    deal: "CertifiedDeal", view: "LedgerView | None"
) -> dict[str, object]:
    from holdfast.client.core.backup_certificate import holders_of  # noqa: PLC0415

    head = deal.receipt.head.value
    proofs = {
        p.certificate.checkpoint.value.vault: p.certificate.epoch for p in deal.proofs
    }
    return {
        "id": head.deal,
        "head": head.digest(),
        "sequence": head.sequence,
        "k": deal.k,
        "last_epoch": deal.last_epoch,
        "chunks": deal.chunks,
        "chunk_bytes": deal.chunk_bytes,
        "chunks_digest": deal.chunks_digest,
        "holders": [
            {"vault": vault, "proved_epoch": proofs.get(vault)}
            for vault in holders_of(deal)
        ],
        "holders_now": view.current if view else None,
        "proofs_confirmed": view.confirmed if view else None,
    }
