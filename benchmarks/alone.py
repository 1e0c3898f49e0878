"""The workloads that need none of the systems, or a network of their own."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Final

import cores
import wide
from figures import Samples

INCREMENTAL_RUNS_MAX: Final = 3
WIDE_RUNS_MAX: Final = 3
WIDE_SHARE: Final = 1 / 4
GIB: Final = 1 << 30
MB: Final = 1_000_000


class Alone:
    """`size` is in MiB, `runs` are how often."""

    def __init__(self, top: Path, size: int, runs: int, samples: Samples) -> None:
        self._top = top
        self._size = size
        self._runs = runs
        self._add = samples.add

    def incremental(self) -> None:
        program = Path(__file__).with_name("incremental.py")
        scale = f"--scale={min(1.0, self._size / 1024)}"
        runs = f"--runs={min(self._runs, INCREMENTAL_RUNS_MAX)}"
        for row in cores.said(program, "--json", scale, runs):
            metric = f"added_bytes_{row['tree'].replace(' ', '_')}"
            for system in ("holdfast", "restic"):
                if system in row:
                    added = row[system]["second"]
                    self._add("incremental", system, metric, "bytes", added)

    def audit(self) -> None:
        for _ in range(self._runs):
            spent = cores.audit_cpu_seconds(self._top / "audit")
            spent["audit_cpu_seconds"] = sum(spent.values())
            for metric, seconds in spent.items():
                self._add("audit", "holdfast", metric, "CPU s", seconds)

    def ledger(self) -> None:
        for _ in range(self._runs):
            rate = cores.ledger_operations_per_second(self._top / "ledger.db")
            self._add("ledger", "holdfast", "operations_per_s", "1/s", rate)

    def idle(self) -> None:
        report = self._top / "idle.json"
        command = [sys.executable, str(Path(__file__).with_name("idle.py"))]
        # It fails where a limit is not kept; what it measured is of interest even then.
        subprocess.run([*command, "--json", str(report)], check=False)
        found = json.loads(report.read_text())
        self._add("idle", "holdfast", "vault_cores", "cores", found["vault_cores"])
        most = found["vault_resident_mib_max"]
        self._add("idle", "holdfast", "peak_rss_MiB", "MiB", most)

    def wide20(self) -> None:
        self._wide(10, 20)

    def wide80(self) -> None:
        self._wide(29, 80)

    def _wide(self, k: int, n: int) -> None:
        workload = f"wide-{k}-of-{n}"

        def add(metric: str, unit: str, value: float) -> None:
            self._add(workload, "holdfast", metric, unit, value)

        mib = max(int(self._size * WIDE_SHARE), 16)
        runs = min(self._runs, WIDE_RUNS_MAX)
        for trip in wide.trips(self._top, k, n, mib, runs):
            each = trip.up.cpu_seconds * GIB / trip.data_bytes
            add("upload_MBps", "MB/s", trip.data_bytes / trip.up.seconds / MB)
            add("download_MBps", "MB/s", trip.data_bytes / trip.down.seconds / MB)
            add("cpu_seconds_per_GiB", "CPU s/GiB", each)
            peak = max(trip.up.peak_rss_mib, trip.down.peak_rss_mib)
            add("peak_rss_MiB", "MiB", peak)
