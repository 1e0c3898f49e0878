"""Calls of a vault's data side as only a hostile caller makes them."""

import asyncio
import functools
import random
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import grpc

from holdfast.protocol.deal import Deal, Purpose
from holdfast.protocol.keys import SigningPair
from holdfast.wire import frames, rpc
from vault_data_owner import DealOwner, OwnerLine
from vault_data_world import DEADLINE, TLS, DataWorld, a_chunk, data_world

Code = grpc.StatusCode
METHODS = ("Describe", "Quote", "DealState", "Propose", "Acknowledge", "Manifest")
STRANGER = SigningPair(b"\x66" * 32)
DICE = random.Random(11)
CALM = {
    Code.OK,
    Code.INVALID_ARGUMENT,
    Code.UNAUTHENTICATED,
    Code.PERMISSION_DENIED,
    Code.NOT_FOUND,
    Code.FAILED_PRECONDITION,
    Code.RESOURCE_EXHAUSTED,
}


async def code_of(call: Awaitable[Any]) -> tuple[Code, str]:
    try:
        await asyncio.wait_for(call, DEADLINE)
    except grpc.aio.AioRpcError as error:
        return error.code(), error.details() or ""
    return Code.OK, ""


async def raw(line: OwnerLine, method: str, request: bytes) -> tuple[Code, str]:
    """Call a method with bytes that nobody made into a message."""
    path = f"/holdfast.v1.Vault/{method}"
    if method == "Manifest":

        async def drain() -> None:
            call: Any = line.channel.unary_stream(path)
            async for _ in call(request, metadata=rpc.metadata(), timeout=DEADLINE):
                pass

        return await code_of(drain())
    call: Any = line.channel.unary_unary(path)
    return await code_of(call(request, metadata=rpc.metadata(), timeout=DEADLINE))


async def stream_code(line: OwnerLine, name: str, *sent: bytes) -> tuple[Code, str]:
    """Send frames, read until the end, and return how the stream ended."""
    endpoint = line.world.peers.endpoints[line.vault]
    return await asyncio.to_thread(blocking_stream_code, endpoint, name, sent)


def blocking_stream_code(
    endpoint: str, name: str, sent: tuple[bytes, ...]
) -> tuple[Code, str]:
    """Do it without asyncio.

    There, a write that meets the end of its stream loses the server's status and
    makes up INTERNAL.
    """
    call = hostile_channel(endpoint).stream_stream(name)(
        iter(sent), metadata=rpc.metadata(), timeout=DEADLINE
    )
    try:
        for _ in call:
            pass
    except grpc.RpcError:
        pass
    return call.code(), call.details() or ""


@functools.lru_cache
def hostile_channel(endpoint: str) -> Any:
    credentials = grpc.ssl_channel_credentials(TLS.certificate_pem)
    return grpc.secure_channel(endpoint, credentials, options=rpc._CHANNEL_OPTIONS)


def granted(line: OwnerLine, purpose: Purpose) -> bytes:
    return frames.opening(frames.Authority.GRANT, line.grant(purpose))


async def alive(owner: DealOwner) -> None:
    """An honest owner still gets everything done."""
    chunk = a_chunk(DICE.randbytes(40_000), owner.deal)
    await owner.upload(chunk)
    (found,) = await owner.lines[0].fetch(frames.Want(chunk.id, 0, frames.TO_THE_END))
    assert found is not None
    assert found[1] == chunk.shards[0]


def run(tmp_path: Path, story: Callable[[DataWorld], Awaitable[None]]) -> None:
    async def whole() -> None:
        async with data_world(tmp_path, 2) as world:
            await story(world)
            for vault in world.vaults:
                hostile_channel(world.peers.endpoints[vault.vault]).close()

    asyncio.run(whole())


def at(world: DataWorld, deal: Deal, index: int) -> OwnerLine:
    return OwnerLine(world, deal, index)
