"""`holdfast bill`: what was charged, by deal and period, each line with its proof."""

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING

import click

from holdfast.client import wording
from holdfast.client.bill_verifying import verify_bills
from holdfast.client.command_line import Command
from holdfast.client.exit_codes import ExitCode
from holdfast.client.invocation import Invocation, pass_invocation

if TYPE_CHECKING:
    from holdfast.client.billing_desk import Bill, DealAccount
    from holdfast.client.core.billing import Charge
    from holdfast.client.storage import Storage
    from holdfast.protocol.network import NetworkParams


@click.command("bill", cls=Command)
@click.option("--deal", "prefix", default="", help="Only of this deal: its id's start.")
@click.option(
    "--verify",
    "files",
    multiple=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="Instead, verify the file of a line's proof, without any network; repeatable.",
)
@click.option(
    "--ledger-extract",
    type=click.Path(path_type=Path, dir_okay=False),
    help="With --verify: who could sign, if not ledger.extract beside the file.",
)
@pass_invocation
def command(
    invocation: Invocation,
    *,
    prefix: str,
    files: tuple[Path, ...],
    ledger_extract: Path | None,
) -> int:
    """Say what was charged and settled so far, and what is locked.

    Each line is the difference of two totals that the network's committee certified;
    their proofs are kept in the profile and verified each time. With --verify anybody
    verifies such a file later, with nothing but it and the ledger's extract beside it.
    """
    if files:
        return verify_bills(invocation.output, files, ledger_extract, prefix)
    with invocation.client() as client:
        from holdfast.client.billing_desk import bill_of  # noqa: PLC0415

        async def work(storage: "Storage") -> "Bill":
            return await bill_of(storage, invocation.home)

        bill = client.with_storage(work)
    params = invocation.profile().network.params
    wanted = prefix.lower()
    lines = [line for line in bill.charges if line.deal.hex().startswith(wanted)]
    deals = [one for one in bill.deals if one.deal.id.hex().startswith(wanted)]
    _show(invocation, bill, lines, deals, params)
    invocation.output.result(
        {
            "charges": [_charge_document(bill, line) for line in lines],
            "deals": [_deal_document(one) for one in deals],
            "total_grains": sum(line.grains for line in lines),
            "unreadable": [path for path, _ in bill.bad],
        }
    )
    return ExitCode.UNTRUE if bill.bad else ExitCode.OK


def _show(
    invocation: Invocation,
    bill: "Bill",
    lines: "list[Charge]",
    deals: "list[DealAccount]",
    params: "NetworkParams",
) -> None:
    output = invocation.output
    if lines:
        columns = ("settled", ">periods", "deal", ">charged", ">so far", "proof")
        output.table(columns, [_row(line, params) for line in lines])
        total = wording.hold(sum(line.grains for line in lines))
        output.say(f"Charged in all: {total}. Proofs: {bill.archive.folder}")
    else:
        output.say("Nothing was charged and settled yet.")
    if deals:
        output.say()
        headings = ("deal", ">until epoch", ">spent", ">locked", "what of it")
        output.table(headings, [_deal_row(one) for one in deals])
    if bill.problem:
        output.warn(f"the newest settlement is not in this bill yet: {bill.problem}")
    for path, reason in bill.bad:
        output.warn(f"{path} does not hold and is left out: {reason}")


def _row(line: "Charge", params: "NetworkParams") -> tuple[str, ...]:
    end = params.epoch_start(params.first_epoch(line.last + 1))
    when = dt.datetime.fromtimestamp(end, tz=dt.UTC).astimezone()
    one = line.first == line.last
    return (
        when.strftime("%Y-%m-%d %H:%M"),
        f"{line.last:,}" if one else f"{line.first:,}-{line.last:,}",
        wording.short(line.deal),
        wording.hold(line.grains),
        wording.hold(line.total),
        wording.short(line.root),
    )


def _deal_row(one: "DealAccount") -> tuple[str, ...]:
    return (
        wording.short(one.deal.id),
        f"{one.last_epoch:,}",
        wording.hold(one.spent),
        wording.hold(one.locked),
        _fate(one),
    )


def _fate(one: "DealAccount") -> str:
    if one.deal.refunded:
        return "the rest came back"
    if one.is_over:
        return "comes back once its last period is settled"
    if one.deal.closed_epoch is not None:
        return f"closed: comes back after epoch {one.last_epoch:,}"
    return "pays for what is to come; the rest comes back at its end"


def _charge_document(bill: "Bill", line: "Charge") -> dict[str, object]:
    return {
        "deal": line.deal,
        "first_period": line.first,
        "last_period": line.last,
        "grains": line.grains,
        "total_grains": line.total,
        "settlement_root": line.root,
        "proof": bill.archive.path(line.last),
    }


def _deal_document(one: "DealAccount") -> dict[str, object]:
    return {
        "id": one.deal.id,
        "last_epoch": one.last_epoch,
        "spent_grains": one.spent,
        "locked_grains": one.locked,
        "refunded": bool(one.deal.refunded),
        "closed": one.deal.closed_epoch is not None,
    }
