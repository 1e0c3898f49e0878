"""Chunks that can be stopped from another thread: the next read ends whatever reads."""

from collections.abc import Sequence

from holdfast.client.core.ports import ChunkReader
from holdfast.protocol.units import ChunkId


class ReadingStoppedError(BaseException):
    """What reads chunks was stopped; no lost chunk, and nothing to be reported."""


class StoppableChunks:
    """Reads as `chunks` does, until it is stopped."""

    def __init__(self, chunks: ChunkReader) -> None:
        self._chunks = chunks
        self._stopped = False

    def stop(self) -> None:
        """Make every later read raise ReadingStoppedError."""
        self._stopped = True

    def read(self, chunk: ChunkId) -> bytes | memoryview:
        """Return the whole ciphertext; raises as `chunks`, or ReadingStoppedError."""
        if self._stopped:
            raise ReadingStoppedError
        return self._chunks.read(chunk)

    def reread(self, chunk: ChunkId) -> bytes | memoryview:
        """Return the same, verified; raises likewise."""
        if self._stopped:
            raise ReadingStoppedError
        return self._chunks.reread(chunk)

    def prefetch(self, chunks: Sequence[ChunkId]) -> None:
        """Pass the hint on."""
        self._chunks.prefetch(chunks)
