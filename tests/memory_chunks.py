"""A network of one dictionary: the content half's two ports, with faults on demand."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

from holdfast.client.core.errors import ChunkUnavailableError
from holdfast.protocol.errors import HoldfastError
from holdfast.protocol.units import CHUNK_BYTES_MAX, ChunkId


class UploadStoppedError(HoldfastError):
    """The upload was stopped by a test."""


@dataclass
class MemoryChunks:
    held: dict[ChunkId, bytes] = field(default_factory=dict)
    lost: set[ChunkId] = field(default_factory=set)
    reads: list[ChunkId] = field(default_factory=list)
    hints: list[tuple[ChunkId, ...]] = field(default_factory=list)
    garbled: dict[ChunkId, bytes] = field(default_factory=dict)  # until it is reread
    rereads: list[ChunkId] = field(default_factory=list)
    stop_after: int | None = None

    def add(self, ciphertext: bytes | bytearray | memoryview) -> ChunkId:
        assert len(ciphertext) <= CHUNK_BYTES_MAX
        if self.stop_after is not None and len(self.held) >= self.stop_after:
            raise UploadStoppedError("stopped")
        chunk = ChunkId(hashlib.sha256(ciphertext).digest())
        self.held[chunk] = bytes(ciphertext)
        return chunk

    def read(self, chunk: ChunkId) -> bytes:
        self.reads.append(chunk)
        if chunk in self.lost or chunk not in self.held:
            raise ChunkUnavailableError(chunk)
        return self.garbled.get(chunk, self.held[chunk])

    def reread(self, chunk: ChunkId) -> bytes:
        self.rereads.append(chunk)
        self.garbled.pop(chunk, None)
        return self.read(chunk)

    def prefetch(self, chunks: Sequence[ChunkId]) -> None:
        self.hints.append(tuple(chunks))

    @property
    def stored_bytes(self) -> int:
        return sum(map(len, self.held.values()))
