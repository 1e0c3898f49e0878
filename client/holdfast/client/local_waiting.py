"""Waiting until the processes of a local network are ready, or one of them ends."""

import asyncio
import contextlib
from collections.abc import Coroutine, Sequence
from typing import Final

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from holdfast.client.local_health import describe
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
from holdfast.ledger.network_file import NetworkFile
from holdfast.ledger.port import Ledger, Listing
from holdfast.ledger.reading import whole_registry
from holdfast.wire import rpc

_ASK_SECONDS: Final = 3.0
_LOOK_SECONDS: Final = 0.2
_REGISTRY_LAG_EPOCHS: Final = 2


class NotReadyError(LocalNetworkError):
    """Some part of the network did not become ready in time."""


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
            if (await describe(vault.endpoint, certificate)).ledger_reachable:
                return
        await asyncio.sleep(_LOOK_SECONDS)


async def _registered(file: NetworkFile, plan: LocalPlan) -> None:
    ledger = await join(file)
    wanted = {bytes.fromhex(vault.vault) for vault in plan.vaults}
    try:
        while not wanted <= await in_their_place(ledger):  # noqa: ASYNC110 # it has no event
            await asyncio.sleep(_LOOK_SECONDS)
    finally:
        await ledger.close()


async def in_their_place(ledger: Ledger) -> set[bytes]:
    """Return the vaults for which there is nothing to wait.

    They are in the registry that clients choose from, or were, and left or were
    ejected: those never come back.
    """
    epoch = (await ledger.tip()).epoch
    rows = await whole_registry(ledger)
    return {
        row.vault
        for row in rows
        if row.listing is not Listing.ACTIVE
        or row.joined_epoch <= epoch - _REGISTRY_LAG_EPOCHS
    }
