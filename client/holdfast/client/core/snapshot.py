"""A snapshot: what was backed up, when, from where, and the tree that holds it."""

from collections.abc import Sequence
from typing import Final, NewType

from holdfast.client.core.blobs import BLOB_LIST_CODEC, BlobId, BlobList, blob_id
from holdfast.client.core.errors import SnapshotLimitError
from holdfast.protocol.encoding import (
    BYTES32,
    U64,
    Codec,
    Format,
    optional,
    sequence,
    text,
    variable,
)
from holdfast.protocol.frozen import frozen

SnapshotId = NewType("SnapshotId", bytes)
"""32 bytes: the keyed hash of the snapshot without its tags."""

PATHS_MAX: Final = 16384
TAGS_MAX: Final = 256
TEXT_BYTES_MAX: Final = 256
_PATH_BYTES_MAX: Final = 4096
_OFFSET_BIAS_SECONDS: Final = 86400


@frozen
class SnapshotStats:
    """What a backup saw and what it added; sizes are bytes.

    `bytes_added` are new blobs before compression, `bytes_stored` the sealed chunks.
    """

    files: int = 0
    directories: int = 0
    others: int = 0
    files_unchanged: int = 0
    bytes_seen: int = 0
    bytes_read: int = 0
    bytes_added: int = 0
    bytes_stored: int = 0
    problems: int = 0


@frozen
class Snapshot:
    """One backup. `time_ns` is its start, since 1970; `utc_offset_seconds` is local.

    `tree` lists the pages of a directory whose nodes are the first components of the
    absolute paths backed up.
    """

    time_ns: int
    utc_offset_seconds: int
    host: str
    user: str
    paths: tuple[bytes, ...]
    tags: tuple[str, ...]
    tree: BlobList
    parent: SnapshotId | None
    stats: SnapshotStats
    program: str


SNAPSHOT_STATS: Final = Format(
    SnapshotStats,
    kind=73,
    version=1,
    files=U64,
    directories=U64,
    others=U64,
    files_unchanged=U64,
    bytes_seen=U64,
    bytes_read=U64,
    bytes_added=U64,
    bytes_stored=U64,
    problems=U64,
)

_OFFSET: Final = Codec(
    lambda value: (value + _OFFSET_BIAS_SECONDS).to_bytes(4, "big"),
    lambda reader: int.from_bytes(reader.take(4), "big") - _OFFSET_BIAS_SECONDS,
)

SNAPSHOT: Final = Format(
    Snapshot,
    kind=74,
    version=1,
    time_ns=U64,
    utc_offset_seconds=_OFFSET,
    host=text(TEXT_BYTES_MAX),
    user=text(TEXT_BYTES_MAX),
    paths=sequence(variable(_PATH_BYTES_MAX), PATHS_MAX),
    tags=sequence(text(TEXT_BYTES_MAX), TAGS_MAX),
    tree=BLOB_LIST_CODEC,
    parent=optional(BYTES32),
    stats=SNAPSHOT_STATS.bare(),
    program=text(64),
)


@frozen
class NamedSnapshot:
    """A snapshot and its id, which stays when its tags change."""

    id: SnapshotId
    snapshot: Snapshot


NAMED_SNAPSHOT: Final = Format(
    NamedSnapshot, kind=75, version=1, id=BYTES32, snapshot=SNAPSHOT.bare()
)


def check_paths(paths: Sequence[bytes]) -> None:
    """Raise SnapshotLimitError unless a snapshot can list these paths."""
    if len(paths) > PATHS_MAX:
        raise SnapshotLimitError(
            f"{len(paths)} paths are too many for one snapshot; "
            "name the directory that holds them"
        )
    for path in paths:
        if len(path) > _PATH_BYTES_MAX:
            raise SnapshotLimitError(f"a path of {len(path)} bytes is too long")


def check_tags(tags: Sequence[str]) -> None:
    """Raise SnapshotLimitError unless a snapshot can have these tags."""
    if len(tags) > TAGS_MAX or any(
        len(tag.encode("utf-8", "surrogatepass")) > TEXT_BYTES_MAX for tag in tags
    ):
        raise SnapshotLimitError("a snapshot has at most 256 tags of 256 bytes")


def clip_text(value: str) -> str:
    """Return a host's or user's name as a snapshot can hold it."""
    return value.encode("utf-8", "replace")[:TEXT_BYTES_MAX].decode("utf-8", "ignore")


def name_snapshot(key: bytes, snapshot: Snapshot) -> NamedSnapshot:
    """Return the snapshot with its id, made with the owner's dedup key."""
    encoded: BlobId = blob_id(key, SNAPSHOT.encode(snapshot))
    return NamedSnapshot(SnapshotId(encoded), snapshot)
