"""One owner's act in a process of its own; `owner.py` starts it.

    python owner_child.py HOME store|restore|drop|first-byte PATH

Connects, prints a line, waits for one, acts, and prints what that took as JSON.
"""

import asyncio
import json
import os
import sys
import time
from pathlib import Path
from typing import Final

from holdfast.wire import process

process.prepare()  # before NumPy is imported

from proc_figures import own_cpu_seconds, own_peak_rss_mib  # noqa: E402

from holdfast.client import AsyncClient, Profile  # noqa: E402

FIRST_BYTE_OF: Final = 48 << 20


async def store(client: AsyncClient, path: Path) -> None:
    await client.backup([path])


async def restore(client: AsyncClient, path: Path) -> None:
    report = await client.restore("latest", path)
    assert report.complete, report.failures


async def drop(client: AsyncClient, _path: Path) -> None:
    """Give the space of all snapshots back."""
    await client.forget([named.id.hex() for named in await client.snapshots()])
    await client.prune()


async def first_byte(client: AsyncClient, _path: Path) -> None:
    """Ask for the first byte of a large object; `prepare` has stored it."""
    async with await client.open("large") as file:
        assert await file.read(1)


ACTS: Final = {
    "store": store,
    "restore": restore,
    "drop": drop,
    "first-byte": first_byte,
}


async def prepare(client: AsyncClient, what: str) -> None:
    if not await client.balance():
        await client.faucet()
    if what == "first-byte":
        await client.put("large", os.urandom(FIRST_BYTE_OF))


async def measure(home: Path, what: str, path: Path) -> None:
    profile = Profile.load(home)
    async with await AsyncClient.connect(profile, profile.unlock("pass")) as client:
        await prepare(client, what)
        process.settle()
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        wall, cpu = time.perf_counter(), own_cpu_seconds()
        await ACTS[what](client, path)
        found = {
            "seconds": time.perf_counter() - wall,
            "cpu_seconds": own_cpu_seconds() - cpu,
            "peak_rss_mib": own_peak_rss_mib(),
        }
        print(json.dumps(found), flush=True)


def main() -> None:
    home, what, path = sys.argv[1:4]
    asyncio.run(measure(Path(home), what, Path(path)))


if __name__ == "__main__":
    main()
