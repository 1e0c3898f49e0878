"""What a network costs while nothing happens: processor time and memory.

Starts vaults with short epochs on this machine, lets them come to rest, and reads
from /proc what each process used in the measured time. Linux only.

With --stored they hold that much of an owner's data, uploaded beforehand, so their
audits have something to prove.

    python benchmarks/idle.py [--vaults 12] [--seconds 60] [--stored MIB] [--json FILE]
"""

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from holdfast.client.async_client import AsyncClient
from holdfast.client.local_layout import LEDGER
from holdfast.client.local_network import LocalNetwork
from holdfast.client.output import table_lines
from holdfast.client.profile import Profile

CORES_MAX = 0.5
RESIDENT_MIB_MAX = 120.0
SETTLE_EPOCHS = 6


@dataclass(frozen=True)
class Reading:
    """One process over the measured time; `cores` is its mean share of a core."""

    name: str
    pid: int
    cores: float
    resident_mib: float


def cpu_seconds(pid: int) -> float:
    """Return the processor time that a process has used, children waited for too."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def resident_mib(pid: int) -> float:
    """Return the resident memory of a process."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise ValueError(pid)


async def store(network: LocalNetwork, home: Path, mebibytes: int) -> None:
    """Upload random bytes, which cannot be compressed."""
    profile, _ = Profile.create(home, network.network_file, "benchmark")
    client = await AsyncClient.connect(profile, profile.unlock("benchmark"))
    async with client:
        await client.faucet()
        started = time.monotonic()
        await client.put("noise", os.urandom(mebibytes << 20))
        print(f"stored {mebibytes} MiB in {time.monotonic() - started:.1f} s")


async def measure(
    directory: Path, vaults: int, epoch_seconds: int, seconds: float, stored: int
) -> list[Reading]:
    """Run a network and return a reading for each of its processes."""
    network = LocalNetwork(directory / "network", tied=True, tell=print)
    async with network:
        await network.up(vaults, epoch_seconds)
        if stored:
            await store(network, directory / "home", stored)
        await asyncio.sleep(SETTLE_EPOCHS * epoch_seconds)
        names = [LEDGER, *(vault.name for vault in network.plan().vaults)]
        pids = {name: pid_of(network, name) for name in names}
        before = {name: cpu_seconds(pid) for name, pid in pids.items()}
        started = time.monotonic()
        print(f"measuring for {seconds:.0f} s")
        await asyncio.sleep(seconds)
        passed = time.monotonic() - started
        readings = [
            Reading(
                name,
                pid,
                (cpu_seconds(pid) - before[name]) / passed,
                resident_mib(pid),
            )
            for name, pid in pids.items()
        ]
        status = await network.status()
        assert status.healthy, "the network did not stay healthy"
    return readings


def pid_of(network: LocalNetwork, name: str) -> int:
    mark = network.programs.mark(name)
    assert mark is not None, f"{name} does not run"
    return mark.pid


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--vaults", type=int, default=12)
    parser.add_argument("--epoch-seconds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--stored", type=int, default=0, help="MiB to upload first")
    parser.add_argument("--json", type=Path, help="write the figures here, too")
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="holdfast-idle-") as directory:
        readings = asyncio.run(
            measure(
                Path(directory),
                wanted.vaults,
                wanted.epoch_seconds,
                wanted.seconds,
                wanted.stored,
            )
        )
    vaults = [reading for reading in readings if reading.name != LEDGER]
    cores = sum(reading.cores for reading in vaults)
    largest = max(reading.resident_mib for reading in vaults)
    rows = [
        (r.name, r.pid, f"{r.cores:.4f}", f"{r.resident_mib:.1f}") for r in readings
    ]
    print("\n".join(table_lines(("process", ">pid", ">cores", ">RSS MiB"), rows)))
    print(f"{len(vaults)} vaults together: {cores:.3f} cores (limit {CORES_MAX})")
    print(f"largest vault: {largest:.1f} MiB resident (limit {RESIDENT_MIB_MAX:.0f})")
    document = {
        "vaults": len(vaults),
        "epoch_seconds": wanted.epoch_seconds,
        "seconds": wanted.seconds,
        "stored_mib": wanted.stored,
        "vault_cores": cores,
        "vault_resident_mib_max": largest,
        "processes": [asdict(reading) for reading in readings],
    }
    print(json.dumps(document))
    if wanted.json:
        wanted.json.write_text(json.dumps(document, indent=1) + "\n")
    return int(cores > CORES_MAX or largest > RESIDENT_MIB_MAX)


if __name__ == "__main__":
    sys.exit(main())
