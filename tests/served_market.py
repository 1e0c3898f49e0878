"""A small market that other processes can use: its ledger is served over TLS."""

import asyncio
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from holdfast.client.core.key_slots import WEAKEST
from holdfast.client.core.phrase import phrase_from_key
from holdfast.client.profile import Profile
from holdfast.ledger.core.chain import Genesis
from holdfast.ledger.directory import LedgerDirectory
from holdfast.ledger.network_file import NetworkFile, SeedVault
from holdfast.ledger.server import running
from holdfast_shell import PASSPHRASE, PROGRAM, Shell
from small_market import OWNER, Market, market


@dataclass
class Served:
    """A market, and the file that tells other processes where it is."""

    market: Market
    network: Path

    def machine(self, home: Path) -> Shell:
        """Return a machine of the owner's that knows nothing yet but the keys."""
        words = phrase_from_key(OWNER.master)
        Profile.create(home, self.network, PASSPHRASE, words, strength=WEAKEST)
        return Shell(home)

    def on_call(self, hear: Callable[[str], None]) -> None:
        """Let `hear` know of every call that changes a vault."""
        for vault in self.market.vaults:
            vault.on_call = hear

    def held_bytes(self) -> int:
        """Return the bytes of all shards that newest heads of vaults list."""
        return sum(
            len(body)
            for vault in self.market.vaults
            for held in vault.held.values()
            for _, body in held.shards.values()
        )


@asynccontextmanager
async def served_market(home: Path, count: int = 8) -> AsyncIterator[Served]:
    """Serve a market in this process; vaults are asked directly, the ledger by TLS."""
    async with market(home, count) as place:
        directory = LedgerDirectory(home / "ledger")
        params = place.ledger.params
        directory.create(Genesis(params), params.genesis_seconds)
        async with running(place.ledger, directory, None):
            seeds = tuple(SeedVault(s.endpoint, s.certificate_pem) for s in place.seeds)
            file = NetworkFile.load(directory.network)
            replace(file, seeds=seeds).save(directory.network)
            yield Served(place, directory.network)


async def run(shell: Shell, *words: str | Path) -> tuple[int, str]:
    """Run `holdfast` to its end; return its exit code and all that it said."""
    process = await start(shell, *words)
    said, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, said.decode()


async def start(shell: Shell, *words: str | Path) -> asyncio.subprocess.Process:
    """Start `holdfast` as a process of its own."""
    return await asyncio.create_subprocess_exec(
        PROGRAM,
        *map(str, words),
        env=shell.environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
