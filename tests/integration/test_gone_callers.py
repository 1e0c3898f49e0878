"""Callers that vanish while they are answered: their calls end, and are no fault."""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest

from holdfast.protocol.units import MIB
from holdfast.vault.frame_stream import FrameStream
from holdfast.vault.handlers import (
    Context,
    Handler,
    many_to_many,
    one_to_many,
    one_to_written,
)
from holdfast.wire import rpc

SERVICE = "holdfast.test"
PIECES = 8
CARRIED_BYTES = 20_000


class Cable:
    """A connection that carries little back to the caller, until it is cut."""

    def __init__(self) -> None:
        self.is_full = asyncio.Event()
        self._writers: list[asyncio.StreamWriter] = []

    @asynccontextmanager
    async def to(self, port: int) -> AsyncIterator[str]:
        """Carry what is sent to a port; yield the address of the near end."""

        async def carry(
            reader: asyncio.StreamReader, writer: asyncio.StreamWriter, left: int
        ) -> None:
            while left > 0 and (piece := await reader.read(left)):
                writer.write(piece)
                left -= len(piece)
            self.is_full.set()

        async def connect(
            reader: asyncio.StreamReader, writer: asyncio.StreamWriter
        ) -> None:
            far = await asyncio.open_connection("127.0.0.1", port)
            self._writers += [writer, far[1]]
            ways = carry(reader, far[1], MIB), carry(far[0], writer, CARRIED_BYTES)
            await asyncio.gather(*ways, return_exceptions=True)

        async with await asyncio.start_server(connect, "127.0.0.1", 0) as server:
            yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
            self.cut()

    def cut(self) -> None:
        """Break the connection, as a caller that is killed does."""
        for writer in self._writers:
            writer.transport.abort()


class Answering:
    """Methods that answer with megabytes, and tell when they ended."""

    def __init__(self) -> None:
        self.ended = asyncio.Event()

    async def pages(self, _request: bytes) -> AsyncGenerator[bytes, None]:
        """Give one page after the other."""
        try:
            for _ in range(PIECES):
                yield bytes(MIB)
        finally:
            self.ended.set()

    async def one(self, _request: bytes, context: Context) -> None:
        """Write one large message."""
        try:
            await context.write(bytes(PIECES * MIB))
        finally:
            self.ended.set()

    async def frames(self, context: Context) -> None:
        """Write frames in a task of their own."""
        sent = (bytes(MIB) for _ in range(PIECES))
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(FrameStream(context).write(sent))
        finally:
            self.ended.set()


HANDLERS: dict[str, Callable[[Answering], Handler]] = {
    "pages": lambda answering: one_to_many(answering.pages),
    "one": lambda answering: one_to_written(answering.one),
    "frames": lambda answering: many_to_many(answering.frames),
}


@pytest.mark.parametrize("kind", HANDLERS)
def test_the_call_of_a_caller_that_is_gone_ends_without_complaint(
    kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def story() -> None:
        answering, cable = Answering(), Cable()
        methods = {kind: HANDLERS[kind](answering)}
        generic = grpc.method_handlers_generic_handler(SERVICE, methods)
        tls = rpc.make_certificate()
        server = await rpc.serve(
            "127.0.0.1:0", tls, [lambda s: s.add_generic_rpc_handlers((generic,))], []
        )
        try:
            async with cable.to(server.port) as near:
                channel = rpc.connect(near, tls.certificate_pem)
                call: Any = channel.unary_stream(f"/{SERVICE}/{kind}")
                asked = call(b"", metadata=rpc.metadata())
                await asyncio.wait_for(cable.is_full.wait(), 20)
                assert not answering.ended.is_set()
                cable.cut()
                await asyncio.wait_for(answering.ended.wait(), 20)
                asked.cancel()
                await channel.close()
        finally:
            await server.stop(20)

    with caplog.at_level(logging.WARNING):
        asyncio.run(story())
    assert caplog.records == []
