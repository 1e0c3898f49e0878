"""How the processes of a local network are: the ledger and each vault, asked.

Everything is asked over the network, as any client would; only pids and
directories are known from the files beside them.
"""

import asyncio
import contextlib
import time
from dataclasses import replace
from pathlib import Path
from typing import Final

import grpc

from holdfast.client.contract_books import ContractBooks
from holdfast.client.local_layout import (
    LEDGER,
    LocalLayout,
    LocalPlan,
    LocalVault,
)
from holdfast.client.local_programs import LocalPrograms
from holdfast.ledger.errors import LedgerFileError
from holdfast.ledger.health import ChainHealth, LedgerHealth
from holdfast.ledger.joining import join, prepare_to_join
from holdfast.ledger.network_file import SEEDS_MAX, NetworkFile, SeedVault
from holdfast.protocol.errors import HoldfastError
from holdfast.protocol.frozen import frozen
from holdfast.protocol.units import Grains
from holdfast.wire import rpc
from holdfast.wire.v1 import vault_pb2, vault_pb2_grpc

_ASK_SECONDS: Final = 3.0
_ASK_LEDGER_SECONDS: Final = 10.0
"""Contracts answer one question at a time."""
_LOOK_SECONDS: Final = 0.2
_REGISTRY_LAG_EPOCHS: Final = 2


@frozen
class LedgerStatus:
    """The ledger of a local network; None where it does not answer.

    `settled_period` is the newest period that was settled; `earned` and `spent` are
    what all vaults earned and all deals spent up to its end. On a chain, `sequence` is
    None; `newest_block` need not be final.
    """

    pid: int | None
    endpoint: str
    directory: Path
    sequence: int | None = None
    epoch: int | None = None
    settled_period: int | None = None
    earned: Grains | None = None
    spent: Grains | None = None
    chain: ChainHealth | None = None
    newest_block: int | None = None


@frozen
class VaultStatus:
    """One vault of a local network.

    `state` is serving, cut off (from the ledger), silent, or stopped. The figures are
    what the vault says of itself, None while it says nothing.
    """

    vault: LocalVault
    pid: int | None
    directory: Path
    state: str
    standing: str | None = None
    shards: int | None = None
    held_bytes: int | None = None
    missing_shards: int | None = None
    last_audit_epoch: int | None = None
    certified_epochs: int | None = None
    earned: Grains | None = None
    claimed: Grains | None = None
    ledger: LedgerHealth | None = None


@frozen
class NetworkStatus:
    """A local network at one moment."""

    directory: Path
    epoch_seconds: int
    ledger: LedgerStatus
    vaults: tuple[VaultStatus, ...]

    @property
    def healthy(self) -> bool:
        """Whether the ledger and every vault serve."""
        return self.ledger.epoch is not None and all(
            vault.state == "serving" for vault in self.vaults
        )


async def status_of(
    layout: LocalLayout, plan: LocalPlan, programs: LocalPrograms
) -> NetworkStatus:
    """Ask the ledger and every vault at once how they are."""
    with contextlib.suppress(LedgerFileError):
        # Importing web3 takes longer than answers may.
        prepare_to_join(NetworkFile.load(layout.ledger_file))
    async with asyncio.TaskGroup() as group:
        ledger = group.create_task(_ledger_status(layout, programs))
        vaults = [
            group.create_task(_vault_status(layout, vault, programs))
            for vault in plan.vaults
        ]
    return NetworkStatus(
        layout.directory,
        plan.epoch_seconds,
        ledger.result(),
        tuple(task.result() for task in vaults),
    )


def write_network_file(layout: LocalLayout, plan: LocalPlan) -> None:
    """Write what clients need: the ledger, and every vault as one to ask first."""
    seeds = tuple(
        SeedVault(vault.endpoint, layout.certificate(vault).read_bytes())
        for vault in plan.vaults
    )
    file = NetworkFile.load(layout.ledger_file)
    replace(file, seeds=seeds[:SEEDS_MAX]).save(layout.network_file)


async def _ledger_status(layout: LocalLayout, programs: LocalPrograms) -> LedgerStatus:
    mark = programs.mark(LEDGER)
    pid = mark.pid if mark else None
    try:
        file = NetworkFile.load(layout.ledger_file)
    except (HoldfastError, OSError):
        return LedgerStatus(pid, "", layout.ledger)
    silent = LedgerStatus(pid, file.endpoint, layout.ledger)
    if mark is None:
        return silent
    asked = _asked_ledger if file.chain is None else _asked_chain
    try:
        async with asyncio.timeout(_ASK_LEDGER_SECONDS):
            return await asked(silent, file)
    except (HoldfastError, TimeoutError):
        return silent


async def _asked_ledger(silent: LedgerStatus, file: NetworkFile) -> LedgerStatus:
    ledger = await join(file)
    try:
        tip = await ledger.tip()
        settlement = await ledger.settlement()
    finally:
        await ledger.close()
    known = replace(silent, sequence=tip.sequence, epoch=tip.epoch)
    if settlement is None:
        return known
    said = settlement.statement
    return replace(
        known,
        settled_period=said.period,
        earned=said.earned_total,
        spent=said.spent_total,
    )


async def _asked_chain(silent: LedgerStatus, file: NetworkFile) -> LedgerStatus:
    """Ask the contracts: reading all that was ever said would take too long."""
    async with ContractBooks(file) as books:
        flows, final = await books.flows(), await books.final()
        await books.look()  # last, so that it is not older than the final one
        known = replace(
            silent,
            epoch=file.params.epoch_at(time.time()),
            chain=final,
            newest_block=books.block,
        )
        if flows.settled_period is None:
            return known
        return replace(
            known,
            settled_period=flows.settled_period,
            earned=flows.earned,
            spent=flows.spent,
        )


async def _vault_status(
    layout: LocalLayout, vault: LocalVault, programs: LocalPrograms
) -> VaultStatus:
    directory = layout.vault(vault)
    mark = programs.mark(vault.name)
    if mark is None:
        return VaultStatus(vault, None, directory, "stopped")
    try:
        said = await describe(vault.endpoint, layout.certificate(vault).read_bytes())
    except (grpc.aio.AioRpcError, OSError):
        return VaultStatus(vault, mark.pid, directory, "silent")
    return VaultStatus(
        vault=vault,
        pid=mark.pid,
        directory=directory,
        state="serving" if said.ledger_reachable else "cut off",
        standing=said.standing,
        shards=said.held_shards,
        held_bytes=said.held_bytes,
        missing_shards=said.missing_shards,
        last_audit_epoch=said.last_certified_epoch if said.certified_epochs else None,
        certified_epochs=said.certified_epochs,
        earned=said.earned_grains,
        claimed=said.claimed_grains,
        ledger=LedgerHealth.told(
            said.ledger_lost_seconds,
            said.ledger_trouble,
            said.ledger_block,
            said.ledger_block_seconds,
        ),
    )


async def describe(endpoint: str, certificate: bytes) -> vault_pb2.DescribeReply:
    """Return what a vault says of itself, or raise AioRpcError."""
    async with rpc.connect(endpoint, certificate) as channel:
        stub = vault_pb2_grpc.VaultStub(channel)
        return await stub.Describe(
            vault_pb2.DescribeRequest(), timeout=_ASK_SECONDS, metadata=rpc.metadata()
        )
