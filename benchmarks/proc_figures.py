"""What processes use: CPU seconds and memory, from /proc."""

import os
import resource
from collections.abc import Sequence
from pathlib import Path
from typing import Final

_TICKS: Final = os.sysconf("SC_CLK_TCK")


def cpu_seconds_of(pids: Sequence[int]) -> float:
    """Return what processes used so far, threads included; children are not."""
    total = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / _TICKS


def peak_rss_mib_of(pid: int | str) -> float:
    """Return the most memory that a process ever had, in MiB."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def own_cpu_seconds() -> float:
    """Return what this process used so far, without its children."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def own_peak_rss_mib() -> float:
    """Return this process's peak; getrusage would count that of its parent, too."""
    return peak_rss_mib_of("self")
