"""`holdfast version`: which version this is, and what its exit codes mean."""

from importlib.metadata import version

import click

from holdfast.client.command_line import Command
from holdfast.client.exit_codes import ExitCode
from holdfast.client.invocation import Invocation, pass_invocation


@click.command("version", cls=Command)
@click.option("--exit-codes", "codes", is_flag=True, help="List all exit codes.")
@pass_invocation
def command(invocation: Invocation, *, codes: bool) -> None:
    """Print the version."""
    number = version("holdfast")
    output = invocation.output
    document: dict[str, object] = {"version": number}
    output.say(f"holdfast {number}")
    if codes:
        output.say()
        output.table(
            (">exit code", "means"), [(int(code), code.meaning) for code in ExitCode]
        )
        document["exit_codes"] = {int(code): code.meaning for code in ExitCode}
    output.result(document)
