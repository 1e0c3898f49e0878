"""Packs: frames put together into the plaintext of one chunk.

A pack is frames, then a table, then the table's length. The table lists the frames
and each blob's id and length, so an index can be rebuilt from chunks alone.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from holdfast.client.core.blobs import BlobId, BlobKind
from holdfast.client.core.errors import BlobMissingError
from holdfast.client.core.frames import (
    FRAME_HEADER,
    FRAME_RAW_BYTES_MAX,
    ROW,
    ROW_BYTES,
    ROWS_MAX,
    STORED,
    Frame,
    Framer,
    compress,
    decompress,
)
from holdfast.client.core.seal import PLAINTEXT_BYTES_MAX
from holdfast.protocol.encoding import Codec, Format, variable
from holdfast.protocol.errors import DecodingError
from holdfast.protocol.frozen import frozen

_LENGTH_BYTES: Final = 4


def _read_kind(byte: bytes) -> BlobKind:
    try:
        return BlobKind(byte[0])
    except ValueError as error:
        raise DecodingError(f"blobs of kind {byte[0]} are unknown here") from error


KIND_CODEC: Final = Codec(
    lambda kind: bytes([kind.value]), lambda reader: _read_kind(reader.take(1))
)


@frozen
class PackTable:
    """The kind of blobs a pack holds, and its frames and rows in their byte form."""

    holds: BlobKind
    frames: bytes
    rows: bytes

    def __post_init__(self) -> None:
        if len(self.frames) % FRAME_HEADER.size or len(self.rows) % ROW_BYTES:
            raise ValueError("a table ends within a frame or a row")

    def encodings(self) -> Iterator[int]:
        """Yield how each frame is encoded."""
        return (encoding for encoding, *_ in FRAME_HEADER.iter_unpack(self.frames))

    def blobs(self) -> Iterator[tuple[BlobId, int]]:
        """Yield each blob's id and its length in bytes, in the pack's order."""
        for blob, length in ROW.iter_unpack(self.rows):
            yield BlobId(blob), length


_TABLE: Final = Format(
    PackTable,
    kind=69,
    version=1,
    holds=KIND_CODEC,
    frames=variable(ROWS_MAX * FRAME_HEADER.size),
    rows=variable(ROWS_MAX * ROW_BYTES),
)
_TABLE_BYTES_MIN: Final = 4 + 1 + 4 + 4 + _LENGTH_BYTES


@frozen
class Pack:
    """A finished pack: its table, and the parts that make its plaintext."""

    table: PackTable
    parts: tuple[bytes, ...]

    def determining(self) -> tuple[bytes, ...]:
        """Return pieces of the plaintext that no other plaintext has.

        A frame of data that is stored as it is can be left out: its blobs' ids, which
        are keyed hashes of it, stand in the table. This spares hashing it once more.
        """
        if self.table.holds is not BlobKind.DATA:
            return self._pieces()
        parts = zip(self.table.encodings(), self.parts, strict=True)
        packed = (part for encoding, part in parts if encoding != STORED)
        return (*packed, *self._end())

    def plaintext(self) -> bytes:
        """Return the bytes to seal, at most PLAINTEXT_BYTES_MAX."""
        return b"".join(self._pieces())

    def plaintext_in(self, buffer: memoryview) -> memoryview:
        """Return the same, as the first bytes of a buffer that is overwritten."""
        end = 0
        for piece in self._pieces():
            start, end = end, end + len(piece)
            buffer[start:end] = piece
        return buffer[:end]

    def _pieces(self) -> tuple[bytes, ...]:
        return (*self.parts, *self._end())

    def _end(self) -> tuple[bytes, bytes]:
        table = _TABLE.encode(self.table)
        return table, len(table).to_bytes(_LENGTH_BYTES, "big")


class Packer:
    """Frames of one kind of blobs in, packs out, each as full as its frames allow."""

    def __init__(self, holds: BlobKind) -> None:
        self._holds = holds
        self._frames: list[Frame] = []
        self._bytes = _TABLE_BYTES_MIN
        self._rows = 0

    def add(self, frame: Frame) -> list[Pack]:
        """Take a frame, and return the pack that was full before it, if any."""
        too_large = self._bytes + frame.size > PLAINTEXT_BYTES_MAX
        packs = self.flush() if too_large or self._rows + frame.count > ROWS_MAX else []
        self._frames.append(frame)
        self._bytes += frame.size
        self._rows += frame.count
        return packs

    def flush(self) -> list[Pack]:
        """Return the pack begun, if any; the packer is empty afterwards."""
        if not self._frames:
            return []
        table = PackTable(
            self._holds,
            b"".join(frame.header for frame in self._frames),
            b"".join(frame.rows for frame in self._frames),
        )
        pack = Pack(table, tuple(frame.stored for frame in self._frames))
        self._frames, self._bytes, self._rows = [], _TABLE_BYTES_MIN, 0
        return [pack]


def pack_blobs(
    holds: BlobKind, blobs: Iterable[tuple[BlobId, bytes | memoryview]]
) -> list[Pack]:
    """Return packs of these blobs."""
    framer, packer = Framer(), Packer(holds)
    raw = [frame for blob, data in blobs for frame in framer.add(blob, data)]
    packs = [
        pack
        for frame in (*raw, *framer.flush())
        for pack in packer.add(compress(frame))
    ]
    return packs + packer.flush()


@frozen
class _Place:
    frame: int
    start: int
    end: int


@frozen
class _StoredFrame:
    encoding: int
    start: int
    end: int
    raw_bytes: int


class PackView:
    """An opened pack; blobs are found by their row in its table."""

    def __init__(self, plaintext: bytes | memoryview) -> None:
        """Read the table, or raise DecodingError."""
        self.table = read_table(plaintext)
        self._plaintext = memoryview(plaintext)
        self._places: list[_Place] = []
        self._frames: list[_StoredFrame] = []
        self._lay_out()
        self._decoded: tuple[int, memoryview] = (-1, memoryview(b""))

    def blob(self, row: int) -> memoryview:
        """Return the blob at `row`, or raise DecodingError."""
        if not 0 <= row < len(self._places):
            raise DecodingError(f"the pack has no row {row}")
        place = self._places[row]
        return self._raw(place.frame)[place.start : place.end]

    def find(self, blob: BlobId) -> memoryview:
        """Return the blob with this id, or raise BlobMissingError."""
        for row, (known, _) in enumerate(self.table.blobs()):
            if known == blob:
                return self.blob(row)
        raise BlobMissingError(blob)

    def _lay_out(self) -> None:
        lengths = (length for _, length in ROW.iter_unpack(self.table.rows))
        at = 0
        for encoding, stored, raw, count in FRAME_HEADER.iter_unpack(self.table.frames):
            if raw > FRAME_RAW_BYTES_MAX or at + stored > len(self._plaintext):
                raise DecodingError("a frame is larger than it can be")
            end = 0
            for _ in range(count):
                start, end = end, end + next(lengths, raw + 1)
                if end > raw:
                    raise DecodingError("blobs are longer than their frame")
                self._places.append(_Place(len(self._frames), start, end))
            self._frames.append(_StoredFrame(encoding, at, at + stored, raw))
            at += stored
        if next(lengths, None) is not None:
            raise DecodingError("a pack's table has rows beyond its frames")

    def _raw(self, number: int) -> memoryview:
        if self._decoded[0] != number:
            frame = self._frames[number]
            stored = self._plaintext[frame.start : frame.end]
            raw = decompress(frame.encoding, stored, frame.raw_bytes)
            self._decoded = (number, raw)
        return self._decoded[1]


def read_table(plaintext: bytes | memoryview) -> PackTable:
    """Return the table at the end of a pack, or raise DecodingError."""
    length = int.from_bytes(plaintext[-_LENGTH_BYTES:], "big")
    end = len(plaintext) - _LENGTH_BYTES
    if end < 0 or length > end:
        raise DecodingError("a pack is shorter than its table")
    return _TABLE.decode(bytes(plaintext[end - length : end]))
