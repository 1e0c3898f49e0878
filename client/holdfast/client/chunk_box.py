"""The chunks that are on their way: kept until a full receipt covers them.

It bounds the memory of an upload: whoever adds waits while it is full. Parity shards
are let go once every holder has its own, and made again if one of them loses it.
"""

import threading
from dataclasses import dataclass

from holdfast.client.buffers import BufferPool
from holdfast.protocol.chunk import EncodedChunk, ShardProof, encode_chunk
from holdfast.protocol.errors import HoldfastError
from holdfast.protocol.units import CHUNK_BYTES_MAX, ChunkId

Ciphertext = bytes | bytearray | memoryview


@dataclass(slots=True)
class _Kept:
    ciphertext: Ciphertext
    encoded: EncodedChunk | None
    parity_bytes: int


class ChunkBox:
    """Ciphertexts and shards in memory; `limit_bytes` counts both."""

    def __init__(self, k: int, n: int, limit_bytes: int) -> None:
        self._k = k
        self._n = n
        self._limit_bytes = limit_bytes
        most = -(-CHUNK_BYTES_MAX // k) * (n - k)
        self._parity = BufferPool(most, limit_bytes // max(most, CHUNK_BYTES_MAX))
        self._chunks: dict[ChunkId, _Kept] = {}
        self._bytes = 0
        self._room = threading.Condition()
        self._failure: HoldfastError | None = None

    def __contains__(self, chunk: ChunkId) -> bool:
        return chunk in self._chunks

    def encode(self, ciphertext: Ciphertext) -> EncodedChunk:
        """Encode a chunk and keep it, once there is room; raises what `fail` was given.

        For worker threads: it waits and computes.
        """
        size = len(ciphertext) * self._n // self._k
        with self._room:
            while self._failure is None and (
                self._bytes and self._bytes + size > self._limit_bytes
            ):
                self._room.wait()
            if self._failure is not None:
                raise self._failure
            self._bytes += size
        encoded = self._encoded(ciphertext)
        with self._room:
            if encoded.id in self._chunks:
                self._bytes -= size
            else:
                kept = _Kept(ciphertext, encoded, size - len(ciphertext))
                self._chunks[encoded.id] = kept
        return encoded

    def shard(self, chunk: ChunkId, index: int) -> tuple[ShardProof, memoryview]:
        """Return a shard with its proof, encoding its chunk again if need be."""
        kept = self._chunks[chunk]
        encoded = kept.encoded
        if encoded is None:
            encoded = self._encoded(kept.ciphertext)
            with self._room:
                kept.encoded = encoded
                self._bytes += kept.parity_bytes
        return encoded.proof(index), encoded.shards[index]

    def _encoded(self, ciphertext: Ciphertext) -> EncodedChunk:
        parity_bytes = -(-len(ciphertext) // self._k) * (self._n - self._k)
        parity = self._parity.take(parity_bytes)
        return encode_chunk(ciphertext, self._k, self._n, parity)

    def ciphertext(self, chunk: ChunkId) -> Ciphertext | None:
        """Return a chunk that is here."""
        kept = self._chunks.get(chunk)
        return kept.ciphertext if kept else None

    def length(self, chunk: ChunkId) -> int:
        """Return the bytes of a chunk that is here."""
        return len(self._chunks[chunk].ciphertext)

    def drop_shards(self, chunk: ChunkId) -> None:
        """Let go of the shards of a chunk, not of its ciphertext."""
        with self._room:
            kept = self._chunks.get(chunk)
            if kept and kept.encoded is not None:
                kept.encoded = None
                self._bytes -= kept.parity_bytes
                self._room.notify_all()

    def release(self, chunk: ChunkId) -> None:
        """Let go of a chunk for good."""
        with self._room:
            kept = self._chunks.pop(chunk, None)
            if kept is not None:
                self._bytes -= len(kept.ciphertext)
                if kept.encoded is not None:
                    self._bytes -= kept.parity_bytes
                self._room.notify_all()

    def fail(self, error: HoldfastError) -> None:
        """Make everybody who adds, now or later, get this error."""
        with self._room:
            self._failure = error
            self._room.notify_all()
