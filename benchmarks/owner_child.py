"""One owner's act in a process of its own; `systems.py` starts it.

    python owner_child.py HOME store|restore PATH

Connects, prints a line, waits for one, acts, and prints what that took as JSON.
"""

import asyncio
import json
import resource
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from holdfast.wire import process

process.prepare()  # before NumPy is imported

from holdfast.client import AsyncClient, Profile  # noqa: E402


def peak_rss_mib() -> float:
    """Return this program's peak; getrusage would count that of its parent, too."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


async def act(client: AsyncClient, what: str, path: Path) -> None:
    match what:
        case "store":
            await client.backup([path])
        case "restore":
            report = await client.restore("latest", path)
            assert report.complete, report.failures


async def measure(home: Path, what: str, path: Path) -> None:
    profile = Profile.load(home)
    async with await AsyncClient.connect(profile, profile.unlock("pass")) as client:
        if not await client.balance():
            await client.faucet()
        process.settle()
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        await timed(lambda: act(client, what, path))


async def timed(call: Callable[[], Awaitable[None]]) -> None:
    wall, cpu = time.perf_counter(), cpu_seconds()
    await call()
    found = {
        "seconds": time.perf_counter() - wall,
        "cpu_seconds": cpu_seconds() - cpu,
        "peak_rss_mib": peak_rss_mib(),
    }
    print(json.dumps(found), flush=True)


def main() -> None:
    home, what, path = sys.argv[1:4]
    asyncio.run(measure(Path(home), what, Path(path)))


if __name__ == "__main__":
    main()
