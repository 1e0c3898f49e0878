"""Manifests: the chunks of a deal, and the signed heads that name their state.

A manifest is an ordered list; its Merkle-sum tree sums shard bytes per holder,
which are the same for all holders. A head commits to one manifest, names its
predecessor and carries a memo that only the owner can read.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from holdfast.protocol.chunk import ChunkHeader
from holdfast.protocol.encoding import BYTES32, U32, U64, Format, fixed, sequence
from holdfast.protocol.errors import ProtocolError
from holdfast.protocol.frozen import frozen
from holdfast.protocol.signing import Signed, SignedFormat
from holdfast.protocol.sums import SumNode, SumTree, sum_leaf
from holdfast.protocol.units import MEMO_BYTES, ChunkId, DealId, Digest

CHUNKS_MAX: Final = 1 << 24
CHANGES_MAX: Final = 1 << 17
NO_HEAD: Final = Digest(bytes(32))
KEPT_CAPACITIES: Final = 2
"""A holder keeps so much of a deal at most, with what was deleted until an audit."""


class ManifestError(ProtocolError):
    """A change does not fit the manifest that it changes."""


@frozen
class ManifestEntry:
    """One chunk of a deal; `length` is its ciphertext bytes."""

    chunk: ChunkId
    length: int


MANIFEST_ENTRY = Format(ManifestEntry, kind=22, version=1, chunk=BYTES32, length=U32)


def entry_leaf(entry: ManifestEntry, k: int, n: int) -> SumNode:
    """Return the manifest leaf of an entry: it sums the bytes of one shard."""
    header = ChunkHeader(k, n, entry.length)
    return sum_leaf(MANIFEST_ENTRY.encode(entry), header.shard_bytes)


@dataclass(frozen=True)
class Manifest:
    """The chunks of a k-of-n deal, in order."""

    k: int
    n: int
    entries: tuple[ManifestEntry, ...] = ()

    @cached_property
    def tree(self) -> SumTree:
        """The Merkle-sum tree over the entries."""
        return SumTree([entry_leaf(entry, self.k, self.n) for entry in self.entries])

    @property
    def root(self) -> Digest:
        """The hash of the tree's root."""
        return Digest(self.tree.root.hash)

    @property
    def held_bytes(self) -> int:
        """Shard bytes that each holder keeps."""
        return self.tree.root.sum

    @cached_property
    def positions(self) -> dict[ChunkId, int]:
        """Where each chunk stands."""
        return {entry.chunk: place for place, entry in enumerate(self.entries)}

    def changed(self, change: "ManifestChange") -> "Manifest":
        """Return the manifest after a change, or raise ManifestError.

        One that only appends hashes only what it appends.
        """
        if not change.removed:
            return self._appended(change.added)
        removed = set(change.removed)
        if max(removed) >= len(self.entries):
            raise ManifestError("a removed position is beyond the manifest")
        kept = (e for i, e in enumerate(self.entries) if i not in removed)
        manifest = Manifest(self.k, self.n, (*kept, *change.added))
        return manifest._checked()

    def _appended(self, added: "tuple[ManifestEntry, ...]") -> "Manifest":
        """Return the manifest with more entries; little depends on how many it has."""
        manifest = Manifest(self.k, self.n, (*self.entries, *added))
        first = len(self.entries)
        places = {entry.chunk: place for place, entry in enumerate(added, first)}
        manifest.__dict__["positions"] = self.positions | places
        if "tree" in self.__dict__:
            leaves = [entry_leaf(entry, self.k, self.n) for entry in added]
            manifest.__dict__["tree"] = self.tree.extended(leaves)
        return manifest._checked()

    def _checked(self) -> "Manifest":
        count = len(self.entries)
        if count > CHUNKS_MAX or len(self.positions) != count:
            raise ManifestError("a chunk stands twice, or there are too many")
        return self


@frozen
class ManifestChange:
    """What a new head changes: positions removed from the base, entries appended."""

    removed: tuple[int, ...] = ()
    added: tuple[ManifestEntry, ...] = ()


MANIFEST_CHANGE = Format(
    ManifestChange,
    kind=23,
    version=1,
    removed=sequence(U32, CHANGES_MAX),
    added=sequence(MANIFEST_ENTRY.bare(), CHANGES_MAX),
)


@frozen
class Head:
    """The state of a deal that its key signs; the first has sequence 1.

    `held_bytes` is what each holder keeps; `memo` is 256 bytes for the owner alone.
    """

    deal: DealId
    sequence: int
    predecessor: Digest
    root: Digest
    count: int
    held_bytes: int
    memo: bytes

    def digest(self) -> Digest:
        """Return the hash by which receipts and successors name this head."""
        return Digest(hashlib.sha256(HEAD.format.encode(self)).digest())


HEAD = SignedFormat(
    Format(
        Head,
        kind=24,
        version=1,
        deal=BYTES32,
        sequence=U64,
        predecessor=BYTES32,
        root=BYTES32,
        count=U32,
        held_bytes=U64,
        memo=fixed(MEMO_BYTES),
    )
)
SignedHead = Signed[Head]


def next_head(
    deal: DealId, before: Head | None, manifest: Manifest, memo: bytes
) -> Head:
    """Return the head that follows `before` (None for the first)."""
    return Head(
        deal,
        before.sequence + 1 if before else 1,
        before.digest() if before else NO_HEAD,
        manifest.root,
        len(manifest.entries),
        manifest.held_bytes,
        memo,
    )


def spans_of(
    manifest: Manifest, chunks: Sequence[ChunkId]
) -> tuple[tuple[int, int], ...]:
    """Return the merged (first byte, byte count) spans of chunks in the byte space."""
    spans: list[tuple[int, int]] = []
    for place in sorted(manifest.positions[chunk] for chunk in chunks):
        first = manifest.tree.before(place)
        header = ChunkHeader(manifest.k, manifest.n, manifest.entries[place].length)
        count = header.shard_bytes
        if spans and sum(spans[-1]) == first:
            spans[-1] = (spans[-1][0], spans[-1][1] + count)
        else:
            spans.append((first, count))
    return tuple(spans)
