"""One holder's Fetch stream: many shards wanted at once, written where they belong.

Who opens a chunk knows by its seal whether the bytes are right, so shards are hashed
only for those who ask for it.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Final

from holdfast.client.core.fetch_times import HolderTimes
from holdfast.client.deal_book import DealBook
from holdfast.client.network_errors import NetworkError, VaultMisbehavedError
from holdfast.client.transport import ShardStream, translated
from holdfast.protocol.chunk import ChunkMismatchError, ShardProof, check_shard
from holdfast.protocol.deal import Deal, Purpose
from holdfast.protocol.errors import DecodingError, ProtocolError
from holdfast.protocol.units import ChunkId, VaultId
from holdfast.wire import frames

_LOOK_SECONDS: Final = 1.0


class ShardAbsentError(NetworkError):
    """The holder does not have the shard, or knows that it is damaged."""


@dataclass(slots=True)
class _Wanted:
    """A shard under way: `into` takes its bytes, `checked` has them hashed too."""

    into: memoryview
    checked: bool
    brought: asyncio.Future[memoryview]


@dataclass(slots=True)
class _Arriving:
    chunk: ChunkId
    proof: ShardProof
    wanted: _Wanted
    filled: int


class FetchLine:
    """Whole shards from one holder; a stream is open while any are wanted.

    Callers only wait: a stream has tasks of its own, so that one caller who has
    enough does not break off what others wait for.
    """

    def __init__(
        self,
        book: DealBook,
        deal: Deal,
        index: int,
        executor: Executor,
        times: HolderTimes,
    ) -> None:
        self._book = book
        self._deal = deal
        self._index = index
        self._executor = executor
        self._wanted: dict[ChunkId, _Wanted] = {}
        self._wants: asyncio.Queue[ChunkId] = asyncio.Queue()
        self._serving: asyncio.Task[None] | None = None
        self._times = times

    @property
    def vault(self) -> VaultId:
        """The holder."""
        return self._deal.holders[self._index].vault

    async def fetch(
        self, chunk: ChunkId, into: memoryview, *, checked: bool
    ) -> memoryview:
        """Return the bytes of the holder's shard of a chunk, or raise a NetworkError.

        They are written to `into`, which has their length, or stand where an earlier
        caller wanted them. Unless `checked`, they are what the holder sent.
        """
        wanted = self._wanted.get(chunk)
        if wanted is None:
            future = asyncio.get_running_loop().create_future()
            future.add_done_callback(_look_at)
            self._times.asked(self._index, asyncio.get_running_loop().time())
            wanted = self._wanted[chunk] = _Wanted(into, checked, future)
            self._wants.put_nowait(chunk)
            if self._serving is None:
                self._serving = asyncio.ensure_future(self._serve())
        wanted.checked |= checked
        return await asyncio.shield(wanted.brought)

    def let_go(
        self, chunk: ChunkId, into: memoryview, instead: Callable[[int], memoryview]
    ) -> None:
        """Write no more of a shard to `into`; what still comes goes to other memory."""
        wanted = self._wanted.get(chunk)
        if wanted is not None and wanted.into is into:
            wanted.into = instead(len(into))
            wanted.into[:] = into

    async def close(self) -> None:
        """Break the stream off."""
        serving = self._serving
        if serving is not None:
            serving.cancel()
            await asyncio.wait([serving])

    async def _serve(self) -> None:
        """Keep one stream until it breaks, is cancelled, or nothing comes for long."""
        error: NetworkError = VaultMisbehavedError(self.vault, "was let go")
        try:
            await self._stream()
        except* NetworkError as errors:
            error = _first(errors)
        finally:
            self._serving = None
            self._wants = asyncio.Queue()
            self._times.gone(self._index)
            wanted, self._wanted = self._wanted, {}
            for one in wanted.values():
                if not one.brought.done():
                    one.brought.set_exception(error)

    async def _stream(self) -> None:
        stream = self._book.directory.link(self.vault).fetch()
        try:
            await stream.open(self._book.grant(self._deal, self.vault, Purpose.READ))
            async with asyncio.TaskGroup() as group:
                group.create_task(self._write(stream))
                group.create_task(self._read(stream))
                group.create_task(self._watch())
        finally:
            stream.cancel()

    async def _write(self, stream: ShardStream) -> None:
        while True:
            chunk = await self._wants.get()
            await stream.write(frames.want(frames.Want(chunk, 0, frames.TO_THE_END)))

    async def _read(self, stream: ShardStream) -> None:
        arriving: _Arriving | None = None
        while True:
            frame = await stream.read()
            with translated(self.vault):
                arriving = await self._take(frame, arriving)

    async def _watch(self) -> None:
        """End the stream once there is nothing more to be hoped for."""
        loop = asyncio.get_running_loop()
        while True:
            looked = loop.time()
            await asyncio.sleep(_LOOK_SECONDS)
            if (seconds := loop.time() - looked) > 2 * _LOOK_SECONDS:
                self._times.stood_still(self._index, seconds)
            if self._times.is_stalled(self._index, loop.time()):
                raise VaultMisbehavedError(self.vault, "sent nothing for too long")

    async def _take(self, frame: bytes, arriving: _Arriving | None) -> _Arriving | None:
        match frames.kind(frame):
            case frames.Kind.ABSENT if arriving is None:
                chunk = frames.read_chunk(frame, frames.Kind.ABSENT)
                self._refuse(chunk, ShardAbsentError("it has no such shard"))
                return None
            case frames.Kind.SHARD if arriving is None:
                start = frames.read_shard(frame)
                wanted = self._wanted.get(start.chunk)
                if wanted is None or not (
                    start.body_bytes
                    == start.proof.header.shard_bytes
                    == len(wanted.into)
                ):
                    raise DecodingError("a shard that nobody asked for")
                arriving = _Arriving(start.chunk, start.proof, wanted, 0)
                part = start.part
            case frames.Kind.MORE if arriving is not None:
                room = len(arriving.wanted.into) - arriving.filled
                part = frames.read_more(frame, room)
            case kind:
                raise DecodingError(f"a {kind.name} frame out of place")
        body = arriving.wanted.into
        end = arriving.filled + len(part)
        body[arriving.filled : end] = part
        arriving.filled = end
        now = asyncio.get_running_loop().time()
        self._times.part_came(self._index, len(part), now)
        if end < len(body):
            return arriving
        await self._arrived(arriving)
        return None

    async def _arrived(self, arrived: _Arriving) -> None:
        wanted = arrived.wanted
        try:
            if arrived.proof.index != self._index:
                raise ChunkMismatchError("the shard is of another index")
            if wanted.checked:
                await asyncio.get_running_loop().run_in_executor(
                    self._executor,
                    check_shard,
                    arrived.chunk,
                    arrived.proof,
                    wanted.into,
                )
        except ProtocolError as error:
            garbage = VaultMisbehavedError(self.vault, f"sent garbage: {error}")
            self._refuse(arrived.chunk, garbage)
            return
        now = asyncio.get_running_loop().time()
        self._times.brought(self._index, len(wanted.into), now)
        self._wanted.pop(arrived.chunk, None)
        if not wanted.brought.done():
            wanted.brought.set_result(wanted.into)

    def _refuse(self, chunk: ChunkId, error: NetworkError) -> None:
        wanted = self._wanted.pop(chunk, None)
        if wanted is not None:
            self._times.refused(self._index, asyncio.get_running_loop().time())
            if not wanted.brought.done():
                wanted.brought.set_exception(error)


def _look_at(future: asyncio.Future[memoryview]) -> None:
    """Fetch the exception that perhaps nobody waits for any more."""
    if not future.cancelled():
        future.exception()


def _first(errors: BaseExceptionGroup[NetworkError]) -> NetworkError:
    error: BaseException = errors
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    assert isinstance(error, NetworkError)
    return error
