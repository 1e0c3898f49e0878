"""The relays of a split network: whose connections they cut, and whose they carry."""

import asyncio
import contextlib
import os
import socket
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from holdfast.client.local_layout import LocalLayout, LocalPlan, LocalVault
from holdfast.client.local_network import LocalNetwork, free_ports
from holdfast.client.local_process import mark_of
from split_network import SplitNetwork

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="/proc tells who is calling"
)
CALLER = (
    "import socket, sys\n"
    "for line in sys.stdin:\n"
    "    word, port = line.split()\n"
    "    try:\n"
    "        if word == 'open':\n"
    "            made = socket.create_connection((sys.argv[1], int(port)), 10)\n"
    "        made.sendall(b'ping')\n"
    "        heard = made.recv(4)\n"
    "    except OSError:\n"
    "        heard = b''\n"
    "    print(heard.decode() or 'cut', flush=True)\n"
)


@dataclass
class Stage:
    """Two vaults: the first is a program that calls, the second one that echoes."""

    split: SplitNetwork
    vaults: tuple[LocalVault, ...]
    port: int
    caller: asyncio.subprocess.Process

    async def calls(self, word: str) -> str:
        """Let the first vault open a connection to the second, or go on with it."""
        assert self.caller.stdin
        assert self.caller.stdout
        self.caller.stdin.write(f"{word} {self.port}\n".encode())
        await self.caller.stdin.drain()
        return (await self.caller.stdout.readline()).decode().strip()


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while block := await reader.read(100):
        writer.write(block)
    writer.close()


@contextlib.asynccontextmanager
async def staged(directory: Path, address: str = "127.0.0.1") -> AsyncIterator[Stage]:
    first, second, relayed, through = free_ports(4)
    vaults = (
        LocalVault(1, "11" * 32, f"127.0.0.1:{first}"),
        LocalVault(2, "22" * 32, f"127.0.0.1:{second}"),
    )
    layout = LocalLayout(directory)
    layout.save_plan(LocalPlan(5, 1, vaults))
    split = SplitNetwork(LocalNetwork(directory), (relayed, through))
    caller = await asyncio.create_subprocess_exec(
        *(sys.executable, "-S", "-c", CALLER, address),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    for vault, pid in zip(vaults, (caller.pid, os.getpid()), strict=True):
        mark = mark_of(pid)
        assert mark
        layout.save_mark(vault.name, mark)
    server = await asyncio.start_server(echo, "127.0.0.1", second)
    await split.serve()
    try:
        yield Stage(split, vaults, through, caller)
    finally:
        await split.close()
        server.close()
        caller.kill()
        await caller.wait()


def test_a_split_cuts_what_is_open_refuses_what_is_new_and_heals(
    tmp_path: Path,
) -> None:
    async def story() -> None:
        async with staged(tmp_path) as stage:
            assert await stage.calls("open") == "ping"
            await stage.split.split(stage.vaults[:1], stage.vaults[1:])
            assert await stage.calls("again") == "cut"
            assert await stage.calls("open") == "cut"
            assert stage.split.refused == 1
            stage.split.heal()
            assert await stage.calls("open") == "ping"

    asyncio.run(story())


def has_ipv6() -> bool:
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET6) as one:
        one.bind(("::ffff:127.0.0.1", 0))
        return True
    return False


MAPPED = pytest.param(
    "::ffff:127.0.0.1",
    marks=pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6"),
)


@pytest.mark.parametrize("address", ["127.0.0.1", MAPPED])
def test_vaults_of_one_side_reach_each_other_in_a_split(
    tmp_path: Path, address: str
) -> None:
    async def story() -> None:
        async with staged(tmp_path, address) as stage:
            assert await stage.calls("open") == "ping"
            await stage.split.split(stage.vaults, ())
            assert await stage.calls("again") == "ping"
            assert await stage.calls("open") == "ping"
            assert not stage.split.refused

    asyncio.run(story())
