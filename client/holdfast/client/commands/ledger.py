"""`holdfast ledger …`: the commands of `holdfast-ledger`, and whether it is true."""

from pathlib import Path

import click

from holdfast.client.command_line import Group
from holdfast.client.exit_codes import ExitCode
from holdfast.client.invocation import Invocation, pass_invocation
from holdfast.ledger.main import init_command, print_report, serve_command


@click.group("ledger", cls=Group)
def command() -> None:
    """Run a ledger, or verify its journal."""


command.add_command(init_command)
command.add_command(serve_command)


@command.command("verify")
@click.option(
    "--dir",
    "directory",
    type=click.Path(file_okay=False, path_type=Path),
    help="The ledger's directory.  [default: that of the network on this machine]",
)
@pass_invocation
def verify_command(invocation: Invocation, *, directory: Path | None) -> int:
    """Recompute the journal's chain and all balances from the first entry on."""
    from holdfast.ledger.directory import LedgerDirectory  # noqa: PLC0415
    from holdfast.ledger.verify import verify  # noqa: PLC0415

    chosen = directory or invocation.home / "network" / "ledger"
    report = verify(LedgerDirectory(chosen).journal)
    if invocation.as_json:
        invocation.output.result(report.as_json())
    elif not invocation.quiet:
        print_report(report)
    return ExitCode.OK if report.sound else ExitCode.UNTRUE
