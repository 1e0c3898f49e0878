"""Networks with wide policies: 10-of-20 and 29-of-80, several vaults in one process.

    python benchmarks/wide.py [--mib 256] [--runs 3] [--k 10 --n 20]

Everything but the number of processes is as in any network: each vault has a directory,
an endpoint and TLS of its own, and the owner uses the SDK.
"""

import argparse
import asyncio
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import grpc
import trees
from owner import Owner, Spent

from holdfast.client import local_process
from holdfast.client.local_health import describe
from holdfast.client.local_network import free_ports
from holdfast.client.local_waiting import in_their_place
from holdfast.ledger.core.chain import Genesis
from holdfast.ledger.directory import LedgerDirectory
from holdfast.ledger.joining import join
from holdfast.ledger.network_file import NetworkFile, SeedVault
from holdfast.protocol.network import development_params
from holdfast.protocol.units import GIB, GRAINS_PER_HOLD
from holdfast.vault.config import Settings, VaultDirectory

POLICIES: Final = ((10, 20), (29, 80))
PROCESSES: Final = 4
EPOCH_SECONDS: Final = 15
READY_SECONDS_MAX: Final = 900.0
END_SECONDS: Final = 20.0
SEEDS: Final = 3
QUOTA_BYTES: Final = 4 * GIB
PRICE: Final = GRAINS_PER_HOLD // 1000
_LEDGER: Final = Path(sys.executable).with_name("holdfast-ledger")
_HOST: Final = Path(__file__).with_name("vault_host.py")


@dataclass(frozen=True)
class Trip:
    """What storing so many bytes, and bringing them back, took."""

    data_bytes: int
    up: Spent
    down: Spent


class WideNetwork:
    """A ledger and the vaults of a k-of-n network, n or more; `close` ends them."""

    def __init__(
        self,
        top: Path,
        k: int,
        n: int,
        count: int | None = None,
        epoch_seconds: int = EPOCH_SECONDS,
    ) -> None:
        self._top = top
        self._running: list[subprocess.Popen[bytes]] = []
        params = development_params(f"{k} of {n}", int(time.time()), epoch_seconds)
        params = replace(params, policy_k=k, policy_n=n)
        count = n if count is None else count
        ledger = LedgerDirectory(top / "ledger")
        try:
            ledger.create(Genesis(params), params.genesis_seconds)
            self._start("ledger", str(_LEDGER), "serve", "--dir", str(ledger.path))
            self._wait_until(ledger.network.exists)
            self.vaults = self._start_vaults(ledger.network, count)
            self._wait_until(lambda: asyncio.run(_listed(ledger.network)) >= count)
            self._wait_until(lambda: asyncio.run(_are_active(self.vaults)))
            file = top / "network.json"
            known = NetworkFile.load(ledger.network)
            replace(known, seeds=self.vaults[:SEEDS]).save(file)
            self.owner = Owner(top / "home", file)
        except BaseException:
            self.close()
            raise

    def pids(self) -> list[int]:
        """Return the processes of the network."""
        return [child.pid for child in self._running]

    def close(self) -> None:
        """End all processes, the ledger last, and delete what they stored."""
        for child in self._running[1:]:
            child.terminate()
        for child in reversed(self._running):
            child.terminate()
            try:
                child.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        shutil.rmtree(self._top, ignore_errors=True)

    def _start_vaults(self, network: Path, count: int) -> tuple[SeedVault, ...]:
        """Make and start the vaults; return where they are."""
        made: list[VaultDirectory] = []
        vaults: list[SeedVault] = []
        for number, port in enumerate(free_ports(count)):
            vault = VaultDirectory(self._top / "vaults" / f"{number:02}")
            endpoint = f"127.0.0.1:{port}"
            seeds = tuple(vaults[:SEEDS])
            vault.create(Settings(QUOTA_BYTES, PRICE, endpoint, seeds=seeds), network)
            made.append(vault)
            certificate = (vault.path / "tls.pem").read_bytes()
            vaults.append(SeedVault(endpoint, certificate))
        for first in range(PROCESSES):
            paths = [str(vault.path) for vault in made[first::PROCESSES]]
            self._start(f"host-{first}", sys.executable, str(_HOST), *paths)
        return tuple(vaults)

    def _wait_until(self, is_so: Callable[[], bool]) -> None:
        """Return when it is so; raises RuntimeError if a process ends before."""
        deadline = time.monotonic() + READY_SECONDS_MAX
        while not is_so():
            if any(child.poll() is not None for child in self._running):
                logs = sorted((self._top / "logs").iterdir())
                said = "".join(log.read_text()[-500:] for log in logs)
                raise RuntimeError(f"a process of the network ended: {said}")
            if time.monotonic() > deadline:
                raise RuntimeError(f"no network after {READY_SECONDS_MAX:.0f} s")
            time.sleep(0.5)

    def _start(self, name: str, *words: str) -> None:
        # The kernel ends it with this thread, whatever happens.
        log = self._top / "logs" / name
        self._running.append(local_process.spawn(words, log, tied=True))


async def _listed(network: Path) -> int:
    """Return from how many vaults clients may choose."""
    ledger = await join(NetworkFile.load(network))
    try:
        return len(await in_their_place(ledger))
    finally:
        await ledger.close()


async def _are_active(vaults: tuple[SeedVault, ...]) -> bool:
    """Tell whether each vault has heard that it is registered."""
    try:
        for vault in vaults:
            said = await describe(vault.endpoint, vault.certificate)
            if said.standing != "active":
                return False
    except grpc.aio.AioRpcError:
        return False
    return True


def trips(top: Path, k: int, n: int, mib: int, runs: int) -> Iterator[Trip]:
    """Store and restore random files, and compare; the first turn warms up."""
    network = WideNetwork(top / "network", k, n)
    try:
        for run in range(runs + 1):
            source, target = top / f"source {run}", top / "target"
            size = trees.random_file(source, mib, run)
            up = network.owner.act("store", source, network.pids())
            down = network.owner.act("restore", target, network.pids())
            inside = target / source.relative_to("/")
            subprocess.run(["diff", "-r", str(source), str(inside)], check=True)
            shutil.rmtree(target)
            shutil.rmtree(source)
            if run:
                yield Trip(size, up, down)
    finally:
        network.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mib", type=int, default=256)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--k", type=int, default=10)
    parser.add_argument("--n", type=int, default=20)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="holdfast-wide-") as top:
        began = time.perf_counter()
        for trip in trips(Path(top), given.k, given.n, given.mib, given.runs):
            rates = (
                trip.data_bytes / way.seconds / 1e6 for way in (trip.up, trip.down)
            )
            print("{:.1f} MB/s up, {:.1f} MB/s down".format(*rates), flush=True)
        print(f"{time.perf_counter() - began:.0f} s in all")


if __name__ == "__main__":
    main()
