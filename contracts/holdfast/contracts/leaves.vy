# pragma version 0.4.3
# @license Apache-2.0
"""
@title  What the leaves of the newest settlement say about a deal
@notice How much it spent, which may be nothing when its leaf is absent, and that a
        vault took over one of its places.
"""

import merkle

struct Proof:
    party: uint8
    id: bytes32
    grains: uint64
    index: uint256
    path: DynArray[bytes32, merkle.PATH_MAX]

# "HF", kind 12, version 2: the encoding of a Replacement.
REPLACEMENT_PREFIX: constant(Bytes[4]) = x"48460c02"


@internal
@pure
def _spent(
    deal: bytes32, proofs: DynArray[Proof, 2], root: bytes32, count: uint256
) -> uint256:
    """
    Return what the deal spent; nothing, if its leaf is shown to be absent.
    """
    if len(proofs) == 0:
        assert count == 0, "absence not proved"
        return 0
    for proof: Proof in proofs:
        leads: bytes32 = merkle._root(
            proof.party, proof.id, proof.grains, proof.index, count, proof.path
        )
        assert leads == root, "proof refused"
    first: int256 = self._compare(proofs[0], deal)
    if len(proofs) == 1:
        if first == 0:
            return convert(proofs[0].grains, uint256)
        before: bool = first > 0 and proofs[0].index == 0
        behind: bool = first < 0 and proofs[0].index == count - 1
        assert before or behind, "absence not proved"
        return 0
    between: bool = first < 0 and self._compare(proofs[1], deal) > 0
    assert between, "absence not proved"
    assert proofs[1].index == proofs[0].index + 1, "absence not proved"
    return 0


@internal
@pure
def _replacement(
    deal: bytes32, index: uint256, lost: bytes32, vault: bytes32
) -> bytes32:
    """
    Return the id of the leaf that says that `vault` took over the place of `lost`.
    """
    place: bytes1 = convert(convert(index, uint8), bytes1)
    return sha256(concat(REPLACEMENT_PREFIX, deal, place, lost, vault))


@internal
@pure
def _compare(proof: Proof, deal: bytes32) -> int256:
    """
    Tell whether a leaf stands before (-1), at (0) or behind (1) the deal's place.
    """
    if proof.party != merkle.DEAL_LEAF:
        return -1 if proof.party < merkle.DEAL_LEAF else 1
    left: uint256 = convert(proof.id, uint256)
    right: uint256 = convert(deal, uint256)
    if left == right:
        return 0
    return -1 if left < right else 1
