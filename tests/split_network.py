"""A network of real vaults that can be split: each is reached through a relay.

A vault advertises its relay's address. The relay asks the kernel which process a
connection is from, so it knows between which two vaults it is. Who is no vault (a
client, a test) always gets through, and the ledger is reached by everybody.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

from holdfast.client.local_layout import LocalVault
from holdfast.client.local_network import LocalNetwork, free_ports

BLOCK_BYTES: Final = 1 << 16
LISTEN_STATE: Final = "0A"


@dataclass
class Relay:
    """One vault's relay; `crossing` are its open connections with their callers."""

    vault: LocalVault
    endpoint: str
    crossing: dict[asyncio.Task[None], int | None] = field(default_factory=dict)
    server: asyncio.Server | None = None


class SplitNetwork:
    """The relays of all vaults of a network, and who is cut off from whom."""

    def __init__(self, network: LocalNetwork, ports: Sequence[int] = ()) -> None:
        self.network = network
        self.refused = 0
        self._sides: Mapping[int, int] = {}
        vaults = network.plan().vaults
        ports = ports or free_ports(len(vaults))
        self._relays = [
            Relay(vault, f"127.0.0.1:{port}")
            for vault, port in zip(vaults, ports, strict=True)
        ]

    def advertise(self) -> None:
        """Let stopped vaults name their relays, to each other and to everybody."""
        for relay in self._relays:
            path = self.network.layout.vault(relay.vault) / "vault.toml"
            text = path.read_text()
            assert 'advertise = ""' in text
            text = text.replace('advertise = ""', f'advertise = "{relay.endpoint}"')
            head, *seeds = text.split("[[seeds]]")
            for other in self._relays:
                seeds = [
                    seed.replace(other.vault.endpoint, other.endpoint) for seed in seeds
                ]
            path.write_text("[[seeds]]".join((head, *seeds)))

    async def serve(self) -> None:
        """Begin to relay."""
        for relay in self._relays:
            host, port = relay.endpoint.split(":")
            accept = partial(self._accept, relay)
            relay.server = await asyncio.start_server(accept, host, int(port))

    async def close(self) -> None:
        """End every relay and all that it carries."""
        for relay in self._relays:
            if relay.server is not None:
                relay.server.close()
        await self._drop([task for one in self._relays for task in one.crossing])

    async def split(self, *sides: tuple[LocalVault, ...]) -> None:
        """Cut all connections between the sides, and refuse new ones."""
        self._sides = {
            vault.number: number for number, side in enumerate(sides) for vault in side
        }
        await self._drop(
            [
                task
                for relay in self._relays
                for task, caller in relay.crossing.items()
                if self._apart(relay.vault.number, caller)
            ]
        )

    def heal(self) -> None:
        """Let everybody reach everybody again."""
        self._sides = {}

    async def _drop(self, tasks: list[asyncio.Task[None]]) -> None:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _apart(self, called: int, caller: int | None) -> bool:
        sides = self._sides
        return caller is not None and sides.get(called) != sides.get(caller)

    async def _accept(
        self, relay: Relay, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        task = asyncio.current_task()
        assert task is not None
        port = writer.get_extra_info("peername")[1]
        caller = await asyncio.to_thread(self._caller, port)
        if self._apart(relay.vault.number, caller):
            self.refused += 1
            writer.transport.abort()
            return
        relay.crossing[task] = caller
        try:
            await _carry(relay.vault.endpoint, reader, writer)
        except (OSError, asyncio.CancelledError):
            pass  # cut, or the vault is down: either way the caller sees an end
        finally:
            del relay.crossing[task]
            writer.transport.abort()

    def _caller(self, port: int) -> int | None:
        """Return the number of the vault whose socket has this port, if it is one."""
        if (inode := _inode(port)) is None:
            return None
        for relay in self._relays:
            mark = self.network.layout.load_mark(relay.vault.name)
            if mark is not None and _has_socket(mark.pid, inode):
                return relay.vault.number
        return None


@contextlib.asynccontextmanager
async def split_network(
    directory: Path, vaults: int, epoch_seconds: int
) -> AsyncIterator[SplitNetwork]:
    """Make a network whose vaults know each other by their relays only; end it."""
    network = LocalNetwork(directory, tied=True)
    try:
        await network.up(vaults, epoch_seconds)
        network.down()
        made = SplitNetwork(network)
        made.advertise()
        await made.serve()
        try:
            await network.up()
            yield made
        finally:
            await made.close()
    finally:
        network.down()


async def _carry(
    endpoint: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Carry bytes both ways until one side ends."""
    host, port = endpoint.split(":")
    there, back = await asyncio.open_connection(host, int(port))
    ways = [
        asyncio.ensure_future(_copy(reader, back)),
        asyncio.ensure_future(_copy(there, writer)),
    ]
    try:
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)
        back.transport.abort()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while block := await reader.read(BLOCK_BYTES):
        writer.write(block)
        await writer.drain()


def _inode(port: int) -> str | None:
    """Return the inode of the connected TCP socket with this local port."""
    wanted = f":{port:04X}"
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            words = line.split()
            if words[1].endswith(wanted) and words[3] != LISTEN_STATE:
                return words[9]
    return None


def _has_socket(pid: int, inode: str) -> bool:
    wanted = f"socket:[{inode}]"
    with contextlib.suppress(OSError):
        for one in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError):
                if str(one.readlink()) == wanted:
                    return True
    return False
