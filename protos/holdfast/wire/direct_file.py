"""Large files written past the page cache, where the system can.

A shard is read back once in a while and never soon, and who restores a disk does not
read it all at once: copies in the page cache serve nobody, and making them costs most,
2.6 of 2.9 CPU seconds per GiB of shards on a virtual machine. Where direct I/O is
refused (other systems, some file systems), the ordinary way is taken. Everything
raises OSError.
"""

import errno
import fcntl
import mmap
import os
import threading
from collections.abc import Sequence
from typing import Final

from holdfast.protocol.units import MIB

Buffer = bytes | bytearray | memoryview

DIRECT_BYTES_MIN: Final = 128 << 10
BLOCK_BYTES: Final = 4096
_WINDOW_BYTES: Final = 2 * MIB
_DIRECT: Final = getattr(os, "O_DIRECT", 0)
REFUSED: Final = frozenset({errno.EINVAL, errno.EOPNOTSUPP})
_windows = threading.local()


def write_parts(descriptor: int, parts: Sequence[Buffer]) -> None:
    """Write a new file from parts, without copying them together."""
    window, filled, offset = _own_window(), 0, 0
    for part in parts:
        rest = memoryview(part)
        while rest:
            taken = rest[: _WINDOW_BYTES - filled]
            window[filled : filled + len(taken)] = taken
            filled += len(taken)
            rest = rest[len(taken) :]
            if filled == _WINDOW_BYTES:
                write_window(descriptor, window, offset)
                offset += filled
                filled = 0
    write_window(descriptor, window[:filled], offset)


def write_window(descriptor: int, window: memoryview, offset: int) -> None:
    """Write an aligned window at an aligned offset: its whole blocks directly.

    One that is small goes the ordinary way, as do the bytes after the last block.
    """
    whole = len(window) - len(window) % BLOCK_BYTES
    done = 0
    if whole >= DIRECT_BYTES_MIN:
        done = _write_directly(descriptor, window[:whole], offset)
    write_at(descriptor, window[done:], offset + done)


def write_at(descriptor: int, data: memoryview, offset: int) -> None:
    """Write all bytes at an offset, the ordinary way."""
    while data:
        count = os.pwrite(descriptor, data, offset)
        offset += count
        data = data[count:]


def new_window(size: int) -> memoryview:
    """Return an aligned buffer."""
    return memoryview(mmap.mmap(-1, size))


def set_direct(descriptor: int, on: bool) -> bool:
    """Switch direct I/O of an open file; tell whether that worked."""
    if not _DIRECT:
        return False
    flags = fcntl.fcntl(descriptor, fcntl.F_GETFL)
    wanted = flags | _DIRECT if on else flags & ~_DIRECT
    try:
        fcntl.fcntl(descriptor, fcntl.F_SETFL, wanted)
    except OSError as error:
        if error.errno in REFUSED:
            return False
        raise
    return True


def _write_directly(descriptor: int, blocks: memoryview, offset: int) -> int:
    """Write whole blocks; return how many bytes, fewer if direct I/O is refused."""
    if not set_direct(descriptor, True):
        return 0
    written = 0
    try:
        while written < len(blocks):
            written += os.pwrite(descriptor, blocks[written:], offset + written)
    except OSError as error:
        if error.errno not in REFUSED:
            raise
    finally:
        set_direct(descriptor, False)
    return written


def _own_window() -> memoryview:
    """Return this thread's own aligned buffer."""
    if not hasattr(_windows, "buffer"):
        _windows.buffer = new_window(_WINDOW_BYTES)
    found: memoryview = _windows.buffer
    return found
