"""Blobs: the pieces that files and trees are cut into, and lists of them.

A blob is named by the keyed hash of its bytes, so equal pieces are stored once.
A long list of blobs is itself cut into blobs of ids, level by level, so that a
file of any size is named by a few hundred ids at most.
"""

from collections.abc import Callable, Iterable, Iterator
from enum import Enum
from typing import Final, NewType

from blake3 import blake3

from holdfast.protocol.encoding import U8, Codec, Format, fixed, sequence, variable
from holdfast.protocol.errors import DecodingError
from holdfast.protocol.frozen import frozen
from holdfast.protocol.units import MIB

BlobId = NewType("BlobId", bytes)
"""32 bytes: BLAKE3 of the blob, keyed with the owner's dedup key."""

BLOB_BYTES_MAX: Final = 4 * MIB
INLINE_IDS_MAX: Final = 256
_LIST_IDS_MAX: Final = 16384
_LIST_IDS_MIN: Final = 512
_DEPTH_MAX: Final = 4
_ID_BYTES: Final = 32


class BlobKind(Enum):
    """What a pack holds; kinds are packed apart, so listing reads no file data."""

    DATA = 1
    TREE = 2
    STATE = 3


def blob_id(key: bytes, data: bytes | memoryview) -> BlobId:
    """Return the id of a blob under the dedup key."""
    return BlobId(blake3(data, key=key).digest())


@frozen
class BlobList:
    """Blobs in order; at depth d the ids name lists of lists … d times."""

    depth: int = 0
    ids: tuple[BlobId, ...] = ()

    def __post_init__(self) -> None:
        if self.depth > _DEPTH_MAX:
            raise ValueError("a list of blobs is nested too deeply")


EMPTY_LIST: Final = BlobList()

BLOB_LIST: Final = Format(
    BlobList, kind=67, version=1, depth=U8, ids=sequence(fixed(32), INLINE_IDS_MAX)
)


@frozen
class _ListBlob:
    ids: bytes


_LIST_BLOB: Final = Format(
    _ListBlob, kind=68, version=1, ids=variable(_LIST_IDS_MAX * _ID_BYTES)
)
BLOB_LIST_CODEC: Final[Codec] = BLOB_LIST.bare()


def fold(ids: Iterable[BlobId], store: Callable[[bytes], BlobId]) -> BlobList:
    """Return the list of `ids`, storing list blobs when there are too many."""
    level = list(ids)
    depth = 0
    while len(level) > INLINE_IDS_MAX:
        level = [
            store(_LIST_BLOB.encode(_ListBlob(part))) for part in _list_parts(level)
        ]
        depth += 1
    return BlobList(depth, tuple(level))


def unfold(blobs: BlobList, load: Callable[[BlobId], bytes]) -> Iterator[BlobId]:
    """Yield every blob of a list in order; `load` brings the list blobs."""
    if blobs.depth == 0:
        yield from blobs.ids
        return
    for part in blobs.ids:
        yield from unfold(BlobList(blobs.depth - 1, list_ids(load(part))), load)


def list_ids(blob: bytes) -> tuple[BlobId, ...]:
    """Return the ids in a list blob, or raise DecodingError."""
    ids = _LIST_BLOB.decode(blob).ids
    if len(ids) % _ID_BYTES:
        raise DecodingError("a list blob ends within an id")
    return tuple(
        BlobId(ids[at : at + _ID_BYTES]) for at in range(0, len(ids), _ID_BYTES)
    )


def _list_parts(ids: list[BlobId]) -> Iterator[bytes]:
    # Cut where the ids say, not where the count does: an insertion then
    # changes one list blob and not all that follow.
    first = 0
    for place, blob in enumerate(ids, 1):
        count = place - first
        last_of_part = int.from_bytes(blob[-2:], "big") & 0xFFF == 0
        if count == _LIST_IDS_MAX or (last_of_part and count >= _LIST_IDS_MIN):
            yield b"".join(ids[first:place])
            first = place
    if first < len(ids):
        yield b"".join(ids[first:])
