"""What every Holdfast process does first: malloc, threads, structured logs.

Call `prepare` before numpy is imported: its OpenBLAS starts spinning threads
that we never use.
"""

import ctypes
import gc
import json
import logging
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

_M_TRIM_THRESHOLD: Final = -1
_M_TOP_PAD: Final = -2
_M_MMAP_THRESHOLD: Final = -3
_M_ARENA_MAX: Final = -8
_LEVELS: Final = {10: "debug", 20: "info", 30: "warning", 40: "error", 50: "critical"}


def prepare(*, keep_bytes: int = 512 << 20, arenas: int = 0) -> None:
    """Set up this process's allocator and threads; harmless when repeated.

    glibc returns large buffers to the kernel on free(), so that every reuse
    page-faults; it is told to keep up to `keep_bytes` of them. Each thread may keep
    its own: `arenas` bounds how many do, for a process that must stay small.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return  # not glibc: nothing to tune
    mallopt(_M_MMAP_THRESHOLD, 32 << 20)
    mallopt(_M_TRIM_THRESHOLD, keep_bytes)
    mallopt(_M_TOP_PAD, min(keep_bytes, 16 << 20))
    if arenas:
        mallopt(_M_ARENA_MAX, arenas)


@contextmanager
def loading() -> Iterator[None]:
    """Import much within this: the garbage collector waits, and then passes it over.

    Nothing of a module is garbage; looking for it was a sixth of a command's imports.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was_on:
            gc.enable()


def settle() -> None:
    """Call once all is imported and set up: the garbage collector leaves that alone.

    It otherwise walks through some 200,000 objects that stay for good, again and
    again: a tenth of what a vault computes while it takes shards.
    """
    gc.freeze()


def give_back_memory() -> None:
    """Return what free() kept to the system; it takes some milliseconds."""
    with suppress(OSError, AttributeError):  # not glibc: nothing was kept
        ctypes.CDLL(None).malloc_trim(0)


class JsonLines(logging.Formatter):
    """One JSON object a line: time, level, logger, message, and `extra` fields."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line."""
        line = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
            + f".{int(record.msecs):03d}Z",
            "level": _LEVELS.get(record.levelno, str(record.levelno)),
            "logger": record.name,
            "message": record.getMessage(),
        }
        fields = getattr(record, "fields", None)
        if isinstance(fields, dict):
            line |= {str(key): value for key, value in fields.items()}
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


def log_to_stderr(level: int = logging.INFO) -> None:
    """Send all logs to standard error as JSON lines."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    # It tells of each connection that it closes.
    logging.getLogger("web3").setLevel(logging.WARNING)
