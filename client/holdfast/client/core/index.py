"""The index: in which chunk, and at which row of its pack, each blob is.

It is a list of packs with their rows in byte form, and sorted arrays of the
first 8 bytes of every id: 52 bytes for each blob. These are made at the first
look-up. Index segments, the index's form in chunks, are lists of the same packs.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final

from holdfast.client.core.blobs import BlobId, BlobKind
from holdfast.client.core.frames import ROW_BYTES, ROWS_MAX
from holdfast.client.core.pack import KIND_CODEC, PackTable
from holdfast.protocol.encoding import BYTES32, U32, Format, sequence, variable
from holdfast.protocol.frozen import frozen
from holdfast.protocol.units import MIB, ChunkId

if TYPE_CHECKING:  # it imports NumPy
    from holdfast.client.core.sorted_runs import Run

SEGMENT_BYTES_TARGET: Final = 2 * MIB
_PACKS_PER_SEGMENT_MAX: Final = 65536
_ID_BYTES: Final = 32
_PREFIX_BYTES: Final = 8


@frozen
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


@frozen
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


@frozen
class Location:
    """Where a blob is: a row of the pack in a chunk; its length in bytes."""

    chunk: ChunkId
    row: int
    length: int


class Index:
    """All packs of an owner; lookups are binary searches in a few sorted runs."""

    def __init__(self, records: Iterable[PackRecord] = ()) -> None:
        self._packs: list[PackRecord] = []
        self._numbers: dict[ChunkId, int] = {}
        self._sorted: tuple[int, tuple[Run, ...]] = (0, ())
        self.add(records)

    def add(self, records: Iterable[PackRecord]) -> None:
        """Take in packs; those of chunks already known are passed over."""
        for record in records:
            if record.chunk not in self._numbers:
                self._numbers[record.chunk] = len(self._packs)
                self._packs.append(record)

    def position(self, blob: BlobId) -> tuple[int, int] | None:
        """Return (pack number, row) of a blob, or None if it is unknown."""
        prefix = int.from_bytes(blob[:_PREFIX_BYTES], "big")
        for run in self._runs():
            prefixes = run.prefixes
            at = bisect_left(prefixes, prefix)
            while at < len(prefixes) and prefixes[at] == prefix:
                pack, row = run.place(at)
                if self._packs[pack].blob(row) == blob:
                    return pack, row
                at += 1
        return None

    def _runs(self) -> "tuple[Run, ...]":
        """Return the runs of all packs; threads that make them at once make equal ones.

        So count and runs change together.
        """
        count, runs = self._sorted
        if count == len(self._packs):
            return runs
        fresh = [(count + at, pack.rows) for at, pack in enumerate(self._packs[count:])]
        from holdfast.client.core.sorted_runs import run_of, with_run  # noqa: PLC0415

        runs = with_run(runs, run_of(fresh))
        self._sorted = (count + len(fresh), runs)
        return runs

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
        return sum(record.count for record in self._packs)

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
