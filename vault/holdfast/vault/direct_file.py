"""Large files written and read past the page cache, where the system can.

A shard is read back once in a while and never soon, so a copy of it in the page cache
serves nobody, and making that copy is most of what storing costs: 2.6 of 2.9 CPU
seconds per GiB on a virtual machine. Where direct I/O is refused (other systems, some
file systems), the ordinary way is taken. Everything raises OSError.
"""

import errno
import fcntl
import mmap
import os
import threading
from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np

Buffer = bytes | bytearray | memoryview

DIRECT_BYTES_MIN: Final = 128 << 10
_BLOCK_BYTES: Final = 4096
_WINDOW_BYTES: Final = 2 << 20
_DIRECT: Final = getattr(os, "O_DIRECT", 0)
_REFUSED: Final = frozenset({errno.EINVAL, errno.EOPNOTSUPP})
_windows = threading.local()


def write_blocks(descriptor: int, parts: Sequence[Buffer]) -> int:
    """Write the whole blocks of a new file directly; return how many bytes those are.

    0 says that this file is not for direct I/O: nothing was written.
    """
    total = sum(len(part) for part in parts)
    if total < DIRECT_BYTES_MIN or not _set_direct(descriptor, True):
        return 0
    end, written = total - total % _BLOCK_BYTES, 0
    try:
        for block in _blocks(parts, end):
            if not _write_at(descriptor, block, written):
                return 0
            written += len(block)
    finally:
        _set_direct(descriptor, False)
    return end


def read_whole(descriptor: int, size: int) -> memoryview | None:
    """Return a file's bytes read directly, or None if it is not for direct I/O."""
    if size < DIRECT_BYTES_MIN or not _set_direct(descriptor, True):
        return None
    buffer = _aligned(size + -size % _BLOCK_BYTES)
    filled = 0
    try:
        while filled < size:
            count = os.preadv(descriptor, [buffer[filled:]], filled)
            if not count:
                break
            filled += count
    except OSError as error:
        _set_direct(descriptor, False)
        if error.errno not in _REFUSED:
            raise
        return None
    return buffer[: min(filled, size)]


def _blocks(parts: Sequence[Buffer], end: int) -> Iterator[memoryview]:
    """Yield the first `end` bytes of all parts, aligned; each until the next."""
    window, filled, left = _window(), 0, end
    for part in parts:
        view = memoryview(part)[:left]
        left -= len(view)
        while view:
            taken = view[: _WINDOW_BYTES - filled]
            window[filled : filled + len(taken)] = taken
            filled += len(taken)
            view = view[len(taken) :]
            if filled == _WINDOW_BYTES:
                yield window
                filled = 0
    if filled:
        yield window[:filled]


def _write_at(descriptor: int, block: memoryview, offset: int) -> bool:
    """Write a block; False if the file system refuses the first one."""
    written = 0
    while written < len(block):
        try:
            written += os.pwrite(descriptor, block[written:], offset + written)
        except OSError as error:
            if error.errno in _REFUSED and offset + written == 0:
                return False
            raise
    return True


def _window() -> memoryview:
    """Return this thread's own aligned buffer."""
    if not hasattr(_windows, "buffer"):
        _windows.buffer = memoryview(mmap.mmap(-1, _WINDOW_BYTES))
    found: memoryview = _windows.buffer
    return found


def _aligned(size: int) -> memoryview:
    """Return a new buffer that begins at a block's boundary."""
    room = np.empty(size + _BLOCK_BYTES, np.uint8)
    start = -room.ctypes.data % _BLOCK_BYTES
    return room[start : start + size].data


def _set_direct(descriptor: int, on: bool) -> bool:
    """Switch direct I/O of an open file; tell whether that worked."""
    if not _DIRECT:
        return False
    flags = fcntl.fcntl(descriptor, fcntl.F_GETFL)
    wanted = flags | _DIRECT if on else flags & ~_DIRECT
    try:
        fcntl.fcntl(descriptor, fcntl.F_SETFL, wanted)
    except OSError as error:
        if error.errno in _REFUSED:
            return False
        raise
    return True
