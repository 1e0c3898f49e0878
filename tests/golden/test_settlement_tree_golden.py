"""The settlement tree's bytes never change: settlement_tree.json is only read.

It was made by a program that shares no code with Holdfast: the recursive definitions
of RFC 9162, checked against the reference tests of Certificate Transparency.
"""

import json
from pathlib import Path
from typing import Any

from holdfast.protocol.settlement_tree import SettlementTree, root_from_path

VECTORS: dict[str, Any] = json.loads(
    Path(__file__).with_name("settlement_tree.json").read_text()
)


def decimal_leaves(count: int) -> list[bytes]:
    return [str(number).encode() for number in range(count)]


def test_roots_are_those_of_certificate_transparency() -> None:
    vectors = VECTORS["certificate_transparency"]
    leaves = [bytes.fromhex(leaf) for leaf in vectors["leaves"]]
    for count, root in enumerate(vectors["roots"]):
        assert SettlementTree(leaves[:count]).root.hex() == root


def test_roots_are_as_written() -> None:
    for vector in VECTORS["roots"]:
        leaves = decimal_leaves(vector["count"])
        assert SettlementTree(leaves).root.hex() == vector["root"]


def test_paths_are_as_written() -> None:
    for vector in VECTORS["paths"]:
        index, count = vector["index"], vector["count"]
        leaves = decimal_leaves(count)
        tree = SettlementTree(leaves)
        path = [bytes.fromhex(sibling) for sibling in vector["path"]]
        assert tree.path(index) == tuple(path)
        assert root_from_path(leaves[index], index, count, path) == tree.root
