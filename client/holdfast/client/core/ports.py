"""What this half of the client needs from the half that talks to vaults."""

from collections.abc import Sequence
from typing import Protocol

from holdfast.protocol.units import ChunkId


class ChunkWriter(Protocol):
    """Takes sealed chunks and sees to it that holders get them."""

    def add(self, ciphertext: bytes | bytearray | memoryview) -> ChunkId:
        """Queue one sealed chunk (at most CHUNK_BYTES_MAX) and return its id.

        Blocks for back-pressure; is called from one worker thread at a time, in
        order. The bytes may be kept, and never change. Raises HoldfastError when the
        upload cannot go on; it is then abandoned.
        """


class ChunkReader(Protocol):
    """Brings back sealed chunks by their ids."""

    def read(self, chunk: ChunkId) -> bytes | memoryview:
        """Return the whole ciphertext, or raise ChunkUnavailableError.

        It may be what somebody else made of it: whether it opens, and holds what it
        should, tells.
        """

    def reread(self, chunk: ChunkId) -> bytes | memoryview:
        """Return the same, verified: what `read` gave is not what was stored."""

    def prefetch(self, chunks: Sequence[ChunkId]) -> None:
        """Take a hint of what will be read next, in order; it replaces the last hint.

        Never blocks and never raises; a chunk that fails is reported by `read`.
        """
