"""Upload and download through a real network: MB/s, CPU seconds per GiB, memory.

    python benchmarks/transfer.py [--mib 512] [--vaults 8] [--runs 3] [--json]

Starts a ledger and vaults on this machine, backs up random files with the SDK in a
process of its own, restores them on a new profile, and compares. MB are 10^6 bytes
of user data; CPU counts client and vaults together, the vaults' audits included.
"""

import argparse
import asyncio
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from holdfast.wire import process

process.prepare()  # before NumPy is imported

from holdfast.client import AsyncClient, Profile  # noqa: E402
from holdfast.client.core.key_slots import Strength  # noqa: E402
from holdfast.client.local_network import LocalNetwork  # noqa: E402

GIB = 1 << 30
TICKS = os.sysconf("SC_CLK_TCK")


async def transfer(home: Path, source: Path, target: Path) -> dict[str, Any]:
    profile = Profile.load(home)
    async with await AsyncClient.connect(profile, profile.unlock("pass")) as client:
        if not await client.balance():
            await client.faucet()
        up, up_cpu = time.perf_counter(), time.process_time()
        result = await client.backup([source])
        up, up_cpu = time.perf_counter() - up, time.process_time() - up_cpu
        peak = _peak_mib()
        down, down_cpu = time.perf_counter(), time.process_time()
        report = await client.restore("latest", target)
        down, down_cpu = time.perf_counter() - down, time.process_time() - down_cpu
        assert report.complete, report.failures
    sent = report.bytes_written
    return {
        "bytes": sent,
        "sealed_bytes": result.bytes_uploaded,
        "upload_mb_s": round(sent / up / 1e6, 1),
        "upload_client_cpu_s_gib": round(up_cpu * GIB / sent, 2),
        "download_mb_s": round(sent / down / 1e6, 1),
        "download_client_cpu_s_gib": round(down_cpu * GIB / sent, 2),
        "upload_peak_rss_mib": peak,
        "peak_rss_mib": _peak_mib(),
    }


def _peak_mib() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def _cpu_seconds(pids: list[int]) -> float:
    total = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / TICKS


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
            before = _cpu_seconds(pids)
            command = [sys.executable, __file__, "--child", str(top / "home")]
            target = top / "target"
            done = subprocess.run(
                [*command, str(source), str(target)], check=True, stdout=subprocess.PIPE
            )
            found = json.loads(done.stdout)
            found["vaults_cpu_s_gib"] = round(
                (_cpu_seconds(pids) - before) * GIB / found["bytes"], 2
            )
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
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        home, source, target = map(Path, arguments.child)
        print(json.dumps(asyncio.run(transfer(home, source, target))))
        return
    results = measure(arguments.mib, arguments.vaults, arguments.runs)
    if arguments.json:
        print(json.dumps(results))
        return
    for found in results:
        print("  ".join(f"{name} {value}" for name, value in found.items()))


if __name__ == "__main__":
    main()
