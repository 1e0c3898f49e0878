"""The index: in which chunk, and at which row of its pack, each blob is.

It is a list of packs with their rows in byte form, and sorted arrays of the
first 8 bytes of every id: 52 bytes for each blob. Index segments, the index's
form in chunks, are lists of the same packs.
"""

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from holdfast.client.core.blobs import BlobId, BlobKind
from holdfast.client.core.frames import ROW_BYTES, ROWS_MAX
from holdfast.client.core.pack import KIND_CODEC, PackTable
from holdfast.protocol.encoding import BYTES32, U32, Format, sequence, variable
from holdfast.protocol.units import MIB, ChunkId

SEGMENT_BYTES_TARGET: Final = 2 * MIB
_PACKS_PER_SEGMENT_MAX: Final = 65536
_ID_BYTES: Final = 32
_PACK_SHIFT: Final = 32
_ROW_MASK: Final = (1 << _PACK_SHIFT) - 1


@dataclass(frozen=True, slots=True)
class PackRecord:
    """A pack as the index knows it; `stored` is its ciphertext's bytes."""

    chunk: ChunkId
    holds: BlobKind
    stored: int
    rows: bytes

    def __post_init__(self) -> None:
        if len(self.rows) % ROW_BYTES:
            raise ValueError("rows end within a row")

    @property
    def count(self) -> int:
        """How many blobs the pack holds."""
        return len(self.rows) // ROW_BYTES

    def blob(self, row: int) -> BlobId:
        """Return the id at `row`."""
        at = row * ROW_BYTES
        return BlobId(self.rows[at : at + _ID_BYTES])

    def length(self, row: int) -> int:
        """Return the length in bytes of the blob at `row`."""
        at = row * ROW_BYTES
        return int.from_bytes(self.rows[at + _ID_BYTES : at + ROW_BYTES], "big")


def record_of(chunk: ChunkId, stored: int, table: PackTable) -> PackRecord:
    """Return the record of a chunk of `stored` bytes that holds this pack."""
    return PackRecord(chunk, table.holds, stored, table.rows)


PACK_RECORD: Final = Format(
    PackRecord,
    kind=70,
    version=1,
    chunk=BYTES32,
    holds=KIND_CODEC,
    stored=U32,
    rows=variable(ROWS_MAX * ROW_BYTES),
)


@dataclass(frozen=True, slots=True)
class _Segment:
    packs: tuple[PackRecord, ...]


_SEGMENT: Final = Format(
    _Segment,
    kind=71,
    version=1,
    packs=sequence(PACK_RECORD.bare(), _PACKS_PER_SEGMENT_MAX),
)


def encode_segments(records: Iterable[PackRecord]) -> Iterator[bytes]:
    """Yield blobs that together list `records`, each about SEGMENT_BYTES_TARGET."""
    part: list[PackRecord] = []
    size = 0
    for record in records:
        part.append(record)
        size += len(record.rows) + 64
        if size >= SEGMENT_BYTES_TARGET:
            yield _SEGMENT.encode(_Segment(tuple(part)))
            part, size = [], 0
    if part:
        yield _SEGMENT.encode(_Segment(tuple(part)))


def decode_segment(blob: bytes) -> tuple[PackRecord, ...]:
    """Return the packs that an index segment lists, or raise DecodingError."""
    return _SEGMENT.decode(blob).packs


@dataclass(frozen=True, slots=True)
class Location:
    """Where a blob is: a row of the pack in a chunk; its length in bytes."""

    chunk: ChunkId
    row: int
    length: int


@dataclass(frozen=True, slots=True)
class _Run:
    prefixes: "array[int]"
    positions: "array[int]"


class Index:
    """All packs of an owner; lookups are binary searches in a few sorted runs."""

    def __init__(self, records: Iterable[PackRecord] = ()) -> None:
        self._packs: list[PackRecord] = []
        self._numbers: dict[ChunkId, int] = {}
        self._runs: list[_Run] = []
        self.add(records)

    def add(self, records: Iterable[PackRecord]) -> None:
        """Take in packs; those of chunks already known are passed over."""
        fresh: list[tuple[int, PackRecord]] = []
        for record in records:
            if record.chunk not in self._numbers:
                fresh.append((len(self._packs), record))
                self._numbers[record.chunk] = len(self._packs)
                self._packs.append(record)
        if fresh:
            self._runs.append(_run_of(fresh))
        while len(self._runs) > 1 and (
            len(self._runs[-2].prefixes) <= 2 * len(self._runs[-1].prefixes)
        ):
            last = self._runs.pop()
            self._runs[-1] = _merged(self._runs[-1], last)

    def position(self, blob: BlobId) -> tuple[int, int] | None:
        """Return (pack number, row) of a blob, or None if it is unknown."""
        prefix = int.from_bytes(blob[:8], "big")
        for run in self._runs:
            prefixes = run.prefixes
            at = bisect_left(prefixes, prefix)
            while at < len(prefixes) and prefixes[at] == prefix:
                position = run.positions[at]
                pack, row = position >> _PACK_SHIFT, position & _ROW_MASK
                if self._packs[pack].blob(row) == blob:
                    return pack, row
                at += 1
        return None

    def find(self, blob: BlobId) -> Location | None:
        """Return where a blob is, or None if it is unknown."""
        position = self.position(blob)
        if position is None:
            return None
        record = self._packs[position[0]]
        return Location(record.chunk, position[1], record.length(position[1]))

    def __contains__(self, blob: BlobId) -> bool:
        return self.position(blob) is not None

    def __len__(self) -> int:
        return sum(len(run.prefixes) for run in self._runs)

    @property
    def packs(self) -> tuple[PackRecord, ...]:
        """Every pack, in the order in which they came."""
        return tuple(self._packs)

    def pack(self, chunk: ChunkId) -> PackRecord | None:
        """Return the pack in `chunk`, or None if the index does not know it."""
        number = self._numbers.get(chunk)
        return None if number is None else self._packs[number]

    def without(self, chunks: Iterable[ChunkId]) -> "Index":
        """Return an index of all packs but those in `chunks`."""
        gone = set(chunks)
        return Index(record for record in self._packs if record.chunk not in gone)


def _run_of(records: list[tuple[int, PackRecord]]) -> _Run:
    row_type = np.dtype([("prefix", ">u8"), ("rest", "V28")])
    prefixes, positions = [], []
    for number, record in records:
        rows = np.frombuffer(record.rows, row_type)["prefix"].astype(np.uint64)
        prefixes.append(rows)
        base = np.uint64(number << _PACK_SHIFT)
        positions.append(np.arange(len(rows), dtype=np.uint64) + base)
    return _sorted_run(np.concatenate(prefixes), np.concatenate(positions))


def _merged(left: _Run, right: _Run) -> _Run:
    return _sorted_run(
        np.concatenate(
            [np.frombuffer(run.prefixes, np.uint64) for run in (left, right)]
        ),
        np.concatenate(
            [np.frombuffer(run.positions, np.uint64) for run in (left, right)]
        ),
    )


def _sorted_run(
    prefixes: "np.typing.NDArray[np.uint64]", positions: "np.typing.NDArray[np.uint64]"
) -> _Run:
    # bisect boxes an array's items several times faster than NumPy's.
    order = np.argsort(prefixes, kind="stable")
    return _Run(
        array("Q", prefixes[order].tobytes()), array("Q", positions[order].tobytes())
    )
