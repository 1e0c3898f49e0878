"""Large files of a restore, written past the page cache while it goes on.

A thread waits for the disk, and does nothing else: one that takes the interpreter's
lock for every small step would wait for its turn each time.
"""

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from holdfast.protocol.units import MIB
from holdfast.wire.direct_file import BLOCK_BYTES, new_window, write_at, write_window

_WINDOW_BYTES: Final = 8 * MIB
_WINDOWS: Final = 3


@dataclass(slots=True)
class _Flying:
    """A window that is being written; `ends` its file, which has this number."""

    number: int
    ends: bool
    window: memoryview
    done: Future[None]


class WriteBehind:
    """Collects pieces of files that follow one another, and writes them by the window.

    `ended` hears of each file for which `end` was called, once all of it is written or
    failed. Until then, or until `drop`, the file's descriptor has to stay open.
    """

    def __init__(self, ended: Callable[[int, OSError | None], None]) -> None:
        self._ended = ended
        self._pool = ThreadPoolExecutor(1, "holdfast-restore")
        self._free = [new_window(_WINDOW_BYTES) for _ in range(_WINDOWS)]
        self._flying: deque[_Flying] = deque()
        self._errors: dict[int, OSError] = {}
        self._number: int | None = None
        self._descriptor = -1
        self._head = (0, b"")
        self._offset = 0
        self._filled = 0

    def has(self, number: int) -> bool:
        """Return whether anything of a file is still to be written."""
        return number == self._number or any(
            one.number == number for one in self._flying
        )

    def write(
        self, number: int, descriptor: int, data: memoryview, offset: int
    ) -> None:
        """Take a piece of a file."""
        if (number, offset) != (self._number, self._offset + self._filled):
            self._launch()
            head = -offset % BLOCK_BYTES
            self._head = (offset, bytes(data[:head]))
            data = data[head:]
            self._number, self._descriptor = number, descriptor
            self._offset = offset + head
        while data:
            taken = data[: _WINDOW_BYTES - self._filled]
            end = self._filled + len(taken)
            self._free[-1][self._filled : end] = taken
            self._filled = end
            data = data[len(taken) :]
            if end == _WINDOW_BYTES:
                self._launch()
                self._number, self._offset = number, self._offset + end

    def end(self, number: int) -> None:
        """Note that this is all of a file of which something is still to be written."""
        if number == self._number:
            self._launch(ends=True)
        else:
            last = next(one for one in reversed(self._flying) if one.number == number)
            last.ends = True

    def drop(self, number: int) -> None:
        """Wait for what is being written of a file, and forget the rest."""
        if number == self._number:
            self._number, self._filled, self._head = None, 0, (0, b"")
        for one in self._flying:
            if one.number == number:
                one.done.exception()

    def settle(self) -> None:
        """Write everything that waits."""
        self._launch()
        while self._flying:
            self._land()

    def close(self) -> None:
        """Write everything and end the thread."""
        self.settle()
        self._pool.shutdown()

    def _launch(self, *, ends: bool = False) -> None:
        number, self._number = self._number, None
        if number is None:
            return
        window = self._free.pop()
        block, self._filled = window[: self._filled], 0
        head, self._head = self._head, (0, b"")
        done = self._pool.submit(_write, self._descriptor, head, block, self._offset)
        self._flying.append(_Flying(number, ends, window, done))
        while not self._free:
            self._land()

    def _land(self) -> None:
        one = self._flying.popleft()
        try:
            one.done.result()
        except OSError as error:
            self._errors.setdefault(one.number, error)
        self._free.append(one.window)
        if one.ends:
            self._ended(one.number, self._errors.pop(one.number, None))


def _write(
    descriptor: int, head: tuple[int, bytes], block: memoryview, offset: int
) -> None:
    """Write a window and what stands before its first block, all in this thread.

    While a descriptor is switched to direct writes, nobody else may write to it.
    """
    write_at(descriptor, memoryview(head[1]), head[0])
    write_window(descriptor, block, offset)
