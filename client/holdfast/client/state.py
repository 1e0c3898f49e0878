"""The state of a repository in its chunks: the root, and the index's segments.

One chunk holds the root and, as a rule, the newest index segment; the memo says
which. Chunks of state are in no index.
"""

from collections.abc import Sequence
from typing import Final

from holdfast.client.blob_writer import BlobWriter
from holdfast.client.core.blobs import BlobId, BlobKind, blob_id
from holdfast.client.core.errors import BlobDamagedError
from holdfast.client.core.index import (
    SEGMENT_BYTES_TARGET,
    Index,
    PackRecord,
    decode_segment,
    encode_segments,
)
from holdfast.client.core.memo import MemoReference
from holdfast.client.core.owner_keys import OwnerKeys
from holdfast.client.core.pack import Pack, PackView, pack_blobs
from holdfast.client.core.ports import ChunkReader
from holdfast.client.core.read_twice import read_twice
from holdfast.client.core.root import (
    EMPTY_ROOT,
    SAME_CHUNK,
    Root,
    SegmentReference,
    decode_root,
    merge_from,
)
from holdfast.client.core.seal import unseal
from holdfast.protocol.frozen import frozen
from holdfast.protocol.units import ChunkId


@frozen
class State:
    """A root, the chunk it is in, and the packs that each of its segments lists."""

    root: Root
    chunk: ChunkId | None
    listed: tuple[tuple[PackRecord, ...], ...]

    @property
    def chunks(self) -> frozenset[ChunkId]:
        """The chunks that hold this state."""
        own = () if self.chunk is None else (self.chunk,)
        return frozenset((*own, *(segment.chunk for segment in self.root.segments)))


EMPTY_STATE: Final = State(EMPTY_ROOT, None, ())


def load_state(keys: OwnerKeys, reference: MemoReference, chunks: ChunkReader) -> State:
    """Read the state that a memo refers to.

    Raises ChunkUnavailableError, or ProtocolError if a chunk is not what it should be.
    """
    views = _Views(keys, chunks)
    root = decode_root(views.blob(reference.chunk, reference.root), reference.chunk)
    chunks.prefetch(list(dict.fromkeys(segment.chunk for segment in root.segments)))
    listed = tuple(
        decode_segment(views.blob(segment.chunk, segment.blob))
        for segment in root.segments
    )
    return State(root, reference.chunk, listed)


class _Views:
    def __init__(self, keys: OwnerKeys, chunks: ChunkReader) -> None:
        self._keys = keys
        self._chunks = chunks
        self._last: tuple[ChunkId, PackView] | None = None

    def blob(self, chunk: ChunkId, blob: BlobId) -> bytes:
        if self._last is not None and self._last[0] == chunk:
            return self._found(self._last[1], blob)

        def understood(ciphertext: bytes | memoryview) -> tuple[PackView, bytes]:
            view = PackView(unseal(self._keys.seal, ciphertext))
            return view, self._found(view, blob)

        view, data = read_twice(self._chunks, chunk, understood)
        self._last = (chunk, view)
        return data

    def _found(self, view: PackView, blob: BlobId) -> bytes:
        data = bytes(view.find(blob))
        if blob_id(self._keys.dedup, data) != blob:
            raise BlobDamagedError(f"blob {blob.hex()[:16]} is not what was stored")
        return data


@frozen
class SegmentPlan:
    """The next state's segments: some as they are, and packs to be listed anew."""

    kept: tuple[SegmentReference, ...]
    kept_lists: tuple[tuple[PackRecord, ...], ...]
    records: tuple[PackRecord, ...]


def plan_segments(state: State, index: Index) -> SegmentPlan:
    """Return how the next state lists exactly the packs of `index`."""
    known = {record.chunk for packs in state.listed for record in packs}
    fresh = [record for record in index.packs if record.chunk not in known]
    keep = merge_from(state.root.segments, len(fresh)) if fresh else len(state.listed)
    for place, packs in enumerate(state.listed):
        if any(index.pack(record.chunk) is None for record in packs):
            keep = min(keep, place)
    again = [
        record
        for packs in state.listed[keep:]
        for record in packs
        if index.pack(record.chunk) is not None
    ]
    return SegmentPlan(
        state.root.segments[:keep], state.listed[:keep], (*again, *fresh)
    )


@frozen
class Segments:
    """The next segments, the packs each lists, and blobs to go with the root."""

    references: tuple[SegmentReference, ...]
    listed: tuple[tuple[PackRecord, ...], ...]
    beside: tuple[bytes, ...]


def write_segments(plan: SegmentPlan, keys: OwnerKeys, blobs: BlobWriter) -> Segments:
    """Store the segments to be listed anew, but for a lone small one.

    That one travels in the root's chunk.
    """
    references, lists = list(plan.kept), list(plan.kept_lists)
    encoded = list(encode_segments(plan.records))
    beside = encoded if sum(map(len, encoded)) <= SEGMENT_BYTES_TARGET else []
    places = _store([] if beside else encoded, keys, blobs)
    for segment in encoded:
        blob = blob_id(keys.dedup, segment)
        packs = decode_segment(segment)
        chunk = places.get(blob, SAME_CHUNK)
        references.append(SegmentReference(chunk, blob, len(packs)))
        lists.append(packs)
    return Segments(tuple(references), tuple(lists), tuple(beside))


def write_root(
    encoded: bytes, beside: Sequence[bytes], keys: OwnerKeys, blobs: BlobWriter
) -> tuple[ChunkId, BlobId]:
    """Store the root with the segments that travel in its chunk."""
    packs = _packed([*beside, encoded], keys)
    # SEGMENT_BYTES_TARGET and one blob fit a pack, whatever they compress to.
    assert len(packs) == 1
    return blobs.store_state(packs[0]).chunk, blob_id(keys.dedup, encoded)


def _store(
    segments: Sequence[bytes], keys: OwnerKeys, blobs: BlobWriter
) -> dict[BlobId, ChunkId]:
    places: dict[BlobId, ChunkId] = {}
    for pack in _packed(segments, keys):
        record = blobs.store_state(pack)
        places.update((record.blob(row), record.chunk) for row in range(record.count))
    return places


def _packed(segments: Sequence[bytes], keys: OwnerKeys) -> list[Pack]:
    named = ((blob_id(keys.dedup, segment), segment) for segment in segments)
    return pack_blobs(BlobKind.STATE, named)
