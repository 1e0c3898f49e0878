"""The shape of a Merkle tree after RFC 9162, whatever its nodes hold.

A list of n > 1 leaves splits at the largest power of two below n. Built from the
bottom this means: join neighbours in pairs, and lift an odd last node unchanged.
Levels are kept bottom first, so a path costs one look-up per level.

The shape knows no hashes and no empty tree. It also cannot tell counts apart that
give a path the same shape (leaf 0 of 3, leaf 0 of 4): a verifier must take the count
from something that is itself committed to, never from the prover alone.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from holdfast.protocol.errors import ProofError

Node = TypeVar("Node")
Join = Callable[[Node, Node], Node]


def grow(
    leaves: Sequence[Node], join: Join[Node], base: Sequence[Sequence[Node]] = ()
) -> list[list[Node]]:
    """Return all levels over `leaves`, bottom first; the last has at most one node.

    `base` holds the levels of a prefix of `leaves`, whose complete subtrees are reused.
    """
    levels = [list(leaves)]
    kept = len(base[0]) if base else 0
    while len(below := levels[-1]) > 1:
        kept >>= 1
        above = list(base[len(levels)][:kept]) if kept else []
        above += map(join, below[2 * kept :: 2], below[2 * kept + 1 :: 2])
        if len(below) & 1:
            above.append(below[-1])
        levels.append(above)
    return levels


def siblings(
    levels: Sequence[Sequence[Node]], first: int, end: int
) -> tuple[Node, ...]:
    """Return the nodes that, with leaves [first, end), give the root.

    They go bottom up, and on one level left before right. Raises ProofError.
    """
    _check_range(first, end, len(levels[0]))
    path: list[Node] = []
    for level in levels:
        if first & 1:
            path.append(level[first - 1])
        if end & 1 and end < len(level):
            path.append(level[end])
        first, end = first >> 1, (end + 1) >> 1
    return tuple(path)


def fold_path(
    leaf: Node, index: int, count: int, path: Sequence[Node], join: Join[Node]
) -> Node:
    """Return the root that `path` leads to from leaf `index` of `count`.

    Raises ProofError on an impossible index or a path of the wrong length.
    """
    node = leaf
    for sibling, is_left in zip(path, sides(index, count, len(path)), strict=True):
        node = join(sibling, node) if is_left else join(node, sibling)
    return node


def fold_range(
    leaves: Sequence[Node],
    first: int,
    count: int,
    path: Sequence[Node],
    join: Join[Node],
) -> Node:
    """Return the root that `path` leads to from the leaves that start at `first`.

    Raises ProofError on an impossible range or a path of the wrong length.
    """
    nodes, end, width = list(leaves), first + len(leaves), count
    _check_range(first, end, width)
    rest = iter(path)
    while width > 1:
        if first & 1:
            nodes.insert(0, _next_sibling(rest))
        if end & 1 and end < width:
            nodes.append(_next_sibling(rest))
        odd = nodes[-1:] if len(nodes) & 1 else []
        nodes = [*map(join, nodes[::2], nodes[1::2]), *odd]
        first, end, width = first >> 1, (end + 1) >> 1, (width + 1) >> 1
    if next(rest, None) is not None:
        raise ProofError("the path is longer than the range and the count allow")
    return nodes[0]


def sides(index: int, count: int, length: int) -> list[bool]:
    """Say for each step up from leaf `index` whether the sibling is on the left.

    Raises ProofError on an impossible index, or when a path has not `length` steps.
    """
    _check_range(index, index + 1, count)
    # Up to where the way parts from the last leaf's, every level has a sibling; above
    # that, our node is the last of its level and has only siblings on the left.
    inner = (index ^ (count - 1)).bit_length()
    border = (index >> inner).bit_count()
    if length != inner + border:
        raise ProofError(f"a path of {length} steps, not {inner + border}")
    return [bool(index >> step & 1) for step in range(inner)] + [True] * border


def _next_sibling(rest: Iterator[Node]) -> Node:
    for sibling in rest:
        return sibling
    raise ProofError("the path is shorter than the range and the count demand")


def _check_range(first: int, end: int, count: int) -> None:
    if not 0 <= first < end <= count:
        raise ProofError(f"no leaves [{first}, {end}) in a tree of {count}")
