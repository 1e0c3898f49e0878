"""A whole network on one machine: a ledger and vaults, each a process of its own.

It only starts programs, watches them and ends them; what they do is theirs. It
ends no process but those that it started, and knows them again after a restart.
"""

import asyncio
import contextlib
import fcntl
import json
import shutil
import signal
import socket
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from holdfast.client.local_health import (
    NetworkStatus,
    status_of,
    write_network_file,
)
from holdfast.client.local_layout import (
    EVM,
    LEDGER,
    SQLITE,
    LocalLayout,
    LocalNetworkError,
    LocalPlan,
    LocalVault,
    NoLocalNetworkError,
    require_kind,
)
from holdfast.client.local_other_node import OtherNode, give_gas, prepare
from holdfast.client.local_programs import LocalPrograms, run_once
from holdfast.client.local_waiting import wait_for_ledger, wait_until_ready
from holdfast.protocol.frozen import frozen
from holdfast.protocol.units import GIB

VAULTS_DEFAULT: Final = 12
EPOCH_SECONDS_DEFAULT: Final = 5
EPOCH_SECONDS_ON_CHAIN: Final = 12
"""Neighbours blame nobody where a beacon comes after the first quarter of an epoch."""
QUOTA_BYTES_DEFAULT: Final = 10 * GIB
_SEEDS: Final = 3
_AT_ONCE: Final = 4
_NUMBER_DIGITS_MAX: Final = 3

Tell = Callable[[str], None]


def default_epoch_seconds(ledger: str) -> int:
    """Return how long epochs are where nobody says, by the kind of the ledger."""
    return EPOCH_SECONDS_ON_CHAIN if ledger == EVM else EPOCH_SECONDS_DEFAULT


def silent(_line: str) -> None:
    """Tell nobody."""


@frozen
class MadeVault:
    """A new vault, and the address of its account."""

    vault: LocalVault
    account: str


class VaultUnknownError(LocalNetworkError):
    """No vault, or more than one, of this network has an id that starts like this."""


class LocalNetwork:
    """The network in one directory.

    The kernel ends `tied` processes with the thread that started them: tests and
    the demo want that. `tell` hears what is going on. Methods raise
    LocalNetworkError and OSError.
    """

    def __init__(
        self, directory: Path, *, tied: bool = False, tell: Tell = silent
    ) -> None:
        self.layout = LocalLayout(directory.absolute())
        self.programs = LocalPrograms(self.layout, tied=tied)
        self._tell = tell

    async def __aenter__(self) -> Self:
        """Return the network; nothing is started yet."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End all processes, whatever happened."""
        if self.layout.exists():
            self.down()

    @property
    def network_file(self) -> Path:
        """What a client is given to find this network."""
        return self.layout.network_file

    def plan(self) -> LocalPlan:
        """Return the vaults and settings, or raise NoLocalNetworkError."""
        return self.layout.load_plan()

    async def up(
        self,
        vaults: int | None = None,
        epoch_seconds: int | None = None,
        quota_bytes: int | None = None,
        ledger: str | None = None,
        finality_blocks: int | None = None,
        node: OtherNode | None = None,
        *,
        accounts_certify: bool | None = None,
    ) -> NetworkStatus:
        """Make what is not there, start what does not run, and wait for all of it.

        Every vault is then registered, funded, healthy and in the registry that
        clients choose from. `ledger` is SQLITE or EVM, whose chain is that of
        `node` or one of its own; a block counts when `finality_blocks` others are on
        it, by default at once on a chain of its own, elsewhere when the chain says so.
        With `accounts_certify` that chain needs no precompiles for BLS.
        """
        with self._locked():
            kind = EVM if node else ledger or SQLITE
            require_kind(self.layout, kind, accounts_certify)
            new = LocalPlan(
                epoch_seconds or default_epoch_seconds(kind),
                quota_bytes or QUOTA_BYTES_DEFAULT,
                ledger=kind,
                finality_blocks=finality_blocks,
                accounts_certify=bool(accounts_certify),
            )
            if node is not None:
                new = replace(new, rpc=node.url, ether_wei=node.wei_for_each(vaults))
            elif finality_blocks is None:
                new = replace(new, finality_blocks=0)
            plan = await self._made(new, vaults, epoch_seconds, ledger, node)
            write_network_file(self.layout, plan)
            started = [self.programs.start(vault.name) for vault in plan.vaults]
            if any(started):
                self._tell(f"started {sum(started)} of {len(started)} vaults")
            else:
                self._tell("every vault runs already")
            await wait_until_ready(self.layout, plan, self.programs, plan.ready_seconds)
            self._tell(f"{len(plan.vaults)} vaults serve and are registered")
        return await self.status()

    async def status(self) -> NetworkStatus:
        """Ask the ledger and every vault how they are; nobody is waited for long."""
        return await status_of(self.layout, self.plan(), self.programs)

    def found(self, prefix: str) -> LocalVault:
        """Return the vault whose id or number this is, or raise VaultUnknownError."""
        wanted = prefix.lower()
        vaults = self.plan().vaults
        short = wanted.isdecimal() and len(wanted) <= _NUMBER_DIGITS_MAX
        exact = [vault for vault in vaults if short and vault.number == int(wanted)]
        found = exact or [v for v in vaults if wanted and v.vault.startswith(wanted)]
        if len(found) != 1:
            count = f"{len(found)} vaults have" if found else "no vault has"
            raise VaultUnknownError(f"{count} an id that starts with {prefix!r}")
        return found[0]

    def stop_vault(self, prefix: str, *, kill: bool = False) -> tuple[LocalVault, bool]:
        """End one vault; return it and whether it ran."""
        with self._locked():
            vault = self.found(prefix)
            return vault, self.programs.stop(vault.name, kill=kill)

    async def start_vault(self, prefix: str) -> tuple[LocalVault, bool]:
        """Start one vault and wait until it serves; tell whether it was down."""
        with self._locked():
            vault = self.found(prefix)
            started = self.programs.start(vault.name)
            only = replace(self.plan(), vaults=(vault,))
            await wait_until_ready(self.layout, only, self.programs, only.ready_seconds)
            return vault, started

    def down(self, *, delete: bool = False) -> int:
        """End all processes, vaults first; return how many ran."""
        if not self.layout.exists():
            raise NoLocalNetworkError(f"there is no network in {self.layout.directory}")
        with self._locked():
            names = [vault.name for vault in self.plan().vaults]
            # All at once first: one after the other would take long.
            ended = sum(self.programs.signal(name, signal.SIGTERM) for name in names)
            for name in names:
                self.programs.stop(name)
            ended += self.programs.stop(LEDGER)
            if delete:
                self.layout.delete()
        return ended

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        self.layout.directory.mkdir(parents=True, exist_ok=True)
        with self.layout.lock.open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise LocalNetworkError(
                    f"another command is at work on the network in "
                    f"{self.layout.directory}"
                ) from error
            yield

    async def _made(
        self,
        plan: LocalPlan,
        vaults: int | None,
        epoch_seconds: int | None,
        ledger: str | None,
        node: OtherNode | None,
    ) -> LocalPlan:
        paid = node is None or self.layout.ledger.exists()
        if self.layout.exists() and paid:
            plan = self.layout.load_plan()
        else:
            self.layout.save_plan(plan)
        if epoch_seconds not in {None, plan.epoch_seconds}:
            raise LocalNetworkError(
                f"the network in {self.layout.directory} has epochs of "
                f"{plan.epoch_seconds} s for good"
            )
        if ledger not in {None, plan.ledger}:
            raise LocalNetworkError(
                f"the network in {self.layout.directory} has its ledger on "
                f"{plan.ledger} for good"
            )
        if node is not None and node.url != plan.rpc:
            raise LocalNetworkError(
                f"the network in {self.layout.directory} is not on the chain behind "
                f"{node.url}; name another directory with --dir"
            )
        if not self.layout.ledger.exists():
            await self._make_ledger(plan, node)
        self.programs.start(LEDGER)
        await wait_for_ledger(self.layout, self.programs, plan.ready_seconds)
        wanted = vaults or len(plan.vaults) or VAULTS_DEFAULT
        while len(plan.vaults) < wanted:
            # The first vault is the one that the others hear of the rest from.
            plan = await self._add_vaults(plan, wanted if plan.vaults else 1)
        return plan

    async def _make_ledger(self, plan: LocalPlan, node: OtherNode | None) -> None:
        self._tell(f"making a ledger with epochs of {plan.epoch_seconds} s")
        # Under its own name it is whole; a command that was killed leaves the other.
        half_made = self.layout.half_made_ledger
        if half_made.exists() and not plan.rpc:
            shutil.rmtree(half_made)
        if plan.rpc:
            await prepare(half_made, plan, node or OtherNode(plan.rpc))
        elif plan.ledger == EVM:
            depth = ("--finality-blocks", str(plan.finality_blocks or 0))
            kind = ("--certificates", "accounts" if plan.accounts_certify else "bls")
            await self._init_ledger(plan, "chain-init", *depth, *kind)
        else:
            await self._init_ledger(plan, "init", "--development")
        half_made.rename(self.layout.ledger)

    async def _init_ledger(self, plan: LocalPlan, *words: str) -> None:
        where = ("--dir", str(self.layout.half_made_ledger), "--name", "local")
        epochs = ("--epoch-seconds", str(plan.epoch_seconds))
        await run_once("holdfast-ledger", *words, *where, *epochs)

    async def _add_vaults(self, plan: LocalPlan, wanted: int) -> LocalPlan:
        numbers = range(len(plan.vaults) + 1, wanted + 1)
        turns = asyncio.Semaphore(_AT_ONCE)

        async def make(number: int, port: int) -> MadeVault:
            async with turns:
                return await self._make_vault(plan, number, f"127.0.0.1:{port}")

        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(make(number, port))
                for number, port in zip(numbers, free_ports(len(numbers)), strict=True)
            ]
        made = tuple(task.result() for task in tasks)
        if plan.rpc:
            accounts = [one.account for one in made]
            await give_gas(self.layout.ledger, accounts, plan.ether_wei)
        self._tell(f"made {len(made)} vaults" if len(made) > 1 else "made a vault")
        plan = replace(plan, vaults=(*plan.vaults, *(one.vault for one in made)))
        self.layout.save_plan(plan)
        return plan

    async def _make_vault(
        self, plan: LocalPlan, number: int, endpoint: str
    ) -> MadeVault:
        directory = self.layout.numbered(number)
        if directory.exists():
            # Half made by a command that was killed: it never ran, it holds nothing.
            shutil.rmtree(directory)
        seeds = [
            f"--seed-peer={seed.endpoint}={self.layout.certificate(seed)}"
            for seed in plan.vaults[:_SEEDS]
        ]
        printed = await run_once(
            *("holdfast-vault", "init", "--dir", str(directory), "--json"),
            *("--network", str(self.layout.ledger_file)),
            *("--quota", str(plan.quota_bytes), "--endpoint", endpoint, *seeds),
        )
        said = json.loads(printed)
        vault = LocalVault(number, said["vault"], endpoint)
        return MadeVault(vault, said["account"])


def free_ports(count: int) -> list[int]:
    """Return ports of the loopback address that nobody listens on just now."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
