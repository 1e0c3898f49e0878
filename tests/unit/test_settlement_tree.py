import hashlib
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.protocol.errors import ProofError
from holdfast.protocol.settlement_tree import SettlementTree, root_from_path

COUNT_MAX = 70


def numbered_leaves(count: int) -> list[bytes]:
    return [f"leaf {number}".encode() for number in range(count)]


def rfc_root(leaves: Sequence[bytes]) -> bytes:
    """RFC 9162, section 2.1.1, word for word."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\x00" + leaves[0]).digest()
    split = 1 << (len(leaves) - 1).bit_length() - 1
    left, right = rfc_root(leaves[:split]), rfc_root(leaves[split:])
    return hashlib.sha256(b"\x01" + left + right).digest()


@given(st.lists(st.binary(max_size=80), max_size=COUNT_MAX))
def test_the_root_is_that_of_the_rfc(leaves: list[bytes]) -> None:
    tree = SettlementTree(leaves)
    assert tree.root == rfc_root(leaves)
    assert len(tree) == len(leaves)


@pytest.mark.parametrize("count", range(1, COUNT_MAX))
def test_every_leaf_of_every_size_is_proven(count: int) -> None:
    leaves = numbered_leaves(count)
    tree = SettlementTree(leaves)
    for index, leaf in enumerate(leaves):
        path = tree.path(index)
        assert root_from_path(leaf, index, count, path) == tree.root


@given(st.data())
def test_no_other_leaf_index_or_path_leads_to_the_root(data: st.DataObject) -> None:
    count = data.draw(st.integers(2, COUNT_MAX))
    index = data.draw(st.integers(0, count - 1))
    leaves = numbered_leaves(count)
    tree = SettlementTree(leaves)
    path = tree.path(index)
    other = data.draw(st.integers(0, count - 1).filter(lambda place: place != index))
    step = data.draw(st.integers(0, len(path) - 1))
    changed = [*path[:step], hashlib.sha256(path[step]).digest(), *path[step + 1 :]]
    assert root_from_path(leaves[other], index, count, path) != tree.root
    assert root_from_path(leaves[index], index, count, changed) != tree.root
    if len(tree.path(other)) == len(path):
        assert root_from_path(leaves[index], other, count, path) != tree.root


def test_a_node_does_not_pass_for_a_leaf() -> None:
    leaves = numbered_leaves(4)
    tree = SettlementTree(leaves)
    left, right = tree.path(2)[1], tree.path(0)[1]
    assert root_from_path(left + right, 0, 1, ()) != tree.root


@pytest.mark.parametrize("count", [1, 2, 5, 8, 33])
def test_a_path_of_the_wrong_length_is_refused(count: int) -> None:
    leaves = numbered_leaves(count)
    path = SettlementTree(leaves).path(0)
    for wrong in (path[:-1], (*path, bytes(32))):
        if len(wrong) != len(path):
            with pytest.raises(ProofError):
                root_from_path(leaves[0], 0, count, wrong)


@pytest.mark.parametrize("length", [0, 31, 33, 64])
def test_a_sibling_of_the_wrong_length_is_refused(length: int) -> None:
    with pytest.raises(ProofError):
        root_from_path(b"leaf", 0, 2, [bytes(length)])


@pytest.mark.parametrize(("index", "count"), [(-1, 2), (2, 2), (0, 0), (0, -1)])
def test_an_impossible_place_is_refused(index: int, count: int) -> None:
    with pytest.raises(ProofError):
        root_from_path(b"leaf", index, count, [bytes(32)])
    with pytest.raises(ProofError):
        SettlementTree(numbered_leaves(max(count, 0))).path(index)
