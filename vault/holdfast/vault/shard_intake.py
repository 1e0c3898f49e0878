"""The Store stream: owners send shards, verified and staged as they arrive."""

import asyncio
from dataclasses import dataclass
from typing import Final

from holdfast.protocol.chunk import ShardProof
from holdfast.protocol.deal import Deal, Purpose
from holdfast.protocol.units import ChunkId, DealId
from holdfast.vault.authority import Authority
from holdfast.vault.core.holding_events import (
    Effect,
    HaveShard,
    HealShard,
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


@dataclass(frozen=True, slots=True)
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
        files = self._driver.store.files
        offered = ShardOffered(
            start.chunk,
            header.shard_bytes,
            files.has(deal.id, start.chunk),
            deal.capacity,
            self._driver.room(),
        )
        order = only(holding.receive(offered))
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
            await store.workers.shards(stage_verified, store.files, deal, shard)
        finally:
            self._driver.arriving_bytes -= header.shard_bytes
        holding = self._driver.holdings.deals.get(deal)
        if holding is None or store.files.has(deal, shard.chunk):
            # Collected, or settled from another stream, while this one was written.
            await store.workers.syncing(store.files.drop_staged, deal, (shard.chunk,))
            return
        staged = ShardStaged(
            shard.chunk, header.length, header.shard_bytes, self._clock.now()
        )
        holding.receive(staged)

    async def _heal(self, deal: DealId, shard: ArrivedShard) -> None:
        store = self._driver.store
        await store.workers.syncing(keep_verified, store.files, deal, shard)
        await self._driver.healed(deal, (shard.chunk,))


def stage_verified(files: ShardFiles, deal: DealId, shard: ArrivedShard) -> None:
    """Stage a shard if it is its chunk's; raises ChunkMismatchError, OSError."""
    verified_hashes(shard.chunk, shard.proof, shard.parts)
    files.stage(deal, shard.chunk, shard.proof, shard.parts)


def keep_verified(files: ShardFiles, deal: DealId, shard: ArrivedShard) -> None:
    """Keep a shard durably if it is its chunk's; raises as `stage_verified`."""
    stage_verified(files, deal, shard)
    files.settle(deal, (shard.chunk,))
