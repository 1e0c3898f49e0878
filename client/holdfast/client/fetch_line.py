"""One holder's Fetch stream: many shards wanted at once, each checked as it comes."""

import asyncio
import contextlib
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import Final

from holdfast.client.deal_book import DealBook
from holdfast.client.network_errors import NetworkError, VaultMisbehavedError
from holdfast.client.transport import ShardStream, translated
from holdfast.protocol.chunk import ChunkMismatchError, ShardProof, check_shard
from holdfast.protocol.deal import Deal, Purpose
from holdfast.protocol.errors import DecodingError, ProtocolError
from holdfast.protocol.units import ChunkId
from holdfast.wire import frames

STALL_SECONDS: Final = 20.0


class ShardAbsentError(NetworkError):
    """The holder does not have the shard, or knows that it is damaged."""


@dataclass(frozen=True, slots=True)
class Shard:
    """A verified shard."""

    proof: ShardProof
    body: bytes | bytearray


@dataclass(slots=True)
class _Arriving:
    chunk: ChunkId
    proof: ShardProof
    body: bytearray
    filled: int


@dataclass(slots=True)
class _Stream:
    stream: ShardStream
    wanted: dict[ChunkId, asyncio.Future[Shard]] = field(default_factory=dict)
    reader: asyncio.Task[None] | None = None


class FetchLine:
    """Whole shards from one holder; the stream is opened when one is wanted."""

    def __init__(
        self, book: DealBook, deal: Deal, index: int, executor: Executor
    ) -> None:
        self._book = book
        self._deal = deal
        self._index = index
        self._executor = executor
        self._current: _Stream | None = None
        self._opening = asyncio.Lock()

    async def fetch(self, chunk: ChunkId) -> Shard:
        """Return the holder's verified shard of a chunk, or raise a NetworkError."""
        current = await self._stream()
        future = current.wanted.get(chunk)
        if future is None:
            future = asyncio.get_running_loop().create_future()
            current.wanted[chunk] = future
            try:
                await current.stream.write(
                    frames.want(frames.Want(chunk, 0, frames.TO_THE_END))
                )
            except NetworkError as error:
                self._break(current, error)
        try:
            async with asyncio.timeout(STALL_SECONDS):
                return await asyncio.shield(future)
        except TimeoutError as error:
            late = VaultMisbehavedError(current.stream.vault, "stopped sending")
            self._break(current, late)
            raise late from error

    async def close(self) -> None:
        """Break the stream off."""
        current = self._current
        if current is not None:
            self._break(
                current, VaultMisbehavedError(current.stream.vault, "was let go")
            )
            if current.reader is not None:
                with contextlib.suppress(asyncio.CancelledError):
                    await current.reader

    async def _stream(self) -> _Stream:
        async with self._opening:
            if self._current is None:
                vault = self._deal.holders[self._index].vault
                stream = self._book.directory.link(vault).fetch()
                try:
                    await stream.open(self._book.grant(self._deal, vault, Purpose.READ))
                except BaseException:
                    stream.cancel()
                    raise
                self._current = _Stream(stream)
                self._current.reader = asyncio.ensure_future(self._read(self._current))
            return self._current

    def _break(self, current: _Stream, error: NetworkError) -> None:
        if self._current is current:
            self._current = None
        current.stream.cancel()
        if current.reader is not None and current.reader is not asyncio.current_task():
            current.reader.cancel()
        for future in current.wanted.values():
            if not future.done():
                future.set_exception(error)
                future.exception()  # whoever waited may have gone
        current.wanted.clear()

    async def _read(self, current: _Stream) -> None:
        arriving: _Arriving | None = None
        try:
            async for frame in current.stream.frames():
                with translated(current.stream.vault):
                    arriving = await self._take(current, frame, arriving)
        except NetworkError as error:
            self._break(current, error)

    async def _take(
        self, current: _Stream, frame: bytes, arriving: _Arriving | None
    ) -> _Arriving | None:
        match frames.kind(frame):
            case frames.Kind.ABSENT if arriving is None:
                chunk = frames.read_chunk(frame, frames.Kind.ABSENT)
                self._refuse(current, chunk, ShardAbsentError("it has no such shard"))
                return None
            case frames.Kind.SHARD if arriving is None:
                start = frames.read_shard(frame)
                if start.chunk not in current.wanted or (
                    start.body_bytes != start.proof.header.shard_bytes
                ):
                    raise DecodingError("a shard that nobody asked for")
                arriving = _Arriving(
                    start.chunk, start.proof, bytearray(start.body_bytes), 0
                )
                part = start.part
            case frames.Kind.MORE if arriving is not None:
                part = frames.read_more(frame, len(arriving.body) - arriving.filled)
            case kind:
                raise DecodingError(f"a {kind.name} frame out of place")
        end = arriving.filled + len(part)
        arriving.body[arriving.filled : end] = part
        arriving.filled = end
        if end < len(arriving.body):
            return arriving
        await self._check(current, arriving)
        return None

    async def _check(self, current: _Stream, arrived: _Arriving) -> None:
        loop = asyncio.get_running_loop()
        try:
            if arrived.proof.index != self._index:
                raise ChunkMismatchError("the shard is of another index")
            await loop.run_in_executor(
                self._executor,
                check_shard,
                arrived.chunk,
                arrived.proof,
                arrived.body,
            )
        except ProtocolError as error:
            vault = current.stream.vault
            garbage = VaultMisbehavedError(vault, f"sent garbage: {error}")
            self._refuse(current, arrived.chunk, garbage)
            return
        future = current.wanted.pop(arrived.chunk, None)
        if future is not None and not future.done():
            future.set_result(Shard(arrived.proof, arrived.body))

    def _refuse(self, current: _Stream, chunk: ChunkId, error: NetworkError) -> None:
        future = current.wanted.pop(chunk, None)
        if future is not None and not future.done():
            future.set_exception(error)
            future.exception()
