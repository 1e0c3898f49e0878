"""`holdfast audit …`: anyone checks vaults, epochs, deals; nobody is trusted."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from holdfast.client import completing
from holdfast.client.command_line import Group
from holdfast.client.commands.audit_case import case_command
from holdfast.client.commands.audit_drill import drill_command
from holdfast.client.exit_codes import ExitCode
from holdfast.client.invocation import Invocation, pass_invocation
from holdfast.client.new_profile import network_file, network_option

if TYPE_CHECKING:  # grpc is imported only when a command runs
    from holdfast.client.audit_report import Report
    from holdfast.client.audit_watch import WatchedEpoch
    from holdfast.client.auditor import Auditor

T = TypeVar("T")

html_option = click.option(
    "--html",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write one self-contained page with charts here.",
)
_EPOCHS_OF_A_DEAL = 4


@click.group("audit", cls=Group)
def command() -> None:
    """Check what vaults prove and what they are paid, trusting nobody.

    No account and no profile: whoever has the network's file can ask. Challenges are
    computed again, answers and certificates verified again. The exit code is 0 when
    everything held and 21 when something did not.
    """


command.add_command(case_command)
command.add_command(drill_command)


@command.command("vault")
@click.argument("vault", shell_complete=completing.vaults)
@click.option(
    "--epochs",
    type=click.IntRange(1, 4096),
    default=24,
    show_default=True,
    help="How many epochs back; answers of the last 24 are kept.",
)
@network_option
@html_option
@pass_invocation
def vault_command(
    invocation: Invocation,
    *,
    vault: str,
    epochs: int,
    network: Path | None,
    html: Path | None,
) -> int:
    """Check a vault's last epochs: VAULT is the start of its id."""
    from holdfast.client.audit_report import vault_report  # noqa: PLC0415

    async def look(auditor: "Auditor") -> "Report":
        chosen = auditor.find_vault(vault)
        found = await auditor.vault(chosen, epochs)
        row = auditor.state.row(chosen)
        assert row is not None
        return vault_report(auditor.state.params, row, found)

    return _show(invocation, _asking(invocation, network, look), html)


@command.command("epoch")
@click.argument("epoch")
@network_option
@html_option
@pass_invocation
def epoch_command(
    invocation: Invocation, *, epoch: str, network: Path | None, html: Path | None
) -> int:
    """Check all vaults in one EPOCH, a number or "latest", and the last settlement."""
    from holdfast.client.audit_report import epoch_report  # noqa: PLC0415

    wanted = _epoch(epoch)

    async def look(auditor: "Auditor") -> "Report":
        chosen = auditor.finished_epoch if wanted is None else wanted
        if chosen > auditor.state.epoch:
            now = auditor.state.epoch
            raise click.UsageError(f"Epoch {chosen} is to come: it is epoch {now}.")
        found = await auditor.epoch(chosen)
        settlement = await auditor.settlement()
        params = auditor.state.params
        return epoch_report(params, chosen, found.audits, settlement)

    return _show(invocation, _asking(invocation, network, look), html)


@command.command("deal")
@click.argument("deal", shell_complete=completing.deals)
@click.option(
    "--epochs",
    type=click.IntRange(1, 4096),
    default=_EPOCHS_OF_A_DEAL,
    show_default=True,
    help="How many epochs back each holder is checked.",
)
@network_option
@html_option
@pass_invocation
def deal_command(
    invocation: Invocation,
    *,
    deal: str,
    epochs: int,
    network: Path | None,
    html: Path | None,
) -> int:
    """Check who holds a deal, what they proved, and what was paid.

    DEAL is the start of its id.
    """
    from holdfast.client.audit_report import deal_report  # noqa: PLC0415

    async def look(auditor: "Auditor") -> "Report":
        found = await auditor.deal(await auditor.find_deal(deal), epochs)
        return deal_report(auditor.state.params, found)

    return _show(invocation, _asking(invocation, network, look), html)


@command.command("watch")
@click.option("--epochs", type=click.IntRange(1), help="Stop after so many epochs.")
@network_option
@html_option
@pass_invocation
def watch_command(
    invocation: Invocation,
    *,
    epochs: int | None,
    network: Path | None,
    html: Path | None,
) -> int:
    """Go on checking, a line for each epoch, until Ctrl-C.

    With --html the page is written anew after each epoch.
    """
    from holdfast.client.audit_watch import watch  # noqa: PLC0415
    from holdfast.client.audit_watch_report import epoch_line, watch_report  # noqa: PLC0415

    output = invocation.output
    seen: list[WatchedEpoch] = []

    async def look(auditor: "Auditor") -> None:
        output.say("Watching; Ctrl-C stops.")

        def away(error: Exception) -> None:
            output.warn(f"  {error}")

        async for epoch in watch(auditor, epochs, away):
            seen.append(epoch)
            line, document = epoch_line(epoch)
            output.say(line)
            output.event("epoch", **document)
            if html:
                _write_page(html, watch_report(auditor.state.params, seen))

    try:
        _asking(invocation, network, look)
    except KeyboardInterrupt:
        if not seen:
            raise
    held = all(epoch.holds for epoch in seen)
    output.result({"holds": held, "epochs": len(seen)})
    return ExitCode.OK if held else ExitCode.UNTRUE


def _epoch(text: str) -> int | None:
    if text == "latest":
        return None
    if not text.isdecimal() or len(text) > len(str(1 << 63)):
        raise click.UsageError(f"{text!r} is no epoch: a number, or latest.")
    return int(text)


def _asking(
    invocation: Invocation,
    network: Path | None,
    look: Callable[["Auditor"], Awaitable[T]],
) -> T:
    from holdfast.client.auditor import Auditor  # noqa: PLC0415
    from holdfast.ledger.network_file import NetworkFile  # noqa: PLC0415

    file = NetworkFile.load(network_file(invocation, network))

    async def ask() -> T:
        async with await Auditor.connect(file) as auditor:
            return await look(auditor)

    return asyncio.run(ask())


def _show(invocation: Invocation, report: "Report", html: Path | None) -> int:
    output = invocation.output
    widest = max(len(name) for name, _ in report.facts)
    for name, value in report.facts:
        output.say(f"{name:<{widest}}  {value}")
    for table in report.tables:
        output.say()
        if table.title:
            output.say(table.title)
        output.table(table.columns, table.rows)
    output.say()
    word = "Everything holds" if report.holds else "NOT everything holds"
    output.say(f"{word}: {report.summary}")
    if html:
        _write_page(html, report)
        output.say(f"Page: {html}")
    output.result(report.document)
    return ExitCode.OK if report.holds else ExitCode.UNTRUE


def _write_page(path: Path, report: "Report") -> None:
    from holdfast.client.audit_page import page_of  # noqa: PLC0415
    from holdfast.client.durable_file import write_durably  # noqa: PLC0415

    made = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    page = page_of(report, f"Made by `holdfast audit` on {made}.")
    write_durably(path, page.encode("utf-8", "backslashreplace"))
    path.chmod(0o644)  # a page is made to be shown
