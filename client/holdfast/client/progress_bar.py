"""The bar of a terminal; rich honours NO_COLOR and TERM, and is slow to import."""

from collections.abc import Sequence

from rich.console import Console, Group
from rich.live import Live
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.text import Text


class Bar:
    """A bar on standard error, with lines below it; it begins at once."""

    def __init__(self, title: str) -> None:
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            DownloadColumn(binary_units=True),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}", markup=False),
        )
        self._task = self._progress.add_task(title, total=None, note="")
        self._live = Live(self._progress, console=Console(stderr=True), transient=True)
        self._live.start()

    def show(
        self, done: int, total: int | None, note: str, lines: Sequence[str]
    ) -> None:
        """Show how far it is."""
        self._progress.update(self._task, completed=done, total=total, note=note)
        if lines:
            self._live.update(Group(self._progress, Text("\n".join(lines))))

    def stop(self) -> None:
        """Take the bar away."""
        self._live.stop()
