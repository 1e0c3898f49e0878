"""Planning a prune: which chunks can go, and which blobs move out of them first."""

from collections.abc import Iterator
from typing import Final

from holdfast.client.core.blobs import BlobId, BlobKind
from holdfast.client.core.errors import BlobMissingError
from holdfast.client.core.index import Index, PackRecord
from holdfast.protocol.frozen import frozen
from holdfast.protocol.units import MIB, ChunkId

_SMALL_PACK_BYTES: Final = MIB
_SMALL_PACKS_MAX: Final = 16


class Liveness:
    """Marks, one byte for each blob of an index, of what is still needed."""

    def __init__(self, index: Index) -> None:
        self._index = index
        self._packs = index.packs
        self._marks = [bytearray(record.count) for record in self._packs]

    def mark(self, blob: BlobId) -> bool:
        """Mark a blob as needed; return whether it was unmarked until now.

        Raises BlobMissingError: pruning a damaged repository would make it worse.
        """
        position = self._index.position(blob)
        if position is None:
            raise BlobMissingError(blob)
        pack, row = position
        fresh = not self._marks[pack][row]
        self._marks[pack][row] = 1
        return fresh

    def packs(self) -> Iterator[tuple[PackRecord, bytearray]]:
        """Yield each pack with the marks of its rows."""
        yield from zip(self._packs, self._marks, strict=True)


@frozen
class PrunePlan:
    """Chunks to drop, and those of them whose live rows must be written again.

    `dropped_bytes` counts ciphertext, `rewritten_bytes` blobs before compression.
    """

    dropped: tuple[ChunkId, ...]
    rewritten: tuple[tuple[ChunkId, tuple[int, ...]], ...]
    dropped_bytes: int
    rewritten_bytes: int


def plan_prune(liveness: Liveness, dead_share_max: float = 0.5) -> PrunePlan:
    """Return what a prune should do.

    A pack goes when more than `dead_share_max` of its bytes is dead, or when it is
    one of more than 16 small packs of a kind.
    """
    going: dict[ChunkId, tuple[PackRecord, tuple[int, ...]]] = {}
    small: dict[BlobKind, list[tuple[PackRecord, tuple[int, ...]]]] = {}
    for record, marks in liveness.packs():
        rows = tuple(row for row, live in enumerate(marks) if live)
        if _mostly_dead(record, rows, dead_share_max):
            going[record.chunk] = (record, rows)
        elif record.stored < _SMALL_PACK_BYTES:
            small.setdefault(record.holds, []).append((record, rows))
    for packs in small.values():
        if len(packs) > _SMALL_PACKS_MAX:
            going.update((record.chunk, (record, rows)) for record, rows in packs)
    return PrunePlan(
        dropped=tuple(going),
        rewritten=tuple((chunk, rows) for chunk, (_, rows) in going.items() if rows),
        dropped_bytes=sum(record.stored for record, _ in going.values()),
        rewritten_bytes=sum(
            record.length(row) for record, rows in going.values() for row in rows
        ),
    )


def _mostly_dead(record: PackRecord, rows: tuple[int, ...], share: float) -> bool:
    if not rows:
        return True
    total = sum(record.length(row) for row in range(record.count))
    live = sum(record.length(row) for row in rows)
    return total - live > share * total
