"""Large buffers that are used again, instead of new memory for every chunk.

The system clears each page that it gives out, and malloc gives large buffers back to
it: clearing was a fifth of what an upload computed. A buffer returns by itself when
nothing looks at it any more, whoever was last, so none is overwritten under a reader.
"""

import mmap
import weakref
from collections import deque
from contextlib import suppress
from typing import Final

from holdfast.client.core.seal import new_memory

_SHARE_MIN: Final = 4
_HUGE_PAGES: Final = getattr(mmap, "MADV_HUGEPAGE", None)


class BufferPool:
    """Buffers of one size; at most `idle_max` of them wait to be used again.

    Any thread may take one. What falls idle beyond that goes back to the system.
    """

    def __init__(self, buffer_bytes: int, idle_max: int) -> None:
        self._buffer_bytes = buffer_bytes
        self._idle: deque[mmap.mmap] = deque(maxlen=idle_max)

    @property
    def idle(self) -> int:
        """How many buffers wait to be used."""
        return len(self._idle)

    def take(self, size: int) -> memoryview:
        """Return `size` writable bytes of arbitrary content.

        What is far smaller than a buffer of the pool, or larger, is new memory.
        """
        least = max(1, self._buffer_bytes // _SHARE_MIN)
        if not least <= size <= self._buffer_bytes:
            return new_memory(size)
        try:
            room = self._idle.pop()
        except IndexError:
            room = _fresh(self._buffer_bytes)
        import numpy as np  # noqa: PLC0415 # who only lists backups does without

        # Whatever is made of the view keeps this array alive, and only this array.
        lent = np.frombuffer(room, np.uint8, size)
        weakref.finalize(lent, self._idle.append, room).atexit = False
        return lent.data


def _fresh(size: int) -> mmap.mmap:
    room = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    if _HUGE_PAGES is not None:
        with suppress(OSError):  # a kernel without huge pages
            room.madvise(_HUGE_PAGES)
    return room
