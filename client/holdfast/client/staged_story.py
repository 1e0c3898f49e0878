"""Running a story with claims in a directory of its own, which goes away afterwards."""

import asyncio
import contextlib
import signal
import tempfile
import time
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

from holdfast.client import wording
from holdfast.client.demo.page import Page
from holdfast.client.exit_codes import ExitCode
from holdfast.client.output import Output
from holdfast.client.passing_directory import passing_directory

Story = Callable[[Path, Page], Coroutine[None, None, None]]


def run_story(output: Output, prefix: str, tell: Story, *, keep: bool) -> int:
    """Tell a story in a fresh directory; return OK, or UNTRUE if a claim is not true.

    All of its processes have ended when this returns or raises.
    """
    page = Page(output)
    started = time.monotonic()
    with _directory(output, prefix, keep=keep) as directory:
        output.say(f"Everything happens in {directory}; nothing leaves this machine.")
        _run(tell(directory, page))
    seconds = time.monotonic() - started
    true = sum(true for _, true in page.claims)
    output.say()
    took = wording.span(seconds)
    output.say(f"{true} of {len(page.claims)} claims are true, after {took}.")
    output.result(page.document() | {"seconds": round(seconds, 1)})
    return ExitCode.OK if page.all_true else ExitCode.UNTRUE


@contextlib.contextmanager
def _directory(output: Output, prefix: str, *, keep: bool) -> Iterator[Path]:
    if not keep:
        with passing_directory(prefix) as directory:
            yield directory
        return
    directory = Path(tempfile.mkdtemp(prefix=prefix))
    try:
        yield directory
    finally:
        output.say(f"Everything is still in {directory}.")


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
