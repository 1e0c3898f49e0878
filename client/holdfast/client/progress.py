"""How far something is: a bar on a terminal, now and then a line elsewhere, or JSON.

A meter may be told from any thread, as often as it suits the teller.
"""

import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from holdfast.client import wording
from holdfast.client.core.rate import Rate
from holdfast.client.output import Output

if TYPE_CHECKING:
    from holdfast.client.progress_bar import Bar
    from holdfast.client.upload_options import VaultProgress

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
        self._rate = Rate()
        self._done = 0
        self._bar: Bar | None = None

    def __enter__(self) -> Self:
        """Begin to show."""
        if self._output.on_terminal:
            from holdfast.client.progress_bar import Bar  # noqa: PLC0415 # slow

            self._bar = Bar(self._title)
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

    def show(
        self,
        done: int,
        total: int | None,
        note: str = "",
        vaults: "Sequence[VaultProgress]" = (),
    ) -> None:
        """Show `done` of `total` bytes, a few words, and how each vault gets on.

        A total that is less than what is done was a bad guess, and is not shown. What
        was shown as done stays so.
        """
        done = self._done = max(done, self._done)
        total = None if total is None or total < done else total
        away = [vault for vault in vaults if not vault.is_open]
        if away:
            note += f", {len(away)} of {wording.count(len(vaults), 'vault')} away"
        lines = [_line(vault) for vault in vaults] if self._output.verbose else []
        if self._bar is not None:
            self._bar.show(done, total, note, lines)
            return
        now = self._clock()
        if now < self._next:
            return
        self._next = now + (_EVENT_SECONDS if self._output.as_json else _LINE_SECONDS)
        self._rate.told(done, now)
        self._say(done, total, note, lines)
        self._tell(done, total, note, vaults)

    def _say(
        self, done: int, total: int | None, note: str, lines: Sequence[str]
    ) -> None:
        rate, left = self._rate.bytes_per_second, self._rate.seconds_left(total)
        parts = [wording.size(done) + (f" of {wording.size(total)}" if total else "")]
        if rate:
            parts.append(f"{wording.size(round(rate))}/s")
        if left is not None:
            parts.append(f"{wording.span(left)} left")
        if note:
            parts.append(note)
        self._output.say(f"{self._title}: {', '.join(parts)}")
        for line in lines:
            self._output.say(f"  {line}")

    def _tell(
        self,
        done: int,
        total: int | None,
        note: str,
        vaults: "Sequence[VaultProgress]",
    ) -> None:
        left = self._rate.seconds_left(total)
        self._output.event(
            "progress",
            stage=self._title,
            done=done,
            total=total,
            bytes_per_second=round(self._rate.bytes_per_second),
            seconds_left=None if left is None else round(left, 1),
            note=note,
            vaults=[
                {
                    "vault": vault.vault,
                    "open": vault.is_open,
                    "pieces_stored": vault.stored,
                    "pieces_waiting": vault.waiting,
                    "reason": vault.reason,
                }
                for vault in vaults
            ],
        )


def _line(vault: "VaultProgress") -> str:
    name = wording.short(vault.vault)
    if not vault.is_open:
        return f"{name}  away: {vault.reason}"
    waiting = f"{vault.waiting:,} on the way" if vault.waiting else "up to date"
    return (
        f"{name}  {wording.count(vault.stored, 'piece')} since the last head, {waiting}"
    )
