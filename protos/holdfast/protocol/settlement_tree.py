"""The Merkle tree of settlements: RFC 9162 over SHA-256, bare and unkeyed.

Contracts check its paths, so it uses what the EVM has a precompile for; all other
trees are in `merkle`. A leaf is any byte string, hashed after a zero byte; a node is
hashed after a one byte. What the leaves say is the business of `settlement`.
"""

import hashlib
from collections.abc import Sequence
from typing import Final

from holdfast.protocol import shape
from holdfast.protocol.errors import ProofError

HASH_BYTES: Final = 32

EMPTY_ROOT: Final = hashlib.sha256(b"").digest()


def leaf_hash(leaf: bytes) -> bytes:
    """Return SHA-256(0x00 ‖ leaf)."""
    return hashlib.sha256(b"\x00" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return SHA-256(0x01 ‖ left ‖ right)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


class SettlementTree:
    """All levels of the tree over `leaves`: a path costs O(log n)."""

    __slots__ = ("_levels",)

    def __init__(self, leaves: Sequence[bytes]) -> None:
        self._levels = shape.grow([leaf_hash(leaf) for leaf in leaves], node_hash)

    def __len__(self) -> int:
        return len(self._levels[0])

    @property
    def root(self) -> bytes:
        """The root; that of no leaves is SHA-256 of nothing."""
        return self._levels[-1][0] if self._levels[-1] else EMPTY_ROOT

    def path(self, index: int) -> tuple[bytes, ...]:
        """Return the siblings of leaf `index`, bottom up; raises ProofError."""
        return shape.siblings(self._levels, index, index + 1)


def root_from_path(leaf: bytes, index: int, count: int, path: Sequence[bytes]) -> bytes:
    """Return the root that `path` leads to from leaf `index` of `count`.

    The caller compares it with a certified root, whose statement also has `count`.
    Raises ProofError on an impossible index, a path of the wrong length, or a sibling
    that is not 32 bytes long.
    """
    for sibling in path:
        if len(sibling) != HASH_BYTES:
            raise ProofError(f"a hash of {len(sibling)} bytes, not {HASH_BYTES}")
    return shape.fold_path(leaf_hash(leaf), index, count, path, node_hash)
