"""Several vaults in one process, until SIGTERM: python vault_host.py DIR…"""

import asyncio
import signal
import sys
from pathlib import Path

from holdfast.wire import process

process.prepare(keep_bytes=8 << 20, arenas=2)  # before NumPy is imported

from holdfast.vault.config import VaultDirectory  # noqa: E402
from holdfast.vault.running import Vault  # noqa: E402


async def host(directories: list[Path]) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with asyncio.TaskGroup() as group:
        for directory in directories:
            group.create_task(Vault(VaultDirectory(directory)).run(stop))


if __name__ == "__main__":
    asyncio.run(host([Path(word) for word in sys.argv[1:]]))
