"""What the benchmarks compare: each system stores a tree and brings it back."""

import asyncio
import os
import resource
import shutil
import subprocess
import time
from pathlib import Path
from typing import Final, Protocol

from owner import Owner, Spent
from retiring import retire

from holdfast.client.local_layout import LEDGER
from holdfast.client.local_network import LocalNetwork

DATA_SHARDS: Final = 4
EPOCH_SECONDS: Final = 120
"""Seldom does an act fall together with the audits of all vaults at once."""

REBUILD_EPOCH_SECONDS: Final = 30
"""What was lost is declared, and comes back, in the next epochs."""

REBUILD_SECONDS_MAX: Final = 300.0
RUNS_UNBOUNDED: Final = 1 << 30


class System(Protocol):
    """One of the systems; `restore` brings back what was stored last.

    It takes part in `runs_max` runs at the most.
    """

    name: str
    runs_max: int

    def store(self, source: Path) -> Spent:
        """Store a tree."""

    def restore(self, target: Path) -> Spent:
        """Bring the tree stored last back."""

    def drop(self) -> None:
        """Begin anew: nothing of what was stored is wanted again."""

    def close(self) -> None:
        """End it and delete what it stored."""


class Holdfast:
    """A network of its own on this machine, and one owner who uses the SDK."""

    name = "holdfast"
    runs_max = RUNS_UNBOUNDED

    def __init__(
        self, top: Path, epoch_seconds: int = EPOCH_SECONDS, vaults: int = 8
    ) -> None:
        self._top = top
        self.epoch_seconds = epoch_seconds
        self.network = LocalNetwork(top / "network", tied=True)
        # Modules are compiled once, as in an installed wheel.
        os.environ["PYTHONPYCACHEPREFIX"] = str(top / "bytecode")
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        try:
            asyncio.run(self.network.up(vaults, epoch_seconds))
            self.owner = Owner(top / "home", self.network.network_file)
        except BaseException:
            self.close()
            raise

    def store(self, source: Path) -> Spent:
        return self.owner.act("store", source, self.pids())

    def restore(self, target: Path) -> Spent:
        return self.owner.act("restore", target, self.pids())

    def first_byte(self) -> Spent:
        """Read one byte of a large object."""
        return self.owner.act("first-byte", pids=self.pids())

    def drop(self) -> None:
        """Leave it: vaults would delete it during a later run, see `retiring`."""

    def kill(self, count: int) -> None:
        """Kill so many vaults."""
        for vault in self.network.plan().vaults[:count]:
            self.network.stop_vault(str(vault.number), kill=True)

    def revive(self) -> None:
        """Start the vaults that do not run."""
        asyncio.run(self.network.up())

    def rebuild(self, stored_bytes: int) -> float:
        """Delete what one vault holds; return the MB/s at which that comes back.

        Counted is from the first shard that is back to its share of what is stored
        now; before, the vault declares its loss in a checkpoint, which takes an epoch
        or two.
        """
        # A checkpoint signed during the last rebuild declares the rest of it missing:
        # that alone would come back in the next epoch, and all else one epoch later.
        time.sleep(self.epoch_seconds)
        vault = self.network.plan().vaults[-1]
        shards = self.network.layout.numbered(vault.number) / "shards"
        self.network.stop_vault(str(vault.number))
        shutil.rmtree(shards)
        asyncio.run(self.network.start_vault(str(vault.number)))
        return _watch_growth(shards, stored_bytes // DATA_SHARDS)

    def close(self) -> None:
        if self.network.layout.exists():
            self.network.down()
        shutil.rmtree(self._top, ignore_errors=True)

    def pids(self) -> list[int]:
        """Return the processes of the network that run."""
        names = [LEDGER, *(vault.name for vault in self.network.plan().vaults)]
        marks = (self.network.programs.mark(name) for name in names)
        return [mark.pid for mark in marks if mark]


class Restic:
    """restic with a repository in a local folder: no network, no erasure code."""

    name = "restic"
    runs_max = RUNS_UNBOUNDED

    def __init__(self, top: Path) -> None:
        self._top = top
        top.mkdir()
        self._kept = (top / "repository", top / "cache")
        repository, cache = map(str, self._kept)
        (top / "password").write_text("pass")
        self._words = ["restic", "--quiet", "--repo", repository, "--cache-dir", cache]
        self._words += ["--password-file", str(top / "password")]
        self._run("init")

    def store(self, source: Path) -> Spent:
        return self._run("backup", str(source))

    def restore(self, target: Path) -> Spent:
        return self._run("restore", "latest", "--target", str(target))

    def drop(self) -> None:
        for directory in self._kept:
            retire(directory, self._top / "gone")
        self._run("init")

    def close(self) -> None:
        shutil.rmtree(self._top, ignore_errors=True)

    def _run(self, *words: str) -> Spent:
        began = time.perf_counter()
        child = subprocess.Popen([*self._words, *words])
        try:
            _, status, usage = os.wait4(child.pid, 0)
        except BaseException:
            child.kill()
            raise
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            raise RuntimeError(f"restic {words[0]} failed")
        return _spent(time.perf_counter() - began, usage)


def _held_bytes(shards: Path) -> int:
    return sum(path.stat().st_size for path in shards.glob("*/??/*"))


def _watch_growth(shards: Path, wanted: int) -> float:
    """Return the MB/s at which files come until there are `wanted` bytes of them."""
    deadline = time.monotonic() + REBUILD_SECONDS_MAX
    first: tuple[float, int] | None = None
    while time.monotonic() < deadline:
        held, now = _held_bytes(shards), time.monotonic()
        if held and first is None:
            first = (now, held)
        if first and held >= wanted:
            return (held - first[1]) / (now - first[0]) / 1e6
        time.sleep(0.05)
    raise RuntimeError(f"{wanted} bytes were not rebuilt in time")


def _spent(seconds: float, usage: resource.struct_rusage) -> Spent:
    return Spent(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)
