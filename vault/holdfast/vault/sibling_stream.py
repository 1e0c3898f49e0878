"""One sibling's Fetch stream, from which a holder takes whole shards."""

import asyncio
from typing import Final

import grpc

from holdfast.protocol.chunk import ChunkHeader, ShardProof, check_shard
from holdfast.protocol.errors import ProtocolError
from holdfast.protocol.malformed import ProvenShard
from holdfast.protocol.units import ChunkId
from holdfast.wire import frames, rpc

FETCH_SECONDS: Final = 30.0


class SiblingStream:
    """Fetches one shard after the other; one that fails once is not asked again."""

    def __init__(self, channel: grpc.aio.Channel, index: int, opening: bytes) -> None:
        self.index = index
        self.failed = False
        fetch: grpc.aio.StreamStreamMultiCallable[bytes, bytes] = channel.stream_stream(
            frames.FETCH
        )
        self._call = fetch(metadata=rpc.metadata())
        self._opening: bytes | None = opening
        self._turn = asyncio.Lock()

    async def shard(self, chunk: ChunkId, header: ChunkHeader) -> ProvenShard | None:
        """Return the sibling's verified shard of a chunk, or None without one."""
        async with self._turn:
            if self.failed:
                return None
            try:
                async with asyncio.timeout(FETCH_SECONDS):
                    return await self._fetch(chunk, header)
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

    def close(self) -> None:
        """End the stream."""
        self.failed = True
        self._call.cancel()

    async def _fetch(self, chunk: ChunkId, header: ChunkHeader) -> ProvenShard | None:
        if self._opening:
            await self._call.write(self._opening)
            self._opening = None
        await self._call.write(frames.want(frames.Want(chunk, 0, frames.TO_THE_END)))
        first = await self._frame()
        if frames.kind(first) is frames.Kind.ABSENT:
            return None
        start = frames.read_shard(first)
        body = bytearray(start.part)
        if start.body_bytes != header.shard_bytes:
            raise ProtocolError("a sibling sent a part of its shard")
        while len(body) < start.body_bytes:
            frame = await self._frame()
            body += frames.read_more(frame, start.body_bytes - len(body))
        await asyncio.to_thread(self._check, chunk, header, start.proof, body)
        return ProvenShard(start.proof, bytes(body))

    async def _frame(self) -> bytes:
        frame = await self._call.read()
        if not isinstance(frame, bytes):
            raise ProtocolError("a sibling ended its stream")
        return frame

    def _check(
        self, chunk: ChunkId, header: ChunkHeader, proof: ShardProof, body: bytearray
    ) -> None:
        if (proof.header, proof.index) != (header, self.index):
            raise ProtocolError("a sibling sent another shard")
        check_shard(chunk, proof, body)
