"""`holdfast demo [PATH]`: everything Holdfast does, on this machine, in two minutes."""

import asyncio
import contextlib
import shutil
import signal
import tempfile
import time
from collections.abc import Coroutine
from pathlib import Path

import click

from holdfast.client import wording
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
@click.option("--keep", is_flag=True, help="Keep the demo's directory afterwards.")
@pass_invocation
def command(
    invocation: Invocation, *, path: Path | None, epoch_seconds: int, keep: bool
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

    output = invocation.output
    page = Page(output)
    started = time.monotonic()
    directory = Path(tempfile.mkdtemp(prefix="holdfast-demo-"))
    output.say(f"Holdfast shows itself, in {directory}; nothing leaves this machine.")
    try:
        source = (path or default_source()).absolute()
        _run(tell(source, Stage(directory), page, epoch_seconds))
    finally:
        if keep:
            output.say(f"Everything is still in {directory}.")
        else:
            shutil.rmtree(directory, ignore_errors=True)
    seconds = time.monotonic() - started
    true = sum(true for _, true in page.claims)
    output.say()
    took = wording.span(seconds)
    output.say(f"{true} of {len(page.claims)} claims are true, after {took}.")
    if page.all_true:
        output.say(_NEXT)
    output.result(page.document() | {"seconds": round(seconds, 1)})
    return ExitCode.OK if page.all_true else ExitCode.UNTRUE


def _run(story: Coroutine[None, None, None]) -> None:
    """Run the story so that SIGTERM, too, lets it end its processes."""

    async def stoppable() -> None:
        task = asyncio.current_task()
        assert task is not None
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGHUP):
            with contextlib.suppress(NotImplementedError):
                loop.add_signal_handler(number, task.cancel)
        await story

    try:
        asyncio.run(stoppable())
    except asyncio.CancelledError as error:
        raise KeyboardInterrupt from error
