"""What the benchmarks compare: each system stores a tree and brings it back."""

import asyncio
import json
import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from holdfast.client.core.key_slots import Strength
from holdfast.client.local_layout import LEDGER
from holdfast.client.local_network import LocalNetwork
from holdfast.client.profile import Profile

_TICKS = os.sysconf("SC_CLK_TCK")
REBUILD_SECONDS_MAX = 300.0
_CHILD = Path(__file__).with_name("owner_child.py")


@dataclass(frozen=True)
class Spent:
    """What an act took: seconds, CPU seconds of all processes, the user's memory."""

    seconds: float
    cpu_seconds: float
    peak_rss_mib: float


class System(Protocol):
    """One of the systems; `restore` brings back what was stored last."""

    name: str

    def store(self, source: Path) -> Spent:
        """Store a tree."""

    def restore(self, target: Path) -> Spent:
        """Bring the tree stored last back."""

    def close(self) -> None:
        """End it and delete what it stored."""


def process_cpu_seconds(pids: Sequence[int]) -> float:
    """Return what processes used so far, threads included."""
    total = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / _TICKS


class Holdfast:
    """A network of its own on this machine, and one owner who uses the SDK.

    Times are of the act alone: the client has connected before.
    """

    name = "holdfast"

    def __init__(self, top: Path, vaults: int = 8) -> None:
        self._top = top
        self.network = LocalNetwork(top / "network", tied=True)
        # Modules are compiled once, as in an installed wheel.
        os.environ["PYTHONPYCACHEPREFIX"] = str(top / "bytecode")
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        asyncio.run(self.network.up(vaults, epoch_seconds=30))
        strength = Strength(1, 8 << 20)
        network_file = self.network.network_file
        self.home = top / "home"
        Profile.create(self.home, network_file, "pass", strength=strength)

    def store(self, source: Path) -> Spent:
        return self._act("store", source)

    def restore(self, target: Path) -> Spent:
        return self._act("restore", target)

    def kill(self, count: int) -> None:
        """Kill so many vaults."""
        for vault in self.network.plan().vaults[:count]:
            self.network.stop_vault(str(vault.number), kill=True)

    def revive(self) -> None:
        """Start the vaults that do not run."""
        asyncio.run(self.network.up())

    def rebuild(self) -> float:
        """Delete what one vault holds; return the MB/s at which that comes back.

        Counted is from the first shard that is back to the last; before, the vault
        declares its loss in a checkpoint, which takes an epoch or two.
        """
        vault = self.network.plan().vaults[-1]
        shards = self.network.layout.numbered(vault.number) / "shards"
        self.network.stop_vault(str(vault.number))
        held = _held_bytes(shards)
        shutil.rmtree(shards)
        asyncio.run(self.network.start_vault(str(vault.number)))
        return _watch_growth(shards, held)

    def close(self) -> None:
        if self.network.layout.exists():
            self.network.down()
        shutil.rmtree(self._top, ignore_errors=True)

    def pids(self) -> list[int]:
        """Return the processes of the network that run."""
        names = [LEDGER, *(vault.name for vault in self.network.plan().vaults)]
        marks = (self.network.programs.mark(name) for name in names)
        return [mark.pid for mark in marks if mark]

    def _act(self, what: str, path: Path) -> Spent:
        pids = self.pids()
        words = [sys.executable, str(_CHILD), str(self.home), what, str(path)]
        pipe = subprocess.PIPE
        with subprocess.Popen(words, stdin=pipe, stdout=pipe) as child:
            assert child.stdout
            assert child.stdin
            child.stdout.readline()  # it has connected
            before = process_cpu_seconds(pids)
            child.stdin.write(b"\n")
            child.stdin.flush()
            said = child.stdout.readline()
            vaults = process_cpu_seconds(pids) - before
        if child.returncode:
            raise RuntimeError(f"the owner could not {what} {path}")
        found = json.loads(said)
        cpu = vaults + found["cpu_seconds"]
        print(f"    client {found['cpu_seconds']:.2f} and network {vaults:.2f} CPU s")
        return Spent(found["seconds"], cpu, found["peak_rss_mib"])


class Restic:
    """restic with a repository in a local folder: no network, no erasure code."""

    name = "restic"

    def __init__(self, top: Path) -> None:
        self._top = top
        top.mkdir()
        self._words = ["restic", "--quiet", "--repo", str(top / "repository")]
        self._words += ["--cache-dir", str(top / "cache")]
        (top / "password").write_text("pass")
        self._words += ["--password-file", str(top / "password")]
        self._run("init")

    def store(self, source: Path) -> Spent:
        return self._run("backup", str(source))

    def restore(self, target: Path) -> Spent:
        return self._run("restore", "latest", "--target", str(target))

    def close(self) -> None:
        shutil.rmtree(self._top, ignore_errors=True)

    def _run(self, *words: str) -> Spent:
        began = time.perf_counter()
        child = subprocess.Popen([*self._words, *words])
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            raise RuntimeError(f"restic {words[0]} failed")
        return _spent(time.perf_counter() - began, usage)


def _held_bytes(shards: Path) -> int:
    paths = shards.glob("*/??/*")
    return sum(path.stat().st_size for path in paths)


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
