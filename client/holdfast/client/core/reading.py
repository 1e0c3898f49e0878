"""Which slices of which blobs make a range of a file."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate

from holdfast.client.core.blobs import BlobId
from holdfast.protocol.frozen import frozen


@frozen
class Slice:
    """Bytes `start` to `end` of a blob."""

    blob: BlobId
    start: int
    end: int


class FileLayout:
    """A file as the blobs it is made of, in order, with their lengths in bytes."""

    def __init__(self, blobs: Sequence[BlobId], lengths: Sequence[int]) -> None:
        assert len(blobs) == len(lengths)
        self._blobs = blobs
        self._ends = list(accumulate(lengths))

    @property
    def size(self) -> int:
        """The file's length in bytes."""
        return self._ends[-1] if self._ends else 0

    def slices(self, offset: int, count: int) -> Iterator[Slice]:
        """Yield what makes `count` bytes from `offset`, less at the file's end."""
        place = bisect_right(self._ends, offset)
        end = min(offset + count, self.size)
        while offset < end:
            first = self._ends[place - 1] if place else 0
            stop = min(self._ends[place], end)
            yield Slice(self._blobs[place], offset - first, stop - first)
            offset = stop
            place += 1

    def blobs_from(self, offset: int, limit: int) -> Sequence[BlobId]:
        """Return the next blobs, at most `limit`, from the one at `offset`."""
        place = bisect_right(self._ends, offset)
        return self._blobs[place : place + limit]
