"""How far something is: a bar on a terminal, now and then a line elsewhere, or JSON.

A meter may be told from any thread, as often as it suits the teller.
"""

import time
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from holdfast.client import wording
from holdfast.client.output import Output

if TYPE_CHECKING:  # slow to import, and needed on terminals only
    from rich.progress import Progress

_LINE_SECONDS: Final = 10.0
_EVENT_SECONDS: Final = 0.5


class Meter:
    """Shows bytes done of a total, which may be unknown or still grow."""

    def __init__(
        self,
        output: Output,
        title: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._output = output
        self._title = title
        self._clock = clock
        self._next = clock() + (0 if output.as_json else _LINE_SECONDS)
        self._bar: Progress | None = None

    def __enter__(self) -> Self:
        """Begin to show."""
        if self._output.on_terminal:
            self._bar = _bar(self._title)
            self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Take the bar away; what it said last is in the result."""
        if self._bar is not None:
            self._bar.stop()

    def show(self, done: int, total: int | None, note: str = "") -> None:
        """Show `done` of `total` bytes, and a few words about them."""
        if self._bar is not None:
            (task,) = self._bar.task_ids
            self._bar.update(task, completed=done, total=total, note=note)
            return
        now = self._clock()
        if now < self._next:
            return
        self._next = now + (_EVENT_SECONDS if self._output.as_json else _LINE_SECONDS)
        of = f" of {wording.size(total)}" if total else ""
        self._output.say(f"{self._title}: {wording.size(done)}{of} {note}".rstrip())
        self._output.event(
            "progress", stage=self._title, done=done, total=total, note=note
        )


def _bar(title: str) -> "Progress":
    from rich.console import Console  # noqa: PLC0415 # slow, for terminals only
    from rich.progress import (  # noqa: PLC0415
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(binary_units=True),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
        console=Console(stderr=True),
        transient=True,
    )
    bar.add_task(title, total=None, note="")
    return bar
