"""Shards read past the page cache, as they were written (`wire/direct_file.py`)."""

import os

from holdfast.wire.direct_file import (
    BLOCK_BYTES,
    DIRECT_BYTES_MIN,
    REFUSED,
    set_direct,
)


def read_whole(descriptor: int, size: int) -> memoryview | None:
    """Return a file's bytes read directly, or None if it is not for direct I/O."""
    if size < DIRECT_BYTES_MIN or not set_direct(descriptor, True):
        return None
    buffer = _aligned(size + -size % BLOCK_BYTES)
    filled = 0
    try:
        while filled < size:
            count = os.preadv(descriptor, [buffer[filled:]], filled)
            if not count:
                break
            filled += count
    except OSError as error:
        set_direct(descriptor, False)
        if error.errno not in REFUSED:
            raise
        return None
    return buffer[: min(filled, size)]


def _aligned(size: int) -> memoryview:
    """Return a new buffer that begins at a block's boundary."""
    import numpy as np  # noqa: PLC0415 # a vault that only proves does without

    room = np.empty(size + BLOCK_BYTES, np.uint8)
    start = -room.ctypes.data % BLOCK_BYTES
    return room[start : start + size].data
