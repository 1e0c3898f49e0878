"""`holdfast demo [PATH]`: everything Holdfast does, on this machine, in two minutes."""

from pathlib import Path

import click

from holdfast.client.command_line import Command
from holdfast.client.exit_codes import ExitCode
from holdfast.client.invocation import Invocation, pass_invocation

_NEXT = """
Now with your own files, still on this machine:

  holdfast network up          start a network that stays
  holdfast init                make your profile, with its 24 words
  holdfast wallet faucet       get tokens
  holdfast backup PATH         and look: holdfast snapshots, holdfast network status
  holdfast network down        stop everything; --delete forgets it"""


@click.command("demo", cls=Command)
@click.argument("path", required=False, type=click.Path(exists=True, path_type=Path))
@click.option("--epoch-seconds", type=click.IntRange(2, 3600), default=5)
@click.option(
    "--ledger",
    type=click.Choice(["sqlite", "evm"]),
    default="sqlite",
    help="Where tokens live: evm starts a chain of its own.  [default: sqlite]",
)
@click.option("--keep", is_flag=True, help="Keep the demo's directory afterwards.")
@pass_invocation
def command(
    invocation: Invocation,
    *,
    path: Path | None,
    epoch_seconds: int,
    ledger: str,
    keep: bool,
) -> int:
    """Show all of Holdfast on this machine, on the files in PATH.

    It starts 12 vaults and a ledger, backs up a copy of PATH (by default Holdfast's
    own files, at most 300 MiB), waits until the vaults have proved and earned, kills
    4 of the 8 that hold the data, restores everything elsewhere with the recovery
    phrase, and compares every byte. It exits with 21 if anything is not as it says.
    """
    from holdfast.client.demo.frozen_copy import default_source  # noqa: PLC0415
    from holdfast.client.demo.page import Page  # noqa: PLC0415
    from holdfast.client.demo.story import Stage, tell  # noqa: PLC0415
    from holdfast.client.staged_story import run_story  # noqa: PLC0415

    source = (path or default_source()).absolute()

    async def story(directory: Path, page: Page) -> None:
        await tell(source, Stage(directory), page, epoch_seconds, ledger)

    code = run_story(invocation.output, "holdfast-demo-", story, keep=keep)
    if code == ExitCode.OK:
        invocation.output.say(_NEXT)
    return code
