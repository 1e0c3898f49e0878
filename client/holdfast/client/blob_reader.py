"""From blob ids to bytes: find the chunk, unseal it, check the blob against its id."""

from collections import OrderedDict
from collections.abc import Sequence
from functools import partial
from typing import Final

from holdfast.client.buffers import BufferPool
from holdfast.client.core.blobs import BlobId, blob_id
from holdfast.client.core.errors import BlobDamagedError, BlobMissingError
from holdfast.client.core.index import Index, Location
from holdfast.client.core.owner_keys import OwnerKeys
from holdfast.client.core.pack import PackView
from holdfast.client.core.ports import ChunkReader
from holdfast.client.core.read_twice import read_twice
from holdfast.client.core.seal import unseal
from holdfast.protocol.errors import DecodingError
from holdfast.protocol.units import CHUNK_BYTES_MAX, ChunkId

_OPEN_PACKS_MAX: Final = 4


class BlobReader:
    """Reads blobs; keeps the packs opened last, at most 4 of 8 MiB each."""

    def __init__(self, keys: OwnerKeys, index: Index, chunks: ChunkReader) -> None:
        self._keys = keys
        self._index = index
        self._chunks = chunks
        self._buffers = BufferPool(CHUNK_BYTES_MAX, _OPEN_PACKS_MAX)
        self._open: OrderedDict[ChunkId, PackView] = OrderedDict()

    @property
    def index(self) -> Index:
        """The index that says where blobs are."""
        return self._index

    def load(self, blob: BlobId) -> bytes:
        """Return a blob's bytes.

        Raises BlobMissingError, ChunkUnavailableError, or ProtocolError if the chunk
        is not what it should be.
        """
        return bytes(self.view(blob, self.locate(blob)))

    def locate(self, blob: BlobId) -> Location:
        """Return where a blob is, or raise BlobMissingError."""
        location = self._index.find(blob)
        if location is None:
            raise BlobMissingError(blob)
        return location

    def view(self, blob: BlobId, location: Location) -> memoryview:
        """Return a blob's bytes, valid as long as they are held; raises as `load`."""
        data = self.pack(location.chunk).blob(location.row)
        if not self.is_blob(blob, data):
            raise BlobDamagedError(f"blob {blob.hex()[:16]} is not what was stored")
        return data

    def is_blob(self, blob: BlobId, data: bytes | memoryview) -> bool:
        """Return whether these bytes are the blob's."""
        return blob_id(self._keys.dedup, data) == blob

    def pack(self, chunk: ChunkId) -> PackView:
        """Return a chunk's pack, unsealed; raises as `load`."""
        view = self._open.get(chunk)
        if view is None:
            view = read_twice(self._chunks, chunk, partial(self._opened, chunk))
            while len(self._open) >= _OPEN_PACKS_MAX:
                self._open.popitem(last=False)
            self._open[chunk] = view
        self._open.move_to_end(chunk)
        return view

    def _opened(self, chunk: ChunkId, ciphertext: bytes | memoryview) -> PackView:
        view = PackView(unseal(self._keys.seal, ciphertext, self._buffers.take))
        record = self._index.pack(chunk)
        if record is not None and record.rows != view.table.rows:
            raise DecodingError("it does not hold the blobs that the index says")
        return view

    def prefetch(self, chunks: Sequence[ChunkId]) -> None:
        """Pass on a hint of the chunks to be read next, but for those open here."""
        self._chunks.prefetch([chunk for chunk in chunks if chunk not in self._open])
