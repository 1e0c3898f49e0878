# pragma version 0.4.3
# @license Apache-2.0
"""
@title  Proofs of totals: the tree of `holdfast.protocol.settlement_tree`
@notice RFC 9162 over SHA-256. A leaf says what a vault has earned or a deal spent, or
        names a replacement.
"""

PATH_MAX: constant(uint256) = 32
COUNT_MAX: constant(uint256) = 2**32 - 1
VAULT_LEAF: constant(uint8) = 1
DEAL_LEAF: constant(uint8) = 2
REPLACEMENT_LEAF: constant(uint8) = 3
# "HF", kind 10, version 1: the encoding of a Total.
TOTAL_PREFIX: constant(Bytes[4]) = x"48460a01"


@internal
@pure
def _root(
    party: uint8,
    id: bytes32,
    grains: uint64,
    index: uint256,
    count: uint256,
    path: DynArray[bytes32, PATH_MAX],
) -> bytes32:
    """
    Return the root that `path` leads to from leaf `index` of `count`; revert on an
    impossible index or a path of the wrong length.
    """
    assert index < count and count <= COUNT_MAX, "proof malformed"
    # Up to where the way parts from the last leaf's, every level has a sibling; above
    # that, our node is the last of its level and has only siblings on the left.
    inner: uint256 = self._bit_length(index ^ (count - 1))
    border: uint256 = self._bit_count(index >> inner)
    assert len(path) == inner + border, "proof malformed"

    node: bytes32 = sha256(
        concat(
            x"00",
            TOTAL_PREFIX,
            convert(party, bytes1),
            id,
            convert(grains, bytes8),
        )
    )
    step: uint256 = 0
    for sibling: bytes32 in path:
        if step >= inner or (index >> step) & 1 == 1:
            node = sha256(concat(x"01", sibling, node))
        else:
            node = sha256(concat(x"01", node, sibling))
        step += 1
    return node


@internal
@pure
def _bit_length(number: uint256) -> uint256:
    rest: uint256 = number
    for length: uint256 in range(33):
        if rest == 0:
            return length
        rest >>= 1
    raise "proof malformed"


@internal
@pure
def _bit_count(number: uint256) -> uint256:
    rest: uint256 = number
    for count: uint256 in range(33):
        if rest == 0:
            return count
        rest &= rest - 1
    raise "proof malformed"
