"""Upload and download through a real network: MB/s, CPU seconds per GiB, memory.

    python benchmarks/transfer.py [--mib 512] [--vaults 8] [--runs 3] [--json]

Starts a ledger and vaults on this machine, backs up random files with the SDK in a
process of its own, restores them on a new profile, and compares. MB are 10^6 bytes
of user data; CPU of client and vaults is told apart, the vaults' audits included.
"""

import argparse
import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from holdfast.wire import process

process.prepare()  # before NumPy is imported

from proc_figures import cpu_seconds_of, own_peak_rss_mib  # noqa: E402

from holdfast.client import AsyncClient, Profile  # noqa: E402
from holdfast.client.core.key_slots import Strength  # noqa: E402
from holdfast.client.local_network import LocalNetwork  # noqa: E402

GIB = 1 << 30
FIRST_BYTE_OF = 48 << 20


async def transfer(
    home: Path, source: Path, target: Path, vaults: list[int]
) -> dict[str, Any]:
    """Upload and restore; `vaults` are the pids of the network's vaults."""
    profile = Profile.load(home)
    async with await AsyncClient.connect(profile, profile.unlock("pass")) as client:
        if not await client.balance():
            await client.faucet()
        process.settle()  # as the commands do
        start = _Reading.now(vaults)
        result = await client.backup([source])
        up = _Reading.now(vaults).since(start)
        peak = round(own_peak_rss_mib())
        start = _Reading.now(vaults)
        report = await client.restore("latest", target)
        down = _Reading.now(vaults).since(start)
        assert report.complete, report.failures
        first_byte = await _first_byte_seconds(client)
    sent = report.bytes_written
    return {
        "bytes": sent,
        "sealed_bytes": result.bytes_uploaded,
        **up.figures("upload", sent),
        **down.figures("download", sent),
        "first_byte_ms": round(first_byte * 1e3, 1),
        "upload_peak_rss_mib": peak,
        "peak_rss_mib": round(own_peak_rss_mib()),
    }


async def _first_byte_seconds(client: AsyncClient) -> float:
    """Return how long the first byte of a large object takes, once it is asked for."""
    await client.put("large", os.urandom(FIRST_BYTE_OF))
    before = time.perf_counter()
    async with await client.open("large") as file:
        assert await file.read(1)
        return time.perf_counter() - before


@dataclass(frozen=True, slots=True)
class _Reading:
    """Seconds of the clock, and of CPU in this process and in all vaults."""

    wall: float
    client: float
    vaults: float

    @classmethod
    def now(cls, vaults: list[int]) -> "_Reading":
        return cls(time.perf_counter(), time.process_time(), cpu_seconds_of(vaults))

    def since(self, start: "_Reading") -> "_Reading":
        return _Reading(
            self.wall - start.wall,
            self.client - start.client,
            self.vaults - start.vaults,
        )

    def figures(self, way: str, size: int) -> dict[str, Any]:
        return {
            f"{way}_mb_s": round(size / self.wall / 1e6, 1),
            f"{way}_client_cpu_s_gib": round(self.client * GIB / size, 2),
            f"{way}_vaults_cpu_s_gib": round(self.vaults * GIB / size, 2),
        }


def measure(mib: int, vaults: int, runs: int) -> list[dict[str, Any]]:
    top = Path(tempfile.mkdtemp(prefix="holdfast-transfer-"))
    network = LocalNetwork(top / "network", tied=True)
    results = []
    try:
        status = asyncio.run(network.up(vaults, epoch_seconds=30))
        pids = [vault.pid for vault in status.vaults if vault.pid]
        strength = Strength(1, 8 << 20)
        Profile.create(top / "home", network.network_file, "pass", strength=strength)
        for run in range(runs):
            source = top / f"source {run}"
            source.mkdir()
            with (source / "random").open("wb") as file:
                for _ in range(mib):
                    file.write(os.urandom(1 << 20))
            target = top / "target"
            given = [str(top / "home"), str(source), str(target), json.dumps(pids)]
            done = subprocess.run(
                [sys.executable, __file__, "--child", *given],
                check=True,
                stdout=subprocess.PIPE,
            )
            found = json.loads(done.stdout)
            inside = target / source.relative_to("/")
            subprocess.run(["cmp", source / "random", inside / "random"], check=True)
            shutil.rmtree(target)
            shutil.rmtree(source)
            found["load"] = round(os.getloadavg()[0], 1)
            results.append(found)
    finally:
        if network.layout.exists():
            network.down()
        shutil.rmtree(top, ignore_errors=True)
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mib", type=int, default=512)
    parser.add_argument("--vaults", type=int, default=8)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--child", nargs=4, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        home, source, target = map(Path, arguments.child[:3])
        pids = json.loads(arguments.child[3])
        print(json.dumps(asyncio.run(transfer(home, source, target, pids))))
        return
    results = measure(arguments.mib, arguments.vaults, arguments.runs)
    if arguments.json:
        print(json.dumps(results))
        return
    for found in results:
        print("  ".join(f"{name} {value}" for name, value in found.items()))


if __name__ == "__main__":
    main()
