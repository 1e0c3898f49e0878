"""How the processes of a local network are: waiting until they serve, and asking.

Everything is asked over the network, as any client would; only pids and
directories are known from the files beside them.
"""

import asyncio
import contextlib
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from holdfast.client.local_layout import (
    LEDGER,
    LocalLayout,
    LocalNetworkError,
    LocalPlan,
    LocalVault,
)
from holdfast.client.local_programs import LocalPrograms
from holdfast.ledger.errors import LedgerUnreachableError
from holdfast.ledger.joining import join
from holdfast.ledger.network_file import SEEDS_MAX, NetworkFile, SeedVault
from holdfast.ledger.port import Ledger, Listing
from holdfast.protocol.errors import HoldfastError
from holdfast.protocol.settlement import Statement
from holdfast.protocol.units import Grains
from holdfast.wire import rpc
from holdfast.wire.v1 import vault_pb2, vault_pb2_grpc

_ASK_SECONDS: Final = 3.0
_LOOK_SECONDS: Final = 0.2
_REGISTRY_LAG_EPOCHS: Final = 2


class NotReadyError(LocalNetworkError):
    """Some part of the network did not become ready in time."""


@dataclass(frozen=True, slots=True)
class LedgerStatus:
    """The ledger of a local network; None where it does not answer.

    `settled_period` is the newest period that was settled; `earned` and `spent` are
    what all vaults earned and all deals spent up to its end.
    """

    pid: int | None
    endpoint: str
    directory: Path
    sequence: int | None = None
    epoch: int | None = None
    settled_period: int | None = None
    earned: Grains | None = None
    spent: Grains | None = None


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
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


async def wait_for_ledger(
    layout: LocalLayout, programs: LocalPrograms, seconds: float
) -> None:
    """Return when the ledger serves and its network file is written.

    Raises ProgramFailedError when it ends, NotReadyError after `seconds`.
    """

    async def ready() -> None:
        file = await _written_network_file(layout)
        if file.chain is None:
            await _serving(file.endpoint, file.certificate)
        else:
            await _answering(file)

    await _while_running(programs, (LEDGER,), ready(), seconds)


async def wait_until_ready(
    layout: LocalLayout, plan: LocalPlan, programs: LocalPrograms, seconds: float
) -> None:
    """Return when all serve, follow the ledger, and stand in the registry.

    Raises ProgramFailedError when a process ends, NotReadyError after `seconds`.
    """

    async def ready() -> None:
        async with asyncio.TaskGroup() as group:
            for vault in plan.vaults:
                group.create_task(_following(layout, vault))
        await _registered(NetworkFile.load(layout.ledger_file), plan)

    names = (LEDGER, *(vault.name for vault in plan.vaults))
    await _while_running(programs, names, ready(), seconds)


async def _while_running(
    programs: LocalPrograms,
    names: Sequence[str],
    ready: Coroutine[None, None, None],
    seconds: float,
) -> None:
    """Wait for `ready` as long as all these processes run."""
    waiting = asyncio.ensure_future(ready)
    try:
        async with asyncio.timeout(seconds):
            while not (await asyncio.wait({waiting}, timeout=_LOOK_SECONDS))[0]:
                for name in names:
                    programs.check(name)
        await waiting
    except TimeoutError as error:
        raise NotReadyError(
            f"after {seconds:.0f} s {' and '.join(names[:3])} … are not ready yet"
        ) from error
    finally:
        waiting.cancel()
        await asyncio.wait({waiting})


async def status_of(
    layout: LocalLayout, plan: LocalPlan, programs: LocalPrograms
) -> NetworkStatus:
    """Ask the ledger and every vault at once how they are."""
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


async def _written_network_file(layout: LocalLayout) -> NetworkFile:
    while not layout.ledger_file.exists():  # noqa: ASYNC110 # another process writes it
        await asyncio.sleep(_LOOK_SECONDS)
    return NetworkFile.load(layout.ledger_file)


async def _answering(file: NetworkFile) -> None:
    """Return when a chain's node answers and the network has started."""
    while True:
        with contextlib.suppress(LedgerUnreachableError):
            ledger = await join(file)
            try:
                if (await ledger.tip()).epoch >= 0:
                    return
            finally:
                await ledger.close()
        await asyncio.sleep(_LOOK_SECONDS)


async def _serving(endpoint: str, certificate: bytes) -> None:
    async with rpc.connect(endpoint, certificate) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        while True:
            with contextlib.suppress(grpc.aio.AioRpcError):
                reply = await stub.Check(
                    health_pb2.HealthCheckRequest(), timeout=_ASK_SECONDS
                )
                if reply.status == health_pb2.HealthCheckResponse.SERVING:
                    return
            await asyncio.sleep(_LOOK_SECONDS)


async def _following(layout: LocalLayout, vault: LocalVault) -> None:
    certificate = layout.certificate(vault).read_bytes()
    await _serving(vault.endpoint, certificate)
    while True:
        with contextlib.suppress(grpc.aio.AioRpcError):
            if (await _describe(vault.endpoint, certificate)).ledger_reachable:
                return
        await asyncio.sleep(_LOOK_SECONDS)


async def _registered(file: NetworkFile, plan: LocalPlan) -> None:
    ledger = await join(file)
    wanted = {bytes.fromhex(vault.vault) for vault in plan.vaults}
    try:
        while not wanted <= await _listed(ledger):  # noqa: ASYNC110 # it has no event
            await asyncio.sleep(_LOOK_SECONDS)
    finally:
        await ledger.close()


async def _listed(ledger: Ledger) -> set[bytes]:
    epoch = (await ledger.tip()).epoch
    rows = (await ledger.registry(0)).vaults
    return {
        row.vault
        for row in rows
        if row.listing is Listing.ACTIVE
        and row.joined_epoch <= epoch - _REGISTRY_LAG_EPOCHS
    }


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
    try:
        async with asyncio.timeout(_ASK_SECONDS):
            ledger = await join(file)
            try:
                tip = await ledger.tip()
                settlement = await ledger.settlement()
            finally:
                await ledger.close()
    except (HoldfastError, TimeoutError):
        return silent
    return LedgerStatus(
        pid,
        file.endpoint,
        layout.ledger,
        tip.sequence,
        tip.epoch,
        *(_totals(settlement.statement) if settlement else ()),
    )


def _totals(statement: Statement) -> tuple[int, Grains, Grains]:
    return statement.period, statement.earned_total, statement.spent_total


async def _vault_status(
    layout: LocalLayout, vault: LocalVault, programs: LocalPrograms
) -> VaultStatus:
    directory = layout.vault(vault)
    mark = programs.mark(vault.name)
    if mark is None:
        return VaultStatus(vault, None, directory, "stopped")
    try:
        said = await _describe(vault.endpoint, layout.certificate(vault).read_bytes())
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
    )


async def _describe(endpoint: str, certificate: bytes) -> vault_pb2.DescribeReply:
    async with rpc.connect(endpoint, certificate) as channel:
        stub = vault_pb2_grpc.VaultStub(channel)
        return await stub.Describe(
            vault_pb2.DescribeRequest(), timeout=_ASK_SECONDS, metadata=rpc.metadata()
        )
