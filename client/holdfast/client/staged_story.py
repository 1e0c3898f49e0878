"""Running a story with claims in a directory of its own, which goes away afterwards."""

import asyncio
import contextlib
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from holdfast.client import wording
from holdfast.client.demo.page import Page
from holdfast.client.exit_codes import ExitCode
from holdfast.client.output import Output

Story = Callable[[Path, Page], Coroutine[None, None, None]]


def run_story(output: Output, prefix: str, tell: Story, *, keep: bool) -> int:
    """Tell a story in a fresh directory; return OK, or UNTRUE if a claim is not true.

    All of its processes have ended when this returns or raises.
    """
    page = Page(output)
    started = time.monotonic()
    directory = Path(tempfile.mkdtemp(prefix=prefix))
    output.say(f"Everything happens in {directory}; nothing leaves this machine.")
    try:
        _run(tell(directory, page))
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
    output.result(page.document() | {"seconds": round(seconds, 1)})
    return ExitCode.OK if page.all_true else ExitCode.UNTRUE


def _run(story: Coroutine[Any, Any, None]) -> None:
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
