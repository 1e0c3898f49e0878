"""gRPC handlers of raw bytes: whatever goes wrong in a call, it ends with a status.

What is streamed is written by ourselves and not by gRPC, so that a call ends quietly
when its caller went away in the middle of it.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import Any, TypeAlias

import grpc

from holdfast.vault.statuses import refuse

Context = grpc.aio.ServicerContext[Any, Any]
Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"


def one_to_one(answer: Callable[[bytes, Context], Awaitable[bytes]]) -> Handler:
    """Return the handler of a method with one reply."""

    async def handle(request: bytes, context: Context) -> bytes:
        try:
            return await answer(request, context)
        except Exception as error:  # refuse() raises what is unexpected
            await refuse(context, error)
            raise

    return grpc.unary_unary_rpc_method_handler(handle)


def one_to_many(answers: Callable[[bytes], AsyncGenerator[bytes, None]]) -> Handler:
    """Return the handler of a method with many replies."""

    async def send(request: bytes, context: Context) -> None:
        async with aclosing(answers(request)) as replies:
            async for reply in replies:
                await context.write(reply)

    return one_to_written(send)


def one_to_written(send: Callable[[bytes, Context], Awaitable[None]]) -> Handler:
    """Return the handler of a method that writes its replies by itself."""

    async def handle(request: bytes, context: Context) -> None:
        try:
            await send(request, context)
        except Exception as error:  # noqa: BLE001 # as above
            await refuse(context, error)

    return grpc.unary_stream_rpc_method_handler(handle)


def many_to_many(serve: Callable[[Context], Awaitable[None]]) -> Handler:
    """Return the handler of a method that reads and writes by itself."""

    async def handle(_requests: object, context: Context) -> None:
        try:
            await serve(context)
        except Exception as error:  # noqa: BLE001 # as above
            await refuse(context, error)

    return grpc.stream_stream_rpc_method_handler(handle)
