"""Merkle trees of BLAKE3 hashes, in the shape of RFC 9162.

Leaves and nodes are hashed under two different keys, so that neither passes for the
other. The empty list has the root EMPTY_ROOT, made under a third key. Data is cut
into leaves of LEAF_BYTES; only the last may be shorter, and empty data has no leaf.
Nothing here is secret: the keys only separate domains.
"""

from collections.abc import Sequence

from blake3 import blake3

from holdfast.protocol import shape
from holdfast.protocol.errors import ProofError

HASH_BYTES = 32
LEAF_BYTES = 16384

BytesLike = bytes | bytearray | memoryview


def keyed_hasher(context: str) -> blake3:
    """Return a hasher keyed with what BLAKE3 derives from `context` and no material.

    Copy it before an update: a copy costs less than keying again.
    """
    return blake3(key=blake3(b"", derive_key_context=context).digest())


_LEAF = keyed_hasher("holdfast 2026 merkle leaf v1")
_NODE = keyed_hasher("holdfast 2026 merkle node v1")

EMPTY_ROOT = keyed_hasher("holdfast 2026 merkle empty v1").digest()


def leaf_hash(data: BytesLike) -> bytes:
    """Return the hash of one leaf, of any length."""
    return _LEAF.copy().update(data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of a node over its two children's 32-byte hashes."""
    return _NODE.copy().update(left + right).digest()


def leaf_count(length: int) -> int:
    """Return how many leaves `length` bytes are cut into."""
    return -(-length // LEAF_BYTES)


def leaf_hashes(data: BytesLike) -> list[bytes]:
    """Return the hashes of the leaves that contiguous `data` is cut into."""
    view, hasher, hashes = memoryview(data).cast("B"), _LEAF.copy(), []
    for start in range(0, len(view), LEAF_BYTES):
        hashes.append(hasher.update(view[start : start + LEAF_BYTES]).digest())
        hasher.reset()  # a tenth cheaper than a copy for each leaf
    return hashes


def data_root(data: BytesLike) -> bytes:
    """Return the root over the leaves of `data`."""
    return root(leaf_hashes(data))


def root(hashes: Sequence[bytes]) -> bytes:
    """Return the root over leaf hashes; that of none is EMPTY_ROOT."""
    level, hasher = list(hashes), _NODE.copy()
    while len(level) > 1:
        above = []
        for at in range(0, len(level) - 1, 2):
            above.append(hasher.update(level[at]).update(level[at + 1]).digest())
            hasher.reset()
        level = above + level[len(level) & ~1 :]
    return level[0] if level else EMPTY_ROOT


def path(hashes: Sequence[bytes], index: int) -> tuple[bytes, ...]:
    """Return the siblings of leaf `index`, bottom up; raises ProofError.

    For several paths of one list, build a Tree once.
    """
    return Tree(hashes).path(index)


def range_path(hashes: Sequence[bytes], first: int, end: int) -> tuple[bytes, ...]:
    """Return what proves leaves [first, end), as `Tree.range_path` does."""
    return Tree(hashes).range_path(first, end)


def root_from_path(leaf: bytes, index: int, count: int, path: Sequence[bytes]) -> bytes:
    """Return the root that `path` leads to from the hash of leaf `index` of `count`.

    The caller compares it with a root it trusts, and has `count` from elsewhere: not
    every wrong count changes the root. Raises ProofError on a malformed proof.
    """
    _check_hashes((leaf, *path))
    return shape.fold_path(leaf, index, count, path, node_hash)


def root_from_range(
    hashes: Sequence[bytes], first: int, count: int, path: Sequence[bytes]
) -> bytes:
    """Return the root that `path` leads to from leaf hashes that start at `first`.

    As for `root_from_path`. An empty range proves nothing and is refused.
    """
    _check_hashes((*hashes, *path))
    return shape.fold_range(hashes, first, count, path, node_hash)


class Tree:
    """All levels of a tree over leaf hashes: paths cost O(log n)."""

    __slots__ = ("_levels",)

    def __init__(self, hashes: Sequence[bytes]) -> None:
        self._levels = shape.grow(hashes, node_hash)

    def __len__(self) -> int:
        return len(self._levels[0])

    @property
    def root(self) -> bytes:
        """The root; that of no leaves is EMPTY_ROOT."""
        return self._levels[-1][0] if self._levels[-1] else EMPTY_ROOT

    def path(self, index: int) -> tuple[bytes, ...]:
        """Return the siblings of leaf `index`, bottom up; raises ProofError."""
        return shape.siblings(self._levels, index, index + 1)

    def range_path(self, first: int, end: int) -> tuple[bytes, ...]:
        """Return the siblings of leaves [first, end), bottom up, left before right.

        Raises ProofError when the range is empty or beyond the list.
        """
        return shape.siblings(self._levels, first, end)

    def extended(self, more: Sequence[bytes]) -> "Tree":
        """Return the tree with `more` leaves at its end, hashing only what is new."""
        tree = Tree(())
        leaves = [*self._levels[0], *more]
        tree._levels = shape.grow(leaves, node_hash, self._levels)
        return tree


def _check_hashes(hashes: Sequence[bytes]) -> None:
    for hash_ in hashes:
        if len(hash_) != HASH_BYTES:
            raise ProofError(f"a hash of {len(hash_)} bytes, not {HASH_BYTES}")
