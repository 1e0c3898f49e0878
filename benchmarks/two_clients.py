"""Whether two clients at once are faster than one: what the cores bound is not.

Two owners store half of a mixed tree or of random data each and bring it back, one
after the other and then both at once. An act that meets an audit of all vaults, at the
beginning of an epoch, is slower for it.

    python benchmarks/two_clients.py [--random] [--mib 1024] [--runs 3]
                                     [--epoch-seconds 30]
"""

import argparse
import os
import shutil
import statistics
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from holdfast.wire import process

process.prepare()  # before NumPy is imported

import trees  # noqa: E402
from owner import Owner  # noqa: E402
from systems import Holdfast  # noqa: E402

MB: Final = 1_000_000
WAYS: Final = ("one after the other", "at once")
Make = Callable[[Path, int, int], int]


class Pair:
    """Two owners, and the half that each of them has of what `make` makes."""

    def __init__(self, holdfast: Holdfast, top: Path, make: Make, mib: int) -> None:
        self._holdfast = holdfast
        self._top = top
        self._halves: list[tuple[Owner, Path]] = []
        self.data_bytes = 0
        file = holdfast.network.network_file
        for number in (1, 2):
            source = top / f"source {number}"
            self.data_bytes += make(source, mib // 2, number)
            self._halves.append((Owner(top / f"home {number}", file), source))

    def store(self, *, at_once: bool) -> float:
        """Store both halves; return seconds."""
        paths = [source for _, source in self._halves]
        return self._act("store", paths, at_once=at_once)

    def drop(self) -> None:
        for owner, _ in self._halves:
            owner.act("drop")

    def restore(self, *, at_once: bool) -> float:
        """Bring both halves back; return seconds."""
        targets = [Path(tempfile.mkdtemp(dir=self._top)) for _ in self._halves]
        return self._act("restore", targets, at_once=at_once)

    def _act(self, what: str, paths: list[Path], *, at_once: bool) -> float:
        os.sync()
        pids = self._holdfast.pids()
        with ThreadPoolExecutor(2 if at_once else 1) as pool:
            acts = [
                pool.submit(owner.act, what, path, pids)
                for (owner, _), path in zip(self._halves, paths, strict=True)
            ]
            seconds = [act.result().seconds for act in acts]
        return max(seconds) if at_once else sum(seconds)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--random", action="store_true", help="no mixed tree")
    parser.add_argument("--mib", type=int, default=1024)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--epoch-seconds", type=int, default=30)
    given = parser.parse_args()
    make = trees.random_file if given.random else trees.mixed_tree
    rates: dict[tuple[str, str], list[float]] = {}
    top = Path(tempfile.mkdtemp(prefix="holdfast-two-clients-"))
    try:
        holdfast = Holdfast(top / "holdfast", given.epoch_seconds)
        try:
            pair = Pair(holdfast, top, make, given.mib)
            for _ in range(given.runs):
                for way in WAYS:
                    at_once = way == WAYS[1]
                    stored = pair.store(at_once=at_once)
                    restored = pair.restore(at_once=at_once)
                    for act, seconds in (("store", stored), ("restore", restored)):
                        rate = pair.data_bytes / seconds / MB
                        rates.setdefault((act, way), []).append(rate)
                        print(f"{act}, {way}: {rate:.0f} MB/s", flush=True)
                    pair.drop()
        finally:
            holdfast.close()
    finally:
        shutil.rmtree(top, ignore_errors=True)
    for (act, way), found in sorted(rates.items()):
        print(f"{act}, {way}: median {statistics.median(found):.0f} MB/s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
