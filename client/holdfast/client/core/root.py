"""The root: the newest state of an owner's repository, in one blob.

It lists the snapshots, the index's segments and the pages of the object table. A
change is a value of its own: when another machine was first, it is made again on
that machine's root.
"""

from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from typing import Final

from holdfast.client.core.blobs import BLOB_BYTES_MAX, BlobId
from holdfast.client.core.errors import HistoryConflictError, StateTooLargeError
from holdfast.client.core.objects import OBJECT_PAGE, ObjectEntry, ObjectPage
from holdfast.client.core.snapshot import (
    NAMED_SNAPSHOT,
    NamedSnapshot,
    SnapshotId,
)
from holdfast.protocol.encoding import BYTES32, U32, U64, Format, sequence
from holdfast.protocol.frozen import frozen
from holdfast.protocol.units import ChunkId

SNAPSHOTS_MAX: Final = 16384
SEGMENTS_MAX: Final = 16384
_OBJECT_PAGES_MAX: Final = 16384
SAME_CHUNK: Final = ChunkId(bytes(32))
"""Stands for the chunk that holds the root: its id is not known within it."""


@frozen
class SegmentReference:
    """An index segment: its chunk, its blob, and how many packs it lists."""

    chunk: ChunkId
    blob: BlobId
    packs: int


@frozen
class Root:
    """The state of one generation.

    `pruned` is the newest generation that dropped chunks: whoever built on an older
    one must look again.
    """

    generation: int = 0
    pruned: int = 0
    snapshots: tuple[NamedSnapshot, ...] = ()
    segments: tuple[SegmentReference, ...] = ()
    objects: tuple[ObjectPage, ...] = ()


EMPTY_ROOT: Final = Root()

SEGMENT_REFERENCE: Final = Format(
    SegmentReference, kind=81, version=1, chunk=BYTES32, blob=BYTES32, packs=U32
)
_ROOT: Final = Format(
    Root,
    kind=82,
    version=1,
    generation=U64,
    pruned=U64,
    snapshots=sequence(NAMED_SNAPSHOT.bare(), SNAPSHOTS_MAX),
    segments=sequence(SEGMENT_REFERENCE.bare(), SEGMENTS_MAX),
    objects=sequence(OBJECT_PAGE.bare(), _OBJECT_PAGES_MAX),
)


@frozen
class RootChange:
    """What one command wants to change, relative to the generation it started from.

    `objects` maps names to their new entries, None to delete. `drops` says that
    chunks go with this change, which only a prune does.
    """

    base_generation: int
    added: tuple[NamedSnapshot, ...] = ()
    removed: frozenset[SnapshotId] = frozenset()
    retagged: Mapping[SnapshotId, tuple[str, ...]] = field(default_factory=dict)
    objects: Mapping[str, ObjectEntry | None] = field(default_factory=dict)
    drops: bool = False


def join_changes(changes: Sequence[RootChange]) -> RootChange:
    """Return changes made from one generation as one; the later wins."""
    objects: dict[str, ObjectEntry | None] = {}
    retagged: dict[SnapshotId, tuple[str, ...]] = {}
    for change in changes:
        objects.update(change.objects)
        retagged.update(change.retagged)
    return RootChange(
        base_generation=min(change.base_generation for change in changes),
        added=tuple(named for change in changes for named in change.added),
        removed=frozenset().union(*(change.removed for change in changes)),
        retagged=retagged,
        objects=objects,
        drops=any(change.drops for change in changes),
    )


def encode_root(root: Root) -> bytes:
    """Return the root's blob, or raise StateTooLargeError."""
    if len(root.snapshots) <= SNAPSHOTS_MAX:
        encoded = _ROOT.encode(root)
        if len(encoded) <= BLOB_BYTES_MAX:
            return encoded
    raise StateTooLargeError(
        f"{len(root.snapshots)} snapshots are too many; forget some and prune"
    )


def decode_root(blob: bytes, chunk: ChunkId) -> Root:
    """Return the root held by `chunk`, or raise DecodingError."""
    root = _ROOT.decode(blob)
    segments = tuple(
        replace(segment, chunk=chunk) if segment.chunk == SAME_CHUNK else segment
        for segment in root.segments
    )
    return replace(root, segments=segments)


def change_root(
    root: Root,
    change: RootChange,
    segments: Sequence[SegmentReference],
    objects: Sequence[ObjectPage],
) -> Root:
    """Return the next root, with these segments and object pages in place.

    Raises HistoryConflictError if chunks were dropped since the change's base, or if
    the change drops chunks and anything at all happened since its base.
    """
    check_base(root, change)
    generation = root.generation + 1
    known = {named.id for named in change.added} | change.removed
    kept = [named for named in root.snapshots if named.id not in known]
    retagged = [_retagged(named, change.retagged) for named in kept]
    snapshots = sorted(
        (*retagged, *change.added),
        key=lambda named: (named.snapshot.time_ns, named.id),
    )
    return Root(
        generation=generation,
        pruned=generation if change.drops else root.pruned,
        snapshots=tuple(snapshots),
        segments=tuple(segments),
        objects=tuple(objects),
    )


def check_base(root: Root, change: RootChange) -> None:
    """Raise HistoryConflictError unless `change` can still be made on `root`."""
    relied_on = root.generation if change.drops else root.pruned
    if relied_on > change.base_generation:
        raise HistoryConflictError(
            "another machine changed this repository meanwhile; run the command again"
        )


def merge_from(segments: Sequence[SegmentReference], packs: int) -> int:
    """Return how many of the oldest segments to leave when `packs` more are listed.

    The others are written again together with the new ones, so that their number
    stays logarithmic and each pack is listed anew a few times only.
    """
    keep = len(segments)
    while keep and segments[keep - 1].packs <= 2 * packs:
        keep -= 1
        packs += segments[keep].packs
    return keep


def newest_parent(
    root: Root, host: str, paths: Sequence[bytes]
) -> NamedSnapshot | None:
    """Return the newest snapshot of these paths on this host, or None."""
    wanted = sorted(paths)
    for named in reversed(root.snapshots):
        snapshot = named.snapshot
        if snapshot.host == host and sorted(snapshot.paths) == wanted:
            return named
    return None


def _retagged(
    named: NamedSnapshot, tags: Mapping[SnapshotId, tuple[str, ...]]
) -> NamedSnapshot:
    if named.id not in tags:
        return named
    return replace(named, snapshot=replace(named.snapshot, tags=tags[named.id]))
