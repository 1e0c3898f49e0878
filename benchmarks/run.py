"""All workloads on a fresh local network, beside restic and Tahoe-LAFS where they are.

    python benchmarks/run.py [--size 1024] [--runs 5] [--only random,mixed,…]
                             [--systems restic,tahoe-lafs]
                             [--out benchmarks/results] [--dir DIR]

Prints a table; writes a JSON and a chart named after today. A first run of each
system warms up and is not counted. Sizes are in MiB and scale every workload.
"""

import argparse
import datetime as dt
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

from holdfast.wire import process

process.prepare()  # before NumPy is imported

import cores  # noqa: E402
import trees  # noqa: E402
from figures import Samples, save, table  # noqa: E402
from systems import Holdfast, Restic, Spent, System  # noqa: E402
from tahoe_system import PROGRAM, Tahoe  # noqa: E402

INCREMENTAL_RUNS_MAX: Final = 3
GIB: Final = 1 << 30
MB: Final = 1_000_000
STORING: Final = ("random", "mixed", "small", "degraded", "rebuild")
WORKLOADS: Final = (*STORING, "incremental", "audit", "ledger", "idle")


class Bench:
    """One run of the benchmarks: where, how large, how often."""

    def __init__(self, top: Path, size: int, runs: int) -> None:
        self._top = top
        self._size = size
        self._runs = runs
        self.samples = Samples()
        self._systems: list[System] = []

    def start(self, systems: str) -> None:
        """Start what workloads store files in, and warm it up."""
        top = self._top
        self.holdfast = Holdfast(top / "holdfast")
        self._systems.append(self.holdfast)
        if Restic.name in systems and shutil.which("restic"):
            self._systems.append(Restic(top / "restic"))
        if Tahoe.name in systems and PROGRAM.exists():
            self._systems.append(Tahoe(top / "tahoe"))
        self._warm_up()

    def close(self) -> None:
        while self._systems:
            self._systems.pop().close()

    def random(self) -> None:
        self._trips("random-1GiB", self._random)

    def mixed(self) -> None:
        """Time also a second backup of what has not changed."""
        self._trips(
            "mixed-1GiB",
            lambda top, run: trees.mixed_tree(top, self._size, run),
            unchanged=True,
        )

    def small(self) -> None:
        count = max(200, 2000 * self._size // 1024)
        make = trees.small_files
        self._trips("small-2000", lambda top, run: make(top, count, run), count)

    def degraded(self) -> None:
        """Restore while n - k holders are dead; start them again."""
        source = self._top / "degraded"
        size = self._random(source, self._runs + 1)
        self.holdfast.store(source)
        self.holdfast.kill(4)
        for _ in range(self._runs):
            spent = self._restored(self.holdfast, source)
            add = self.samples.add
            add("degraded", "holdfast", "download_MBps", "MB/s", _rate(size, spent))
        self.holdfast.revive()
        shutil.rmtree(source)

    def rebuild(self) -> None:
        """Have one vault lose all it holds; the others give it back."""
        source = self._top / "rebuild"
        self._random(source, self._runs + 2)
        self.holdfast.store(source)
        shutil.rmtree(source)
        for _ in range(self._runs):
            add = self.samples.add
            rate = self.holdfast.rebuild()
            add("rebuild", "holdfast", "rebuild_MBps", "MB/s", rate)

    def incremental(self) -> None:
        program = Path(__file__).with_name("incremental.py")
        scale = f"--scale={min(1.0, self._size / 1024)}"
        runs = f"--runs={min(self._runs, INCREMENTAL_RUNS_MAX)}"
        for row in cores.said(program, "--json", scale, runs):
            metric = f"added_bytes_{row['tree'].replace(' ', '_')}"
            for system in {"holdfast", "restic"} & row.keys():
                added = row[system]["second"]
                self.samples.add("incremental", system, metric, "bytes", added)

    def audit(self) -> None:
        for _ in range(self._runs):
            spent = cores.audit_cpu_seconds(self._top / "audit")
            for metric, seconds in spent.items():
                self.samples.add("audit", "holdfast", metric, "CPU s", seconds)

    def ledger(self) -> None:
        for _ in range(self._runs):
            rate = cores.ledger_operations_per_second(self._top / "ledger.db")
            self.samples.add("ledger", "holdfast", "operations_per_s", "1/s", rate)

    def idle(self) -> None:
        report = self._top / "idle.json"
        command = [sys.executable, str(Path(__file__).with_name("idle.py"))]
        # It fails where a limit is not kept; what it measured is of interest even then.
        subprocess.run([*command, "--json", str(report)], check=False)
        found = json.loads(report.read_text())
        add = self.samples.add
        add("idle", "holdfast", "vault_cores", "cores", found["vault_cores"])
        most = found["vault_resident_mib_max"]
        add("idle", "holdfast", "peak_rss_MiB", "MiB", most)

    def _warm_up(self) -> None:
        for system in self._systems:
            self._trip(system, self._random, 0)

    def _random(self, top: Path, run: int) -> int:
        return trees.random_file(top, self._size, run)

    def _trips(
        self,
        workload: str,
        make: Callable[[Path, int], int],
        files: int = 0,
        *,
        unchanged: bool = False,
    ) -> None:
        for run in range(1, self._runs + 1):
            for system in self._systems:
                up, down, again, size = self._trip(system, make, run, unchanged)
                self._note(workload, system.name, size, files, (up, down))
                if again:
                    values = (workload, system.name, "unchanged_backup_s", "s")
                    self.samples.add(*values, again.seconds)

    def _trip(
        self,
        system: System,
        make: Callable[[Path, int], int],
        run: int,
        unchanged: bool = False,
    ) -> tuple[Spent, Spent, Spent | None, int]:
        source = self._top / f"source {system.name} {run}"
        size = make(source, run)
        up = system.store(source)
        unchanged = unchanged and system.name != Tahoe.name  # it stores all again
        again = system.store(source) if unchanged else None
        down = self._restored(system, source)
        shutil.rmtree(source)
        return up, down, again, size

    def _restored(self, system: System, source: Path) -> Spent:
        target = self._top / "target"
        spent = system.restore(target)
        inside = target / source.relative_to("/")
        subprocess.run(["diff", "-r", str(source), str(inside)], check=True)
        shutil.rmtree(target)
        return spent

    def _note(
        self,
        workload: str,
        system: str,
        size: int,
        files: int,
        ways: tuple[Spent, Spent],
    ) -> None:
        add = self.samples.add
        for way, spent in zip(("upload", "download"), ways, strict=True):
            add(workload, system, f"{way}_MBps", "MB/s", _rate(size, spent))
            if files:
                rate = files / spent.seconds
                add(workload, system, f"{way}_files_per_s", "1/s", rate)
            each = spent.cpu_seconds * GIB / size
            add(workload, system, f"{way}_cpu_seconds_per_GiB", "CPU s/GiB", each)
            peak = spent.peak_rss_mib
            add(workload, system, f"{way}_peak_rss_MiB", "MiB", peak)


def _rate(size: int, spent: Spent) -> float:
    return size / spent.seconds / MB


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=1024, help="MiB")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--only", default=",".join(WORKLOADS))
    parser.add_argument("--systems", default="restic,tahoe-lafs")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results"))
    parser.add_argument("--name", default=dt.datetime.now(dt.UTC).date().isoformat())
    parser.add_argument("--dir")
    given = parser.parse_args()
    wanted = given.only.split(",")
    if unknown := set(wanted) - set(WORKLOADS):
        parser.error(f"no such workload: {', '.join(sorted(unknown))}")
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory(dir=given.dir, prefix="holdfast-bench-") as top:
        bench = Bench(Path(top), given.size, given.runs)
        try:
            if set(wanted) & set(STORING):
                bench.start(given.systems)
            for workload in wanted:
                if workload == "idle":
                    bench.close()  # it has a network of its own
                getattr(bench, workload)()
        finally:
            bench.close()
    rows = bench.samples.rows()
    print(table(rows))
    for path in save(rows, given.out, given.name):
        print(path)


if __name__ == "__main__":
    main()
