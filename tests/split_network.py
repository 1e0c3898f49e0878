"""A network of real vaults that can be split: each is reached through a relay.

A vault advertises its relay's address. The relay asks the kernel which process a
connection is from, so it knows between which two vaults it is. Who is no vault (a
client, a test) always gets through, and the ledger is reached by everybody.
"""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

from holdfast.client.local_layout import LocalVault
from holdfast.client.local_network import LocalNetwork, free_ports

BLOCK_BYTES: Final = 1 << 16
CONNECTED: Final = "01"

Ends = tuple[int, int]
"""The ports of a connection: of who calls, and of who is called."""


@dataclass
class Relay:
    """One vault's relay; `crossing` are its connections with their callers' ports."""

    vault: LocalVault
    endpoint: str
    crossing: dict[asyncio.Task[None], int] = field(default_factory=dict)
    server: asyncio.Server | None = None

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.endpoint.rpartition(":")[2])


class SplitNetwork:
    """The relays of all vaults of a network, and who is cut off from whom."""

    def __init__(self, network: LocalNetwork, ports: Sequence[int] = ()) -> None:
        self.network = network
        self.refused = 0
        self._sides: Mapping[int, int] = {}
        self._asking = asyncio.Lock()
        self._asked: set[Ends] = set()
        self._known: dict[Ends, int] = {}
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
            accept = partial(self._accept, relay)
            relay.server = await asyncio.start_server(accept, "127.0.0.1", relay.port)

    async def close(self) -> None:
        """End every relay and all that it carries."""
        for relay in self._relays:
            if relay.server is not None:
                relay.server.close()
        await self._drop([task for one in self._relays for task in one.crossing])
        for relay in self._relays:
            if relay.server is not None:
                await relay.server.wait_closed()
        await asyncio.sleep(0)  # aborted connections are closed one turn later

    async def split(self, *sides: tuple[LocalVault, ...]) -> None:
        """Cut all connections between the sides, and refuse new ones."""
        self._sides = {
            vault.number: number for number, side in enumerate(sides) for vault in side
        }
        held = [
            (task, relay, port)
            for relay in self._relays
            for task, port in relay.crossing.items()
        ]
        cut = await asyncio.gather(*(self._is_cut(one[1], one[2]) for one in held))
        await self._drop([one[0] for one, gone in zip(held, cut, strict=True) if gone])

    def heal(self) -> None:
        """Let everybody reach everybody again."""
        self._sides = {}

    async def _drop(self, tasks: list[asyncio.Task[None]]) -> None:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _is_cut(self, relay: Relay, port: int) -> bool:
        """Tell whether a connection from this port is between two sides."""
        caller = await self._caller((port, relay.port))
        if caller is None:  # closed by now, or not a vault's
            return port not in self._ours()
        return self._sides.get(relay.vault.number) != self._sides.get(caller)

    async def _accept(
        self, relay: Relay, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        task = asyncio.current_task()
        assert task is not None
        port = int(writer.get_extra_info("peername")[1])
        relay.crossing[task] = port
        try:
            if self._sides and await self._is_cut(relay, port):
                self.refused += 1
            else:
                await _carry(relay.vault.endpoint, reader, writer)
        except (OSError, asyncio.CancelledError):
            pass  # cut, or the vault is down: either way the caller sees an end
        finally:
            del relay.crossing[task]
            writer.transport.abort()

    async def _caller(self, ends: Ends) -> int | None:
        """Return the number of the vault that a connection is from, if it is one.

        One look at the kernel's tables serves all that are asked for meanwhile.
        """
        self._asked.add(ends)
        async with self._asking:
            if ends in self._asked:
                asked, self._asked = self._asked, set()
                self._known = await asyncio.to_thread(self._look_up, asked)
        return self._known.get(ends)

    def _look_up(self, asked: set[Ends]) -> dict[Ends, int]:
        inodes = _inodes()
        wanted = {inodes[ends]: ends for ends in asked if ends in inodes}
        found = {}
        for relay in self._relays:
            mark = self.network.layout.load_mark(relay.vault.name)
            for inode in _sockets(mark.pid) & wanted.keys() if mark else ():
                found[wanted[inode]] = relay.vault.number
        return found

    def _ours(self) -> set[int]:
        """Return the ports from which this process calls."""
        own = _sockets(os.getpid())
        return {ends[0] for ends, inode in _inodes().items() if inode in own}


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


def _inodes() -> dict[Ends, str]:
    """Return the inodes of all connected TCP sockets, by their two ports.

    gRPC calls IPv4 addresses from IPv6 sockets where there are any.
    """
    found = {}
    tables = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
    for table in (one for one in tables if one.exists()):
        for line in table.read_text().splitlines()[1:]:
            _, local, remote, state, *rest = line.split()
            if state == CONNECTED:
                here, there = local.rpartition(":")[2], remote.rpartition(":")[2]
                found[int(here, 16), int(there, 16)] = rest[5]
    return found


def _sockets(pid: int) -> set[str]:
    """Return the inodes of the sockets that a process has open."""
    found = set()
    with contextlib.suppress(OSError):
        for one in os.scandir(f"/proc/{pid}/fd"):
            with contextlib.suppress(OSError):
                target = os.readlink(one.path)  # noqa: PTH115 # thousands of them
                if target.startswith("socket:["):
                    found.add(target[8:-1])
    return found
