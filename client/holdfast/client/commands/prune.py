"""`holdfast prune`: data that no backup needs goes, and so do its costs."""

from dataclasses import asdict

import click

from holdfast.client.command_line import Command
from holdfast.client.forget_report import PruneReport, foresee_prune
from holdfast.client.invocation import Invocation, pass_invocation


@click.command("prune", cls=Command)
@click.option("--dry-run", "-n", is_flag=True, help="Only say what would be dropped.")
@pass_invocation
def command(invocation: Invocation, *, dry_run: bool) -> None:
    """Drop data that no backup needs, and stop paying for it.

    It may be stopped at any moment: no backup that is kept loses anything.
    """
    with invocation.client() as client:
        if dry_run:
            report = client.read(foresee_prune)
        else:
            report = PruneReport(**asdict(client.prune()))
    report.show(invocation.output)
    invocation.output.result(asdict(report))
