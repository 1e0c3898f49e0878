"""From blobs to sealed chunks: deduplicated, packed, sealed, handed to the writer.

Hashing runs in the caller's thread, compression in a few others, sealing and
`ChunkWriter.add` in one more, so that chunks leave in order. The number of frames
between the threads is bounded.
"""

import os
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Final, Protocol, Self

from holdfast.client.buffers import BufferPool
from holdfast.client.core.blobs import BlobId, BlobKind, blob_id
from holdfast.client.core.frames import Frame, Framer, RawFrame, compress
from holdfast.client.core.index import Index, PackRecord, record_of
from holdfast.client.core.owner_keys import OwnerKeys
from holdfast.client.core.pack import Pack, Packer
from holdfast.client.core.ports import ChunkWriter
from holdfast.client.core.seal import (
    PLAINTEXT_BYTES_MAX,
    new_memory,
    preferred_cipher,
    salt_of,
    seal,
)
from holdfast.protocol.units import CHUNK_BYTES_MAX

_COMPRESSORS: Final = min(4, os.cpu_count() or 1)
_FRAMES_IN_FLIGHT_MAX: Final = 2 + 2 * _COMPRESSORS
_IDLE_BUFFERS_MAX: Final = 32


class PackLog(Protocol):
    """Where finished packs are noted, so that a crash does not send them twice."""

    def append(self, record: PackRecord) -> None:
        """Note a pack that the chunk writer has taken."""


class NoPackLog:
    """Notes nothing."""

    def append(self, record: PackRecord) -> None:
        """Do nothing."""


NO_PACK_LOG: Final = NoPackLog()


class BlobWriter:
    """Stores blobs that the index does not know; use it as a context manager.

    Leaving the context without `finish` abandons what was not handed over yet.
    `records` are the packs handed over, in order.
    """

    def __init__(
        self,
        keys: OwnerKeys,
        index: Index,
        writer: ChunkWriter,
        *,
        log: PackLog = NO_PACK_LOG,
    ) -> None:
        self._dedup_key = keys.dedup
        self._index = index
        kinds = (BlobKind.DATA, BlobKind.TREE)
        self._framers = {kind: Framer() for kind in kinds}
        self._sender = _Sender(keys, writer, log)
        self._pending: set[BlobId] = set()
        self._flights: deque[Future[list[PackRecord]]] = deque()
        self._compressors = ThreadPoolExecutor(_COMPRESSORS, "holdfast-compress")
        self._sealer = ThreadPoolExecutor(1, "holdfast-seal")
        self.bytes_added = 0
        self.records: list[PackRecord] = []

    @property
    def bytes_stored(self) -> int:
        """How many bytes of sealed chunks were handed over until now."""
        return self._sender.bytes_stored

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._sealer.shutdown(wait=True, cancel_futures=True)
        self._compressors.shutdown(wait=True, cancel_futures=True)

    def add(self, kind: BlobKind, data: bytes | memoryview) -> BlobId:
        """Return the blob's id, having stored it unless it was known.

        Raises what `ChunkWriter.add` raised for an earlier chunk.
        """
        blob = blob_id(self._dedup_key, data)
        if self.knows(blob):
            return blob
        self._pending.add(blob)
        self.bytes_added += len(data)
        for frame in self._framers[kind].add(blob, data):
            self._launch(kind, frame)
        return blob

    def add_data(self, data: bytes | memoryview) -> BlobId:
        """Store a piece of a file."""
        return self.add(BlobKind.DATA, data)

    def add_tree(self, data: bytes) -> BlobId:
        """Store a page of a directory, a list of blobs, or a page of objects."""
        return self.add(BlobKind.TREE, data)

    def knows(self, blob: BlobId) -> bool:
        """Return whether a blob is stored already or on its way."""
        return blob in self._pending or blob in self._index

    def finish(self) -> None:
        """Hand over everything; afterwards the index knows every blob added."""
        for kind, framer in self._framers.items():
            for frame in framer.flush():
                self._launch(kind, frame)
            self._flights.append(self._sealer.submit(self._sender.flush, kind))
        while self._flights:
            self._land()
        assert not self._pending

    def store_state(self, pack: Pack) -> PackRecord:
        """Seal and hand over one pack of state now; the index does not list it."""
        return self._sealer.submit(self._sender.send, pack).result()

    def _launch(self, kind: BlobKind, frame: RawFrame) -> None:
        while len(self._flights) >= _FRAMES_IN_FLIGHT_MAX:
            self._land()
        compressed = self._compressors.submit(compress, frame)
        self._flights.append(self._sealer.submit(self._sender.add, kind, compressed))

    def _land(self) -> None:
        records = self._flights.popleft().result()
        self._index.add(records)
        self.records += records
        for record in records:
            blobs = (record.blob(row) for row in range(record.count))
            self._pending.difference_update(blobs)


class _Sender:
    """What runs in the sealing thread: packs frames, seals packs, hands them over."""

    def __init__(self, keys: OwnerKeys, writer: ChunkWriter, log: PackLog) -> None:
        self._keys = keys
        self._writer = writer
        self._log = log
        self._cipher = preferred_cipher()
        kinds = (BlobKind.DATA, BlobKind.TREE)
        self._packers = {kind: Packer(kind) for kind in kinds}
        self._plaintext = new_memory(PLAINTEXT_BYTES_MAX)
        self._buffers = BufferPool(CHUNK_BYTES_MAX, _IDLE_BUFFERS_MAX)
        self.bytes_stored = 0

    def add(self, kind: BlobKind, frame: Future[Frame]) -> list[PackRecord]:
        return self._send_all(self._packers[kind].add(frame.result()))

    def flush(self, kind: BlobKind) -> list[PackRecord]:
        return self._send_all(self._packers[kind].flush())

    def send(self, pack: Pack) -> PackRecord:
        plaintext = pack.plaintext_in(self._plaintext)
        salt = salt_of(self._keys.salt, pack.determining())
        take = self._buffers.take
        sealed = seal(self._keys.seal, salt, plaintext, self._cipher, take)
        chunk = self._writer.add(sealed)
        self.bytes_stored += len(sealed)
        return record_of(chunk, len(sealed), pack.table)

    def _send_all(self, packs: list[Pack]) -> list[PackRecord]:
        records = []
        for pack in packs:
            record = self.send(pack)
            self._log.append(record)
            records.append(record)
        return records
