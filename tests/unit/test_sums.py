from collections.abc import Sequence

import pytest
from blake3 import blake3
from hypothesis import given
from hypothesis import strategies as st

from holdfast.protocol import merkle, sums
from holdfast.protocol.errors import ProofError, ProtocolError
from holdfast.protocol.sums import SumNode, SumOverflowError, SumTree, sum_leaf

U64_MAX = 2**64 - 1


def key(context: str) -> bytes:
    return blake3(b"", derive_key_context=context).digest()


LEAF_KEY = key("holdfast 2026 sum leaf v1")
NODE_KEY = key("holdfast 2026 sum node v1")
EMPTY_KEY = key("holdfast 2026 sum empty v1")


def naive_root(leaves: Sequence[SumNode]) -> SumNode:
    """RFC 9162, section 2.1.1, with sums."""
    if not leaves:
        return SumNode(blake3(b"", key=EMPTY_KEY).digest(), 0)
    if len(leaves) == 1:
        return leaves[0]
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    left, right = naive_root(leaves[:k]), naive_root(leaves[k:])
    children = b"".join(node.hash + node.sum.to_bytes(8) for node in (left, right))
    return SumNode(blake3(children, key=NODE_KEY).digest(), left.sum + right.sum)


def leaves_of(units: Sequence[int]) -> list[SumNode]:
    """Return distinct leaves with the given sums."""
    return [sum_leaf(place.to_bytes(4), unit) for place, unit in enumerate(units)]


def outcome(
    leaf: SumNode, index: int, count: int, path: Sequence[SumNode]
) -> tuple[SumNode, int] | None:
    try:
        return sums.root_from_path(leaf, index, count, path)
    except ProtocolError:
        return None


def root_hash(
    leaf: SumNode, index: int, count: int, path: Sequence[SumNode]
) -> bytes | None:
    found = outcome(leaf, index, count, path)
    return found[0].hash if found else None


def with_flipped_bit(node: SumNode, bit: int) -> SumNode:
    """Return node with one of its 256 hash bits and 64 sum bits turned."""
    turned = int.from_bytes(node.hash + node.sum.to_bytes(8)) ^ 1 << bit
    encoded = turned.to_bytes(40)
    return SumNode(encoded[:32], int.from_bytes(encoded[32:]))


unit_lists = st.lists(
    st.one_of(st.integers(0, 3), st.integers(0, 2**40)), min_size=1, max_size=40
)
bits = st.integers(0, 319)


@st.composite
def placed(draw: st.DrawFn) -> tuple[list[int], int]:
    """A list of sums and an index into it."""
    units = draw(unit_lists)
    return units, draw(st.integers(0, len(units) - 1))


def test_a_leaf_covers_its_sum_and_its_data() -> None:
    encoded = (7).to_bytes(8) + b"data"
    assert sum_leaf(b"data", 7) == SumNode(blake3(encoded, key=LEAF_KEY).digest(), 7)
    hashes = {sum_leaf(data, n).hash for data in (b"", b"a") for n in (0, 1, 256)}
    assert len(hashes) == 6


def test_the_empty_tree_has_a_root_without_units() -> None:
    assert SumTree([]).root == sums.EMPTY_ROOT == naive_root([])
    assert sums.EMPTY_ROOT.sum == 0
    assert sums.EMPTY_ROOT.hash != merkle.EMPTY_ROOT


@given(st.lists(st.integers(0, 2**40), max_size=70))
def test_roots_are_those_of_the_definition(units: list[int]) -> None:
    leaves = leaves_of(units)
    assert SumTree(leaves).root == naive_root(leaves)
    assert SumTree(leaves).root.sum == sum(units)


@pytest.mark.parametrize("count", [*range(1, 20), 31, 32, 33])
def test_every_path_gives_the_root_and_the_units_before(count: int) -> None:
    units = [index * 7919 % 13 for index in range(count)]
    tree = SumTree(leaves := leaves_of(units))
    for index in range(count):
        found = sums.root_from_path(leaves[index], index, count, tree.path(index))
        assert found == (tree.root, sum(units[:index]))


@given(unit_lists)
def test_before_counts_the_units_of_the_leaves_before(units: list[int]) -> None:
    tree = SumTree(leaves_of(units))
    for index in range(len(units) + 1):
        assert tree.before(index) == sum(units[:index])


@given(unit_lists, st.data())
def test_find_returns_the_leaf_that_holds_the_unit(
    units: list[int], data: st.DataObject
) -> None:
    tree = SumTree(leaves_of(units))
    if tree.root.sum:
        offset = data.draw(st.integers(0, tree.root.sum - 1))
        index, rest = tree.find(offset)
        assert tree.before(index) + rest == offset
        assert 0 <= rest < units[index]


def test_find_visits_every_unit_and_no_leaf_without_units() -> None:
    units = [0, 0, 2, 0, 1, 3, 0, 0, 1, 0, 0]
    tree = SumTree(leaves_of(units))
    held = [(index, rest) for index, n in enumerate(units) for rest in range(n)]
    assert [tree.find(offset) for offset in range(sum(units))] == held


@pytest.mark.parametrize("units", [[], [0], [0, 0, 0], [3], [1, 2]])
def test_units_outside_the_tree_are_not_found(units: list[int]) -> None:
    tree = SumTree(leaves_of(units))
    for offset in (-1, sum(units), sum(units) + 1):
        with pytest.raises(ProofError):
            tree.find(offset)


@pytest.mark.parametrize("index", [-1, 3, 4])
def test_leaves_outside_the_tree_have_no_path(index: int) -> None:
    tree = SumTree(leaves := leaves_of([1, 2, 3]))
    with pytest.raises(ProofError):
        tree.path(index)
    with pytest.raises(ProofError):
        sums.root_from_path(leaves[0], index, 3, tree.path(0))


@pytest.mark.parametrize("index", [-1, 4])
def test_places_outside_the_tree_have_nothing_before_them(index: int) -> None:
    with pytest.raises(ProofError):
        SumTree(leaves_of([1, 2, 3])).before(index)


@given(placed(), bits)
def test_an_altered_leaf_or_sum_fails(place: tuple[list[int], int], bit: int) -> None:
    units, index = place
    tree = SumTree(leaves := leaves_of(units))
    wrong = with_flipped_bit(leaves[index], bit)
    found = outcome(wrong, index, len(units), tree.path(index))
    assert found is None or found[0] != tree.root


@given(placed(), bits, st.data())
def test_an_altered_path_fails_by_its_hash_alone(
    place: tuple[list[int], int], bit: int, data: st.DataObject
) -> None:
    units, index = place
    tree = SumTree(leaves := leaves_of(units))
    path = list(tree.path(index))
    if path:
        step = data.draw(st.integers(0, len(path) - 1))
        path[step] = with_flipped_bit(path[step], bit)
        found = root_hash(leaves[index], index, len(units), path)
        assert found != tree.root.hash


@given(placed())
def test_units_moved_between_siblings_are_noticed(place: tuple[list[int], int]) -> None:
    units, index = place
    tree = SumTree(leaves := leaves_of(units))
    path = list(tree.path(index))
    if path and path[0].sum:
        lied = SumNode(leaves[index].hash, leaves[index].sum + 1)
        path[0] = SumNode(path[0].hash, path[0].sum - 1)
        assert root_hash(lied, index, len(units), path) != tree.root.hash


@given(placed())
def test_an_altered_index_fails(place: tuple[list[int], int]) -> None:
    units, index = place
    tree = SumTree(leaves := leaves_of(units))
    path = tree.path(index)
    fitting = [
        other
        for other in range(-2, len(units) + 2)
        if root_hash(leaves[index], other, len(units), path) == tree.root.hash
    ]
    assert fitting == [index]


@given(placed())
def test_no_index_or_count_moves_the_units_of_a_leaf(
    place: tuple[list[int], int],
) -> None:
    units, index = place
    tree = SumTree(leaves := leaves_of(units))
    path = tree.path(index)
    for count in range(2 * len(units) + 2):
        for other in range(count):
            found = outcome(leaves[index], other, count, path)
            if found and found[0] == tree.root:
                assert found[1] == sum(units[:index])


@given(placed())
def test_a_path_too_short_or_too_long_fails(place: tuple[list[int], int]) -> None:
    units, index = place
    tree = SumTree(leaves := leaves_of(units))
    path = tree.path(index)
    with pytest.raises(ProofError):
        sums.root_from_path(leaves[index], index, len(units), (*path, leaves[0]))
    if path:
        with pytest.raises(ProofError):
            sums.root_from_path(leaves[index], index, len(units), path[:-1])


def test_sums_up_to_the_last_u64_are_kept() -> None:
    tree = SumTree(leaves := leaves_of([U64_MAX - 5, 0, 5]))
    assert tree.root.sum == U64_MAX
    assert tree.find(U64_MAX - 1) == (2, 4)
    found = sums.root_from_path(leaves[2], 2, 3, tree.path(2))
    assert found == (tree.root, U64_MAX - 5)


def test_an_overflow_is_refused_everywhere() -> None:
    one, most = leaves_of([1, U64_MAX])
    with pytest.raises(SumOverflowError):
        SumTree([one, most])
    with pytest.raises(SumOverflowError):
        SumTree([most]).extended([one])
    with pytest.raises(SumOverflowError):
        sums.root_from_path(one, 0, 2, [most])
    with pytest.raises(SumOverflowError):
        sums.root_from_path(one, 1, 2, [most])


@pytest.mark.parametrize("units", [-1, U64_MAX + 1])
def test_a_sum_outside_u64_is_refused(units: int) -> None:
    with pytest.raises(SumOverflowError):
        sum_leaf(b"", units)
    with pytest.raises(SumOverflowError):
        SumNode(bytes(32), units)


@pytest.mark.parametrize("length", [0, 31, 33])
def test_a_hash_of_another_length_is_refused(length: int) -> None:
    with pytest.raises(ProofError):
        SumNode(bytes(length), 0)


def test_sum_trees_share_no_hash_with_plain_trees() -> None:
    data, units = bytes(56), (0).to_bytes(8)
    assert sum_leaf(data, 0).hash != merkle.leaf_hash(units + data)
    left, right = leaves_of([0, 0])
    assert sums.sum_node(left, right).hash != merkle.node_hash(left.hash, right.hash)


@pytest.mark.parametrize("before", range(18))
def test_an_extended_tree_is_the_tree_of_the_longer_list(before: int) -> None:
    leaves = leaves_of(range(36))
    tree = SumTree(leaves[:before])
    for after in range(before, 36):
        longer = tree.extended(leaves[before:after])
        assert longer._levels == SumTree(leaves[:after])._levels
    assert tree.root == naive_root(leaves[:before])
    assert len(tree) == before
