"""A stored file or object, read like a file on disk: `open` with `seek`."""

import io
import os
from typing import TYPE_CHECKING, Final

from holdfast.client.blob_reader import BlobReader
from holdfast.client.core.blobs import BlobList, unfold
from holdfast.client.core.reading import FileLayout

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_PREFETCH_BLOBS: Final = 16


class StoredFile(io.RawIOBase):
    """Reads a file's blobs as they are needed; wrap it in a BufferedReader.

    Reads raise BlobMissingError, ChunkUnavailableError or ProtocolError.
    """

    def __init__(self, reader: BlobReader, content: BlobList) -> None:
        """Look up where the file's blobs are; raises as reads do."""
        super().__init__()
        self._reader = reader
        self._blobs = list(unfold(content, reader.load))
        self._locations = {blob: reader.locate(blob) for blob in self._blobs}
        lengths = [self._locations[blob].length for blob in self._blobs]
        self._layout = FileLayout(self._blobs, lengths)
        self._at = 0
        self._read_to = -1  # where the last read ended

    @property
    def size(self) -> int:
        """The file's length in bytes."""
        return self._layout.size

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def tell(self) -> int:
        """Return the position of the next read."""
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Move to a position, which may lie behind the end, and return it."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self.size}
        if whence not in base or base[whence] + offset < 0:
            raise ValueError("a position cannot lie before the start of a file")
        self._at = base[whence] + offset
        return self._at

    def readinto(self, buffer: "WriteableBuffer", /) -> int:
        """Fill `buffer` from the position and return how many bytes there were.

        Chunks behind are fetched ahead once a read goes on where the last one ended.
        """
        view = memoryview(buffer).cast("B")
        if not view or self._at >= self.size:
            return 0
        pieces = list(self._layout.slices(self._at, len(view)))
        wanted = [piece.blob for piece in pieces]
        if self._at == self._read_to:
            wanted += self._layout.blobs_from(self._at, _PREFETCH_BLOBS)
        chunks = dict.fromkeys(self._locations[blob].chunk for blob in wanted)
        self._reader.prefetch(list(chunks))
        done = 0
        for piece in pieces:
            data = self._reader.view(piece.blob, self._locations[piece.blob])
            part = data[piece.start : piece.end]
            view[done : done + len(part)] = part
            done += len(part)
        self._at = self._read_to = self._at + done
        return done


def open_stored(reader: BlobReader, content: BlobList) -> io.BufferedReader:
    """Return a buffered binary file of this content."""
    return io.BufferedReader(StoredFile(reader, content), 1 << 20)
