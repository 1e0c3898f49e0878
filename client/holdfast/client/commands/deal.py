"""`holdfast deal …`: the contracts with the vaults that hold your data."""

from typing import TYPE_CHECKING

import click

from holdfast.client import wording
from holdfast.client.command_line import Group
from holdfast.client.invocation import Invocation, pass_invocation

if TYPE_CHECKING:
    from holdfast.client.session import Client
    from holdfast.client.session_values import DealStatus


@click.group("deal", cls=Group)
def command() -> None:
    """Show and change your deals with vaults.

    `holdfast backup` opens and extends deals by itself; these commands are for those
    who want to choose.
    """


@command.command("list")
@pass_invocation
def list_deals(invocation: Invocation) -> None:
    """List your deals, oldest first."""
    with invocation.client() as client:
        deals = client.deals()
    output = invocation.output
    if deals:
        output.table(_COLUMNS, [_row(status) for status in deals])
    else:
        output.say("No deals yet: `holdfast backup PATH` opens one.")
    output.result({"deals": [document_of(status) for status in deals]})


@command.command("show")
@click.argument("deal")
@pass_invocation
def show(invocation: Invocation, *, deal: str) -> None:
    """Show one deal with its holders: DEAL is the start of its id."""
    with invocation.client() as client:
        status = _found(client, deal)
    _tell(invocation, status)


@command.command("open")
@click.option("--capacity", required=True, help="Bytes for each holder: 1GiB …")
@click.option("--for", "duration", help="How long: 90d, 500 epochs …")
@pass_invocation
def open_deal(invocation: Invocation, *, capacity: str, duration: str | None) -> None:
    """Open a deal before anything is backed up into it."""
    with invocation.client() as client:
        status = client.open_deal(
            wording.read_size(capacity), epochs=invocation.epochs(duration)
        )
    _tell(invocation, status)


@command.command("extend")
@click.argument("deal")
@click.option("--capacity", help="Bytes for each holder from now on: 2GiB …")
@click.option("--for", "duration", help="How long from now on: 90d, 500 epochs …")
@pass_invocation
def extend(
    invocation: Invocation, *, deal: str, capacity: str | None, duration: str | None
) -> None:
    """Give a deal a later end or a larger capacity."""
    if capacity is None and duration is None:
        raise click.UsageError("Say --capacity, --for, or both.")
    with invocation.client() as client:
        status = client.extend_deal(
            _found(client, deal).deal.id,
            capacity=wording.read_size(capacity) if capacity else None,
            epochs=invocation.epochs(duration),
        )
    _tell(invocation, status)


@command.command("close")
@click.argument("deal")
@click.option("--yes", is_flag=True, help="Do not ask.")
@pass_invocation
def close(invocation: Invocation, *, deal: str, yes: bool) -> None:
    """End a deal with the current period; what it holds is then deleted.

    What its escrow has not spent comes back after the end.
    """
    with invocation.client() as client:
        status = _found(client, deal)
        if not yes and status.held_bytes:
            held = wording.size(status.held_bytes)
            question = f"Each holder keeps {held} of your data for it. Close it?"
            click.confirm(question, abort=True, err=True)
        closed = client.close_deal(status.deal.id)
    _tell(invocation, closed)


def _found(client: "Client", prefix: str) -> "DealStatus":
    from holdfast.client.network_errors import DealUnknownError  # noqa: PLC0415

    wanted = prefix.lower()
    found = [s for s in client.deals() if s.deal.id.hex().startswith(wanted)]
    if len(found) != 1 or not wanted:
        raise DealUnknownError(prefix)
    return found[0]


_COLUMNS = (
    "deal",
    "policy",
    ">held",
    ">capacity",
    ">until epoch",
    ">escrow",
    "holders answering",
)


def _row(status: "DealStatus") -> tuple[str, ...]:
    deal = status.deal
    ended = " (closed)" if deal.closed_epoch is not None else ""
    return (
        wording.short(deal.id),
        f"{deal.k} of {deal.n}",
        wording.size(status.held_bytes),
        wording.size(deal.capacity),
        f"{status.last_epoch}{ended}",
        wording.hold(deal.escrow),
        f"{len(status.answered)} of {deal.n}",
    )


def _tell(invocation: Invocation, status: "DealStatus") -> None:
    output = invocation.output
    output.table(_COLUMNS, [_row(status)])
    output.say()
    rows = [
        (
            index,
            wording.short(holder.vault),
            f"{wording.hold(holder.price)} per GiB and epoch",
            holder.since_epoch,
            "answers" if holder.vault in status.answered else "silent",
        )
        for index, holder in enumerate(status.deal.holders)
    ]
    output.table((">index", "vault", ">price", ">since epoch", "now"), rows)
    output.result(document_of(status))


def document_of(status: "DealStatus") -> dict[str, object]:
    """Return a deal as `--json` prints it; tokens are grains, sizes bytes."""
    deal = status.deal
    return {
        "id": deal.id,
        "k": deal.k,
        "n": deal.n,
        "capacity": deal.capacity,
        "held_bytes": status.held_bytes,
        "chunks": status.chunks,
        "opened_epoch": deal.opened_epoch,
        "end_epoch": deal.end_epoch,
        "last_epoch": status.last_epoch,
        "closed_epoch": deal.closed_epoch,
        "refunded": bool(deal.refunded),
        "escrow_grains": deal.escrow,
        "readable": status.is_readable,
        "writable": status.is_writable,
        "holders": [
            {
                "index": index,
                "vault": holder.vault,
                "price": holder.price,
                "since_epoch": holder.since_epoch,
                "answers": holder.vault in status.answered,
            }
            for index, holder in enumerate(deal.holders)
        ],
    }
