"""One sibling's Fetch stream, from which a holder takes whole shards."""

import asyncio
from typing import Final

import grpc

from holdfast.protocol import merkle
from holdfast.protocol.chunk import ChunkHeader, ShardProof
from holdfast.protocol.errors import ProtocolError
from holdfast.protocol.frozen import frozen
from holdfast.protocol.malformed import ProvenShard
from holdfast.protocol.units import ChunkId
from holdfast.vault.shard_files import verified_hashes
from holdfast.vault.workers import Workers
from holdfast.wire import frames, rpc

FETCH_SECONDS: Final = 30.0


@frozen
class FetchedShard:
    """A sibling's shard, which its proof shows to be the chunk's, and its root."""

    proven: ProvenShard
    root: bytes


class SiblingStream:
    """Fetches one shard after the other; one that fails once is not asked again.

    `waiting` are the shards that it was asked for and has not given yet.
    """

    def __init__(
        self,
        channel: grpc.aio.Channel,
        index: int,
        opening: bytes,
        workers: Workers,
    ) -> None:
        self.index = index
        self.failed = False
        self.waiting = 0
        fetch: grpc.aio.StreamStreamMultiCallable[bytes, bytes] = channel.stream_stream(
            frames.FETCH
        )
        self._call = fetch(metadata=rpc.metadata())
        self._opening: bytes | None = opening
        self._workers = workers
        self._turn = asyncio.Lock()

    async def shard(self, chunk: ChunkId, header: ChunkHeader) -> FetchedShard | None:
        """Return the sibling's verified shard of a chunk, or None without one."""
        self.waiting += 1
        try:
            given = await self._given(chunk, header)
            if given is None:
                return None
            # The next shard comes meanwhile.
            return await self._workers.shards(self._checked, chunk, header, *given)
        except (
            grpc.aio.AioRpcError,
            asyncio.InvalidStateError,  # a write after the sibling's refusal
            ProtocolError,
            TimeoutError,
        ):
            self.close()
            return None
        except BaseException:
            self.close()
            raise
        finally:
            self.waiting -= 1

    def close(self) -> None:
        """End the stream."""
        self.failed = True
        self._call.cancel()

    async def _given(
        self, chunk: ChunkId, header: ChunkHeader
    ) -> tuple[ShardProof, list[memoryview]] | None:
        async with self._turn:
            if self.failed:
                return None
            async with asyncio.timeout(FETCH_SECONDS):
                return await self._fetch(chunk, header)

    async def _fetch(
        self, chunk: ChunkId, header: ChunkHeader
    ) -> tuple[ShardProof, list[memoryview]] | None:
        if self._opening:
            await self._call.write(self._opening)
            self._opening = None
        await self._call.write(frames.want(frames.Want(chunk, 0, frames.TO_THE_END)))
        first = await self._frame()
        if frames.kind(first) is frames.Kind.ABSENT:
            return None
        start = frames.read_shard(first)
        if start.body_bytes != header.shard_bytes:
            raise ProtocolError("a sibling sent a part of its shard")
        parts, left = [start.part], start.body_bytes - len(start.part)
        while left:
            parts.append(frames.read_more(await self._frame(), left))
            left -= len(parts[-1])
        return start.proof, parts

    async def _frame(self) -> bytes:
        frame = await self._call.read()
        if not isinstance(frame, bytes):
            raise ProtocolError("a sibling ended its stream")
        return frame

    def _checked(
        self,
        chunk: ChunkId,
        header: ChunkHeader,
        proof: ShardProof,
        parts: list[memoryview],
    ) -> FetchedShard:
        if (proof.header, proof.index) != (header, self.index):
            raise ProtocolError("a sibling sent another shard")
        hashes = verified_hashes(chunk, proof, parts)
        return FetchedShard(ProvenShard(proof, b"".join(parts)), merkle.root(hashes))
