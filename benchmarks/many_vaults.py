"""Whether vaults are certified in a network of many, several in one process.

    python benchmarks/many_vaults.py [--vaults 80] [--epoch-seconds 60] [--epochs 4]

A file is stored, then the network runs for some epochs. In the middle of each it tells
how many vaults are certified for it, and what the processes took since the last.
"""

import argparse
import asyncio
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import grpc
import trees
from proc_figures import cpu_seconds_of, peak_rss_mib_of
from wide import WideNetwork

from holdfast.client.local_health import describe
from holdfast.ledger.network_file import SeedVault


async def newest_certified(vaults: Sequence[SeedVault]) -> Counter[str]:
    """Return how many vaults were certified last for each epoch."""
    found: Counter[str] = Counter()
    for one in vaults:
        try:
            said = await describe(one.endpoint, one.certificate)
            found[f"for epoch {said.last_certified_epoch}"] += 1
        except grpc.aio.AioRpcError:
            found["unknown, too busy to say"] += 1
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--vaults", type=int, default=80)
    parser.add_argument("--epoch-seconds", type=int, default=60)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--mib", type=int, default=64)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="holdfast-many-") as folder:
        top = Path(folder)
        began = time.monotonic()
        network = WideNetwork(top / "network", 4, 8, given.vaults, given.epoch_seconds)
        try:
            print(f"{given.vaults} vaults after {time.monotonic() - began:.0f} s")
            source = top / "source"
            trees.random_file(source, given.mib, 1)
            network.owner.act("store", source, network.pids())
            cpu = cpu_seconds_of(network.pids())
            for _ in range(given.epochs):
                time.sleep(given.epoch_seconds)
                newest = asyncio.run(newest_certified(network.vaults))
                spent = cpu_seconds_of(network.pids()) - cpu
                cpu += spent
                of_epochs = (f"{count} {epoch}" for epoch, count in newest.items())
                peak = sum(map(peak_rss_mib_of, network.pids()))
                print(
                    f"certified: {', '.join(of_epochs)}; "
                    f"{spent / given.epoch_seconds:.2f} cores, {peak:.0f} MiB at most",
                    flush=True,
                )
        finally:
            network.close()


if __name__ == "__main__":
    main()
