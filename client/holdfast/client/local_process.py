"""Background processes of this machine: started, recognised again, ended.

A process is known by its pid and the time it started, because the system gives
pids away again. What cannot be recognised for certain is never signalled.
"""

import contextlib
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Final

from holdfast.protocol.frozen import frozen

_LOG_BYTES_MAX: Final = 16 << 20
_POLL_SECONDS: Final = 0.05

# Run before the program by the new process itself: when the thread that started it
# ends, whatever the reason, the kernel ends the process too. A `preexec_fn` could do
# the same, but it is not safe in a process with threads.
_TIE: Final = """
import ctypes, os, signal, sys
ctypes.CDLL(None).prctl(1, signal.SIGKILL)
if os.getppid() == int(sys.argv[1]):
    os.execv(sys.argv[2], sys.argv[2:])
"""


@frozen
class ProcessMark:
    """What tells one process from all others; `started` means nothing else."""

    pid: int
    started: str


def mark_of(pid: int) -> ProcessMark | None:
    """Return the mark of a process that runs, or None."""
    if Path("/proc/self/stat").exists():
        return _mark_in_proc(pid)
    return _mark_by_ps(pid)


def running_as(words: Sequence[str]) -> ProcessMark | None:
    """Return the process whose command line ends with these words (Linux only)."""
    tail = b"\0".join(word.encode() for word in words) + b"\0"
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            line = (entry / "cmdline").read_bytes()
            if line.endswith(tail) and entry.stat().st_uid == os.getuid():
                return mark_of(int(entry.name))
    return None


def runs(mark: ProcessMark) -> bool:
    """Return whether exactly this process still runs."""
    return mark_of(mark.pid) == mark


def spawn(
    command: Sequence[str], log: Path, *, tied: bool = False
) -> subprocess.Popen[bytes]:
    """Start a program in the background, its standard error appended to `log`.

    It has a session of its own, so that no terminal ends it. A `tied` one is killed
    by the kernel when the thread that started it ends (Linux only; elsewhere it is
    as any other). Raises OSError.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    _turn_over(log)
    line = list(command)
    if tied and sys.platform == "linux":
        tie = [sys.executable, "-I", "-S", "-c", _TIE, str(os.getpid())]
        line = [*tie, *command]
    with log.open("ab") as errors:
        return subprocess.Popen(  # noqa: S603 # our own programs, no shell
            line,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            start_new_session=True,
        )


def end(mark: ProcessMark, number: int = signal.SIGTERM) -> bool:
    """Send a signal to exactly this process; return whether it was there."""
    if not runs(mark):
        return False
    with contextlib.suppress(ProcessLookupError):
        os.kill(mark.pid, number)
        return True
    return False


def wait_for_end(mark: ProcessMark, seconds: float) -> bool:
    """Return whether the process has ended before the time is over."""
    deadline = time.monotonic() + seconds
    with contextlib.suppress(AttributeError, OSError):
        descriptor = os.pidfd_open(mark.pid)
        try:
            # The pid may have been given away before it was opened.
            if runs(mark):
                select.select([descriptor], [], [], seconds)
        finally:
            os.close(descriptor)
    while runs(mark) and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)
    return not runs(mark)


def _turn_over(log: Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        if log.stat().st_size > _LOG_BYTES_MAX:
            log.replace(log.with_name(log.name + ".1"))


@lru_cache(maxsize=1)
def _boot() -> str:
    with contextlib.suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return ""


def _mark_in_proc(pid: int) -> ProcessMark | None:
    try:
        line = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return None
    # The name stands in parentheses and may hold anything; the state comes after.
    fields = line.rpartition(")")[2].split()
    if fields[0] in {"Z", "X"}:
        return None
    return ProcessMark(pid, f"{_boot()} {fields[19]}")


def _mark_by_ps(pid: int) -> ProcessMark | None:
    shown = subprocess.run(  # noqa: S603 # a fixed program
        ["ps", "-o", "state=,lstart=", "-p", str(pid)],  # noqa: S607 # where it is differs
        check=False,
        capture_output=True,
        text=True,
        timeout=10,
    )
    state, _, started = shown.stdout.strip().partition(" ")
    if not started or state.startswith("Z"):
        return None
    return ProcessMark(pid, started.strip())
