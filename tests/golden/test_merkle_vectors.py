"""The trees' bytes never change: merkle.json and sums.json are read, never written.

They were made by a program that shares no code with Holdfast: the recursive
definitions of RFC 9162 over BLAKE3.
"""

import json
from pathlib import Path
from typing import Any

from blake3 import blake3

from holdfast.protocol import merkle, sums
from holdfast.protocol.sums import SumNode, SumTree, sum_leaf


def vectors(name: str) -> Any:
    return json.loads((Path(__file__).parent / name).read_text())


def node(value: dict[str, Any]) -> SumNode:
    return SumNode(bytes.fromhex(value["hash"]), value["sum"])


def hashes(values: list[str]) -> tuple[bytes, ...]:
    return tuple(bytes.fromhex(value) for value in values)


MERKLE = vectors("merkle.json")
SUMS = vectors("sums.json")
LEAVES = [merkle.leaf_hash(bytes([place])) for place in range(20)]
SUM_LEAVES = [sum_leaf(bytes([n]), units) for n, units in enumerate(SUMS["units"])]


def test_single_hashes_are_as_written() -> None:
    assert merkle.EMPTY_ROOT.hex() == MERKLE["empty_root"]
    assert merkle.leaf_hash(b"").hex() == MERKLE["leaf_of_empty"]
    assert LEAVES[0].hex() == MERKLE["leaf_of_0"]
    pair = merkle.node_hash(LEAVES[0], LEAVES[1])
    assert pair.hex() == MERKLE["node_of_leaves_0_1"]


def test_the_keys_are_as_written() -> None:
    leaf = blake3(b"data", key=bytes.fromhex(MERKLE["leaf_key"]))
    node_ = blake3(b"ab", key=bytes.fromhex(MERKLE["node_key"]))
    assert merkle.leaf_hash(b"data") == leaf.digest()
    assert merkle.node_hash(b"a", b"b") == node_.digest()


def test_data_roots_are_as_written() -> None:
    for vector in MERKLE["data_roots"]:
        data = bytes(range(251)) * (vector["length"] // 251 + 1)
        root = merkle.data_root(memoryview(data)[: vector["length"]])
        assert root.hex() == vector["root"]


def test_roots_are_as_written() -> None:
    for vector in MERKLE["roots"]:
        assert merkle.root(LEAVES[: vector["count"]]).hex() == vector["root"]


def test_paths_are_as_written() -> None:
    for vector in MERKLE["paths"]:
        index, count, path = vector["index"], vector["count"], hashes(vector["path"])
        leaves = LEAVES[:count]
        assert merkle.path(leaves, index) == path
        root = merkle.root_from_path(leaves[index], index, count, path)
        assert root == merkle.root(leaves)


def test_range_paths_are_as_written() -> None:
    for vector in MERKLE["ranges"]:
        first, end, count = vector["first"], vector["end"], vector["count"]
        leaves, path = LEAVES[:count], hashes(vector["path"])
        assert merkle.range_path(leaves, first, end) == path
        root = merkle.root_from_range(leaves[first:end], first, count, path)
        assert root == merkle.root(leaves)


def test_single_sum_nodes_are_as_written() -> None:
    assert node(SUMS["empty_root"]) == sums.EMPTY_ROOT
    assert sum_leaf(b"", 0) == node(SUMS["leaf_of_empty_0"])
    pair = sums.sum_node(SUM_LEAVES[0], SUM_LEAVES[1])
    assert pair == node(SUMS["node_of_leaves_0_1"])


def test_sum_roots_are_as_written() -> None:
    for vector in SUMS["roots"]:
        assert SumTree(SUM_LEAVES[: vector["count"]]).root == node(vector["root"])


def test_sum_paths_are_as_written() -> None:
    for vector in SUMS["paths"]:
        index, count = vector["index"], vector["count"]
        tree, path = SumTree(SUM_LEAVES[:count]), tuple(map(node, vector["path"]))
        assert tree.path(index) == path
        found = sums.root_from_path(SUM_LEAVES[index], index, count, path)
        assert found == (tree.root, vector["before"])


def test_units_are_found_where_they_were() -> None:
    tree = SumTree(SUM_LEAVES)
    for vector in SUMS["found"]:
        assert tree.find(vector["offset"]) == (vector["index"], vector["rest"])


def test_the_largest_sum_is_as_written() -> None:
    units = SUMS["largest"]["units"]
    tree = SumTree([sum_leaf(bytes([place]), n) for place, n in enumerate(units)])
    assert tree.root == node(SUMS["largest"]["root"])
