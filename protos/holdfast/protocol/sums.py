"""Merkle-sum trees: every node commits to how many units lie below it.

A node is a hash and a sum (u64). A leaf's hash covers its data and its sum, a node's
hash both children's hashes and sums, so a root's hash alone commits to all sums below
it: the prover cannot choose which leaf holds a unit. Sums that leave u64 are refused.
The shape is that of RFC 9162; the keys are not those of the plain tree. The empty tree
has the root EMPTY_ROOT, whose sum is 0.
"""

import struct
from collections.abc import Sequence

from holdfast.protocol import shape
from holdfast.protocol.errors import ProofError, ProtocolError
from holdfast.protocol.frozen import frozen
from holdfast.protocol.merkle import HASH_BYTES, keyed_hasher

SUM_MAX = 2**64 - 1

_LEAF = keyed_hasher("holdfast 2026 sum leaf v1")
_NODE = keyed_hasher("holdfast 2026 sum node v1")

_pack_leaf_sum = struct.Struct(">Q").pack
_pack_children = struct.Struct(">32sQ32sQ").pack


class SumOverflowError(ProtocolError):
    """A sum in a Merkle-sum tree does not fit 64 bits without a sign."""


@frozen
class SumNode:
    """A 32-byte hash with the units that it commits to.

    Raises ProofError on a hash of another length, SumOverflowError beyond u64.
    """

    hash: bytes
    sum: int

    def __post_init__(self) -> None:
        if len(self.hash) != HASH_BYTES:
            raise ProofError(f"a hash of {len(self.hash)} bytes, not {HASH_BYTES}")
        if not 0 <= self.sum <= SUM_MAX:
            raise SumOverflowError(f"a sum of {self.sum}")


EMPTY_ROOT = SumNode(keyed_hasher("holdfast 2026 sum empty v1").digest(), 0)


def sum_leaf(data: bytes, sum: int) -> SumNode:  # noqa: A002 - the field's own name
    """Return the leaf that holds `sum` units and `data`; raises SumOverflowError."""
    if not 0 <= sum <= SUM_MAX:
        raise SumOverflowError(f"a sum of {sum}")
    return SumNode(_LEAF.copy().update(_pack_leaf_sum(sum) + data).digest(), sum)


def sum_node(left: SumNode, right: SumNode) -> SumNode:
    """Return the node over two children; raises SumOverflowError."""
    children = _pack_children(left.hash, left.sum, right.hash, right.sum)
    return SumNode(_NODE.copy().update(children).digest(), left.sum + right.sum)


def root_from_path(
    leaf: SumNode, index: int, count: int, path: Sequence[SumNode]
) -> tuple[SumNode, int]:
    """Return the root that `path` leads to, and the units before the leaf.

    Once the root is the trusted one, the leaf holds units [before, before + leaf.sum),
    whatever index and count the prover named: those only shape the path. Raises
    ProofError on a malformed proof, SumOverflowError.
    """
    root = shape.fold_path(leaf, index, count, path, sum_node)
    on_left = shape.sides(index, count, len(path))
    return root, sum(node.sum for node, left in zip(path, on_left, strict=True) if left)


class SumTree:
    """All levels of a Merkle-sum tree: paths and look-ups cost O(log n)."""

    __slots__ = ("_levels",)

    def __init__(self, leaves: Sequence[SumNode]) -> None:
        self._levels = shape.grow(leaves, sum_node)

    def __len__(self) -> int:
        return len(self._levels[0])

    @property
    def root(self) -> SumNode:
        """The root; that of no leaves is EMPTY_ROOT."""
        return self._levels[-1][0] if self._levels[-1] else EMPTY_ROOT

    def path(self, index: int) -> tuple[SumNode, ...]:
        """Return the siblings of leaf `index`, bottom up; raises ProofError."""
        return shape.siblings(self._levels, index, index + 1)

    def find(self, offset: int) -> tuple[int, int]:
        """Return the index of the leaf that holds unit `offset`, and the place in it.

        A leaf without units is never found. Raises ProofError beyond the last unit.
        """
        if not 0 <= offset < self.root.sum:
            raise ProofError(f"no unit {offset} among {self.root.sum}")
        index = 0
        for level in reversed(self._levels[:-1]):
            index *= 2
            if offset >= level[index].sum:
                offset -= level[index].sum
                index += 1
        return index, offset

    def before(self, index: int) -> int:
        """Return how many units the leaves before `index` hold; raises ProofError.

        `index` may be the number of leaves: then these are all units.
        """
        if not 0 <= index <= len(self):
            raise ProofError(f"no place {index} in a tree of {len(self)}")
        units = 0
        for level in self._levels:
            if index & 1:
                units += level[index - 1].sum
            index >>= 1
        return units

    def extended(self, more: Sequence[SumNode]) -> "SumTree":
        """Return the tree with `more` leaves at its end, hashing only what is new."""
        tree = SumTree(())
        leaves = [*self._levels[0], *more]
        tree._levels = shape.grow(leaves, sum_node, self._levels)
        return tree
