"""The Store stream: owners send shards, verified and staged as they arrive."""

import asyncio
from typing import Final

from holdfast.protocol.chunk import ShardProof
from holdfast.protocol.deal import Deal, Purpose
from holdfast.protocol.frozen import frozen
from holdfast.protocol.units import ChunkId, DealId
from holdfast.vault.authority import Authority
from holdfast.vault.core.holding_events import (
    Effect,
    HaveShard,
    HealShard,
    Refuse,
    ShardOffered,
    ShardStaged,
)
from holdfast.vault.core.refusals import Refusal, RefusedError
from holdfast.vault.disk import Buffer
from holdfast.vault.frame_stream import INSIDE_SECONDS, FrameStream
from holdfast.vault.holdings_driver import HoldingsDriver
from holdfast.vault.owner_desk import only
from holdfast.vault.ports import Clock
from holdfast.vault.shard_files import ShardFiles, verified_hashes
from holdfast.vault.stream_limits import StreamLimit
from holdfast.vault.workers import to_the_end
from holdfast.wire import frames

IN_WORK_MAX: Final = 4
STREAMS_PER_DEAL: Final = 4
STREAMS_MAX: Final = 64


@frozen
class ArrivedShard:
    """All bytes of one shard, as they came; not yet verified."""

    chunk: ChunkId
    proof: ShardProof
    parts: tuple[Buffer, ...]


class ShardIntake:
    """Serves Store streams; refuses with ProtocolError."""

    def __init__(
        self, driver: HoldingsDriver, authority: Authority, clock: Clock
    ) -> None:
        self._driver = driver
        self._authority = authority
        self._clock = clock
        self._limit = StreamLimit(STREAMS_PER_DEAL, STREAMS_MAX)

    async def serve(self, stream: FrameStream) -> None:
        """Take shards until the owner has no more; each is confirmed once staged."""
        opening = await stream.opening()
        if opening.authority is not frames.Authority.GRANT:
            raise RefusedError(Refusal.DENIED, "storing needs a grant to write")
        deal = await self._authority.granted(opening.evidence, {Purpose.WRITE})
        await self._authority.writable(deal.id)
        with self._limit.one(deal.id):
            staged = self._driver.holdings.of(deal).staged
            await stream.write([frames.opened(tuple(staged))])
            async with asyncio.TaskGroup() as group:
                free = asyncio.Semaphore(IN_WORK_MAX)
                while (frame := await stream.read()) is not None:
                    order, shard = await self._take_one(deal, frame, stream)
                    await free.acquire()
                    group.create_task(self._keep(deal.id, order, shard, stream, free))

    async def _take_one(
        self, deal: Deal, frame: bytes, stream: FrameStream
    ) -> tuple[Effect, ArrivedShard]:
        """Read one shard whole; what to do with it was decided before its bytes."""
        start = frames.read_shard(frame)
        header = start.proof.header
        holding = self._driver.holdings.of(deal)
        if (start.proof.index, header.k, header.n) != (holding.index, deal.k, deal.n):
            text = "the shard is of another policy or another holder's"
            raise RefusedError(Refusal.INVALID, text)
        if start.first or start.range_path or start.body_bytes != header.shard_bytes:
            raise RefusedError(Refusal.INVALID, "only whole shards are stored")
        offered = ShardOffered(
            start.chunk, header.shard_bytes, deal.capacity, self._driver.room()
        )
        (order,) = holding.receive(offered)
        files = self._driver.store.files
        if isinstance(order, Refuse) and files.has(deal.id, start.chunk):
            order = HaveShard()  # no room is needed for what is here
        only([order])
        parts = await self._read_body(start, stream)
        return order, ArrivedShard(start.chunk, start.proof, parts)

    async def _read_body(
        self, start: frames.ShardStart, stream: FrameStream
    ) -> tuple[Buffer, ...]:
        parts = [start.part]
        left = start.body_bytes - len(start.part)
        while left:
            frame = await stream.read(INSIDE_SECONDS)
            if frame is None:
                raise RefusedError(Refusal.INVALID, "the stream ended inside a shard")
            parts.append(frames.read_more(frame, left))
            left -= len(parts[-1])
        return tuple(parts)

    async def _keep(
        self,
        deal: DealId,
        order: Effect,
        shard: ArrivedShard,
        stream: FrameStream,
        free: asyncio.Semaphore,
    ) -> None:
        try:
            match order:
                case HaveShard():
                    pass
                case HealShard():
                    await to_the_end(self._heal(deal, shard))
                case _:
                    await to_the_end(self._stage(deal, shard))
            await stream.write([frames.stored(shard.chunk)])
        finally:
            free.release()

    async def _stage(self, deal: DealId, shard: ArrivedShard) -> None:
        header, store = shard.proof.header, self._driver.store
        self._driver.arriving_bytes += header.shard_bytes
        try:
            new = await store.workers.shards(stage_verified, store.files, deal, shard)
        finally:
            self._driver.arriving_bytes -= header.shard_bytes
        holding = self._driver.holdings.deals.get(deal)
        if new and holding:
            now = self._clock.now()
            staged = ShardStaged(shard.chunk, header.length, header.shard_bytes, now)
            holding.receive(staged)

    async def _heal(self, deal: DealId, shard: ArrivedShard) -> None:
        store = self._driver.store
        await store.workers.syncing(keep_verified, store.files, deal, shard)
        await self._driver.healed(deal, (shard.chunk,))


def stage_verified(files: ShardFiles, deal: DealId, shard: ArrivedShard) -> bool:
    """Stage a shard unless it is in place already; tell whether it was staged.

    Raises ChunkMismatchError if it is not its chunk's, OSError.
    """
    verified_hashes(shard.chunk, shard.proof, shard.parts)
    if files.has(deal, shard.chunk):
        return False
    files.stage(deal, shard.chunk, shard.proof, shard.parts)
    return True


def keep_verified(files: ShardFiles, deal: DealId, shard: ArrivedShard) -> None:
    """Keep a shard durably, over a damaged one; raises as `stage_verified`."""
    verified_hashes(shard.chunk, shard.proof, shard.parts)
    files.stage(deal, shard.chunk, shard.proof, shard.parts)
    files.settle(deal, (shard.chunk,))
