"""`holdfast deal …`: the contracts with the vaults that hold your data."""

from typing import TYPE_CHECKING

import click

from holdfast.client import completing, wording
from holdfast.client.command_line import Group, from_settings
from holdfast.client.exit_codes import ExitCode
from holdfast.client.invocation import Invocation, pass_invocation

if TYPE_CHECKING:
    from holdfast.client.core.renewal import Policy
    from holdfast.client.renewing import NotRenewed, Renewed
    from holdfast.client.session import Client
    from holdfast.client.session_values import DealStatus
    from holdfast.client.storage import Storage


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
@click.argument("deal", shell_complete=completing.deals)
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
@click.argument("deal", shell_complete=completing.deals)
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


@command.command("renew")
@click.argument("deals", nargs=-1, shell_complete=completing.deals)
@click.option("--for", "duration", help="How long from now on: 90d, 1y …")
@pass_invocation
def renew(
    invocation: Invocation, *, deals: tuple[str, ...], duration: str | None
) -> int:
    """Give DEALs, or all that run, a new end; `auto-renew` does it by itself."""
    epochs = invocation.epochs(duration)
    with invocation.client() as client:
        from holdfast.client.renewing import NotRenewed, renew_named  # noqa: PLC0415

        named = [_found(client, prefix).deal for prefix in deals]

        async def work(storage: "Storage") -> "tuple[Renewed | NotRenewed, ...]":
            return await renew_named(storage.book, named, epochs)

        done = client.with_storage(work)
    output = invocation.output
    for each in done:
        name = wording.short(each.deal.id)
        if isinstance(each, NotRenewed):
            output.warn(f"deal {name} was not renewed: {each.reason}")
        else:
            until, locked = f"{each.deal.end_epoch:,}", wording.hold(each.locked)
            output.say(f"Deal {name} runs until epoch {until}; {locked} locked for it.")
    failed = [each for each in done if isinstance(each, NotRenewed)]
    output.result({"deals": [_renewal_document(each) for each in done]})
    return ExitCode.REFUSED if failed else ExitCode.OK


def _renewal_document(each: "Renewed | NotRenewed") -> dict[str, object]:
    from holdfast.client.renewing import Renewed  # noqa: PLC0415

    renewed = isinstance(each, Renewed)
    return {
        "id": each.deal.id,
        "renewed": renewed,
        "end_epoch": each.deal.end_epoch,
        "locked_grains": each.locked if isinstance(each, Renewed) else 0,
        "reason": "" if isinstance(each, Renewed) else each.reason,
    }


@command.command("auto-renew")
@click.option("--for", "term", help="How long a renewal pays for: 1y …")
@click.option("--before", help="How long before a deal's end: 30d …")
@click.option("--spend-max", help="What one renewal may lock at most, such as 12.5.")
@click.option("--off", is_flag=True, help="Renew nothing by itself any more.")
@pass_invocation
def auto_renew(
    invocation: Invocation,
    *,
    term: str | None,
    before: str | None,
    spend_max: str | None,
    off: bool,
) -> None:
    """Show or set the policy that renews deals by itself.

    Whatever command connects to the network then first renews the deals that are due
    and hold something. Let a scheduled backup be that command.
    """
    from holdfast.client.renewal_settings import read_policy  # noqa: PLC0415
    from holdfast.client.renewing import load_policy, save_policy  # noqa: PLC0415

    profile = invocation.profile()
    home, epoch_seconds = profile.home, profile.network.params.epoch_seconds
    if off:
        save_policy(home, None)
        if from_settings("term"):
            invocation.output.warn("[deal.auto-renew] in config.toml goes on: edit it.")
    elif term or before or spend_max:
        if not (term and before):
            raise click.UsageError("Say --for and --before, or --off.")
        save_policy(home, read_policy(term, before, spend_max, epoch_seconds))
    _tell_policy(invocation, load_policy(home))


def _tell_policy(invocation: Invocation, policy: "Policy | None") -> None:
    output = invocation.output
    if policy is None:
        output.say("Deals are not renewed by themselves.")
        output.result({"auto_renew": False})
        return
    most = policy.spend_max
    limit = "" if most is None else f", if that locks {wording.hold(most)} at most"
    output.say(
        f"Deals are renewed for {wording.span(policy.term_seconds)} when "
        f"{wording.span(policy.before_seconds)} are left{limit}."
    )
    output.result(
        {
            "auto_renew": True,
            "term_seconds": policy.term_seconds,
            "before_seconds": policy.before_seconds,
            "spend_max_grains": most,
        }
    )


@command.command("close")
@click.argument("deal", shell_complete=completing.deals)
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
