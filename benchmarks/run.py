"""All workloads on a fresh local network, beside restic and Tahoe-LAFS where they are.

    python benchmarks/run.py [--size 1024] [--runs 5] [--only random,mixed,…]
                             [--systems holdfast,bare-pipeline,restic,tahoe-lafs]
                             [--epoch-seconds 120]
                             [--out benchmarks/results] [--name DATE] [--dir DIR]

Prints a table; writes a JSON and a chart named after today, anew after each workload. A
first run of each system warms up and is not counted. Sizes are in MiB and scale every
workload. What fails is noted and the rest goes on; then the exit code is 1. Ctrl-C ends
all processes, and what was measured by then stays written.
"""

import argparse
import datetime as dt
import os
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from holdfast.wire import process

process.prepare()  # before NumPy is imported

import figures  # noqa: E402
from alone import Alone  # noqa: E402
from bare_pipeline import BarePipeline  # noqa: E402
from figures import Samples  # noqa: E402
from storing import Storing  # noqa: E402
from systems import EPOCH_SECONDS, Holdfast, Restic  # noqa: E402
from tahoe_system import PROGRAM, Tahoe  # noqa: E402

STORING: Final = ("random", "mixed", "small", "commands", "degraded", "rebuild")
ALONE: Final = ("incremental", "audit", "ledger", "idle", "wide20", "wide80")
SYSTEMS: Final = (Holdfast.name, BarePipeline.name, Restic.name, Tahoe.name)


def main() -> int:
    given = wishes()
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    for name, is_there in (
        (Restic.name, shutil.which("restic")),
        (Tahoe.name, PROGRAM.exists()),
    ):
        if name in given.systems and not is_there:
            print(f"{name} is not installed here: see benchmarks/README.md")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    samples = Samples()
    with tempfile.TemporaryDirectory(dir=given.dir, prefix="holdfast-bench-") as top:
        try:
            run_all(given, Path(top), samples)
        except KeyboardInterrupt:
            print("stopped; what was measured is written")
    if rows := samples.rows():
        print(figures.table(rows))
    for path in figures.save(rows, given.out, given.name):
        print(path)
    failures = samples.failures()
    for failure in failures:
        print(f"failed: {failure}")
    return int(bool(failures))


def run_all(given: argparse.Namespace, top: Path, samples: Samples) -> None:
    """Run the workloads that need the systems first, then those that need none."""
    systems = set(given.systems)
    epoch_seconds = given.epoch_seconds
    storing = Storing(top, given.size, given.runs, samples, systems, epoch_seconds)
    alone = Alone(top, given.size, given.runs, samples)
    try:
        for workload in (name for name in STORING if name in given.only):
            began = time.perf_counter()
            storing.start(workload)
            attempt(storing, workload, samples)
            ended(workload, began, given, samples)
    finally:
        storing.close()
    for workload in (name for name in ALONE if name in given.only):
        began = time.perf_counter()
        attempt(alone, workload, samples)
        ended(workload, began, given, samples)


def attempt(workloads: Storing | Alone, name: str, samples: Samples) -> None:
    try:
        getattr(workloads, name)()
    except Exception as error:  # noqa: BLE001 # the others go on
        samples.fail(name, Holdfast.name, error)


def ended(
    workload: str, began: float, given: argparse.Namespace, samples: Samples
) -> None:
    print(f"{workload}: {time.perf_counter() - began:.0f} s", flush=True)
    figures.save(samples.rows(), given.out, given.name)


def wishes() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=1024, help="MiB")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--epoch-seconds", type=int, default=EPOCH_SECONDS)
    parser.add_argument("--only", type=names, default=(*STORING, *ALONE))
    parser.add_argument("--systems", type=names, default=SYSTEMS)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results"))
    parser.add_argument("--name", default=dt.datetime.now(dt.UTC).date().isoformat())
    parser.add_argument("--dir")
    given = parser.parse_args()
    for chosen, known in (
        (given.only, {*STORING, *ALONE}),
        (given.systems, set(SYSTEMS)),
    ):
        if unknown := set(chosen) - known:
            there = ", ".join(sorted(known))
            parser.error(f"{', '.join(sorted(unknown))}: there are only {there}")
    if given.size < 1 or given.runs < 1 or given.epoch_seconds < 1:
        parser.error("--size, --runs and --epoch-seconds are at least 1")
    return given


def names(text: str) -> tuple[str, ...]:
    return tuple(text.split(","))


if __name__ == "__main__":
    sys.exit(main())
