"""Frames: blobs that are compressed together, the units that a pack is made of.

Small blobs share a frame of about 256 KiB, so that small files compress like one
large one; a large blob has a frame of its own. A frame is Zstandard level 1, or the
bytes as they are when that is not smaller; what photographs, films and archives are
made of is told by samples, as trying costs as much as hashing.
"""

import struct
from typing import Final

import zstandard

from holdfast.client.core.blobs import BLOB_BYTES_MAX, BlobId
from holdfast.protocol.errors import DecodingError
from holdfast.protocol.frozen import frozen
from holdfast.protocol.units import KIB

ROWS_MAX: Final = 16384
ROW: Final = struct.Struct(">32sI")  # blob id, bytes
ROW_BYTES: Final = ROW.size
FRAME_HEADER: Final = struct.Struct(">BIII")  # encoding, stored, raw bytes, blobs
FRAME_BYTES_TARGET: Final = 256 * KIB
FRAME_RAW_BYTES_MAX: Final = BLOB_BYTES_MAX
_SMALL_BLOB_BYTES: Final = 128 * KIB
_SAMPLES: Final = 4
_SAMPLE_BYTES: Final = 16 * KIB
_WORTH_IT: Final = 0.98
_LEVEL: Final = 1
STORED: Final = 0
_ZSTANDARD: Final = 1


@frozen
class RawFrame:
    """Blobs that will be compressed together, and their rows."""

    data: bytes
    rows: bytes


@frozen
class Frame:
    """A frame as a pack stores it: its header, its bytes, its blobs' rows."""

    header: bytes
    stored: bytes
    rows: bytes

    @property
    def count(self) -> int:
        """How many blobs it holds."""
        return len(self.rows) // ROW_BYTES

    @property
    def size(self) -> int:
        """How many bytes it takes in a pack, its part of the table included."""
        return len(self.header) + len(self.stored) + len(self.rows)


class Framer:
    """Blobs in, frames out; a large blob overtakes the small ones still collected."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._rows: list[bytes] = []
        self._bytes = 0

    def add(self, blob: BlobId, data: bytes | memoryview) -> list[RawFrame]:
        """Take a blob, copying its bytes, and return the frame that is full, if any."""
        assert len(data) <= BLOB_BYTES_MAX
        row = ROW.pack(blob, len(data))
        if len(data) >= _SMALL_BLOB_BYTES:
            return [RawFrame(bytes(data), row)]
        self._parts.append(bytes(data))
        self._rows.append(row)
        self._bytes += len(data)
        if self._bytes >= FRAME_BYTES_TARGET or len(self._rows) >= ROWS_MAX:
            return self.flush()
        return []

    def flush(self) -> list[RawFrame]:
        """Return the frame begun, if any; the framer is empty afterwards."""
        if not self._rows:
            return []
        frame = RawFrame(b"".join(self._parts), b"".join(self._rows))
        self._parts, self._rows, self._bytes = [], [], 0
        return [frame]


def compress(frame: RawFrame) -> Frame:
    """Return the frame as a pack stores it; releases the GIL for most of its time."""
    raw = frame.data
    count = len(frame.rows) // ROW_BYTES
    compressor = zstandard.ZstdCompressor(level=_LEVEL)
    worth_it = _seems_compressible(raw, compressor)
    packed = compressor.compress(raw) if worth_it else raw
    if len(packed) < len(raw):
        header = FRAME_HEADER.pack(_ZSTANDARD, len(packed), len(raw), count)
        return Frame(header, packed, frame.rows)
    header = FRAME_HEADER.pack(STORED, len(raw), len(raw), count)
    return Frame(header, raw, frame.rows)


def _seems_compressible(raw: bytes, compressor: zstandard.ZstdCompressor) -> bool:
    """Tell by samples from all over a large frame; a small one is just tried."""
    if len(raw) < 2 * _SAMPLES * _SAMPLE_BYTES:
        return True
    view = memoryview(raw)
    step = (len(raw) - _SAMPLE_BYTES) // (_SAMPLES - 1)
    samples = b"".join(view[at * step :][:_SAMPLE_BYTES] for at in range(_SAMPLES))
    return len(compressor.compress(samples)) < _WORTH_IT * len(samples)


def decompress(encoding: int, stored: memoryview, raw_bytes: int) -> memoryview:
    """Return a frame's blobs, or raise DecodingError."""
    match encoding:
        case 0 if len(stored) == raw_bytes:
            return stored
        case 1:
            return memoryview(_unpacked(stored, raw_bytes))
        case _:
            raise DecodingError("a frame's encoding or length is wrong")


def _unpacked(stored: memoryview, raw_bytes: int) -> bytes:
    try:
        if zstandard.frame_content_size(stored) != raw_bytes:
            raise DecodingError("a frame's length is not the one in its table")
        return zstandard.ZstdDecompressor().decompress(stored)
    except zstandard.ZstdError as error:
        raise DecodingError(f"a frame cannot be decompressed: {error}") from error
