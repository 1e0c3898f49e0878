"""A deal to read from: lines to its holders, and rooms where chunks come together."""

from concurrent.futures import Executor
from typing import TYPE_CHECKING, Final

from holdfast.client.buffers import BufferPool
from holdfast.client.core.fetch import HolderScores
from holdfast.client.core.fetch_times import HolderTimes
from holdfast.client.deal_book import DealBook
from holdfast.client.fetch_line import FetchLine
from holdfast.protocol.codecs import codec
from holdfast.protocol.deal import Deal
from holdfast.protocol.units import CHUNK_BYTES_MAX

if TYPE_CHECKING:  # it imports NumPy
    from holdfast.protocol.erasure import Codec

_IDLE_CHUNKS_MAX: Final = 4


class DealSource:
    """The holders of a deal, and how they did lately.

    `distrusted` since something that they sent did not open.
    """

    def __init__(self, book: DealBook, deal: Deal, executor: Executor) -> None:
        self.deal = deal
        self.scores = HolderScores(deal.n)
        self.distrusted = False
        shard_bytes = -(-CHUNK_BYTES_MAX // deal.k)
        self.times = HolderTimes(deal.n, shard_bytes)
        self.shards = BufferPool(shard_bytes, _IDLE_CHUNKS_MAX * deal.k)
        self._chunks = BufferPool(shard_bytes * deal.k, _IDLE_CHUNKS_MAX)
        self.lines = [
            FetchLine(book, deal, index, executor, self.times)
            for index in range(deal.n)
        ]

    def room(self, length: int) -> "ChunkRoom":
        """Return room for a chunk of `length` bytes."""
        code = codec(self.deal.k, self.deal.n)
        buffer = self._chunks.take(self.deal.k * code.shard_bytes(length))
        return ChunkRoom(code, length, buffer, self.shards)


class ChunkRoom:
    """Where a chunk comes together: data shards arrive in the places they belong."""

    def __init__(
        self, code: "Codec", length: int, buffer: memoryview, spare: BufferPool
    ) -> None:
        self._code = code
        self._length = length
        self._size = code.shard_bytes(length)
        self._buffer = buffer
        self._spare = spare
        self._places: dict[int, memoryview] = {}
        self._shards: dict[int, memoryview] = {}

    def place_of(self, index: int) -> memoryview:
        """Return memory for shard `index`."""
        if index >= self._code.k:
            return self._spare.take(self._size)
        start = index * self._size
        place = self._buffer[start : start + self._size]
        self._places[index] = place
        return place

    def open_place(self, index: int) -> memoryview | None:
        """Return the place in the chunk that was given to a shard, if one was."""
        return self._places.get(index)

    def arrived(self, index: int, shard: memoryview) -> None:
        """Take note of a whole shard."""
        self._shards[index] = shard

    def whole(self) -> memoryview | None:
        """Return the ciphertext if all of it arrived in its place, or None."""
        for index in range(self._code.k):
            if self._shards.get(index) is not self._places.get(index, b""):
                return None
        return self._buffer[: self._length]

    def decode(self) -> memoryview:
        """Return the ciphertext from k shards; it computes."""
        return self._code.decode(self._shards, self._length, self._buffer)
