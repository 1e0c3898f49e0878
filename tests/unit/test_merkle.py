from collections.abc import Sequence

import pytest
from blake3 import blake3
from hypothesis import given
from hypothesis import strategies as st

from holdfast.protocol import merkle, shape
from holdfast.protocol.errors import ProofError

LEAVES_MAX = 70


def key(context: str) -> bytes:
    return blake3(b"", derive_key_context=context).digest()


LEAF_KEY = key("holdfast 2026 merkle leaf v1")
NODE_KEY = key("holdfast 2026 merkle node v1")
EMPTY_KEY = key("holdfast 2026 merkle empty v1")


def split(count: int) -> int:
    """Return the largest power of two below count."""
    power = 1
    while power * 2 < count:
        power *= 2
    return power


def naive_root(hashes: Sequence[bytes]) -> bytes:
    """RFC 9162, section 2.1.1, word for word."""
    if not hashes:
        return blake3(b"", key=EMPTY_KEY).digest()
    if len(hashes) == 1:
        return hashes[0]
    k = split(len(hashes))
    children = naive_root(hashes[:k]) + naive_root(hashes[k:])
    return blake3(children, key=NODE_KEY).digest()


def naive_path(index: int, hashes: Sequence[bytes]) -> list[bytes]:
    """RFC 9162, section 2.1.3.1, word for word."""
    if len(hashes) == 1:
        return []
    k = split(len(hashes))
    if index < k:
        return [*naive_path(index, hashes[:k]), naive_root(hashes[k:])]
    return [*naive_path(index - k, hashes[k:]), naive_root(hashes[:k])]


def flipped(data: bytes, bit: int) -> bytes:
    """Return data with one bit turned."""
    changed = bytearray(data)
    changed[bit // 8 % len(data)] ^= 1 << bit % 8
    return bytes(changed)


def distinct_leaves(count: int) -> list[bytes]:
    return [merkle.leaf_hash(number.to_bytes(4)) for number in range(count)]


def gives(
    root: bytes, leaf: bytes, index: int, count: int, path: Sequence[bytes]
) -> bool:
    try:
        return merkle.root_from_path(leaf, index, count, path) == root
    except ProofError:
        return False


def gives_range(
    root: bytes, leaves: Sequence[bytes], first: int, count: int, path: Sequence[bytes]
) -> bool:
    try:
        return merkle.root_from_range(leaves, first, count, path) == root
    except ProofError:
        return False


@st.composite
def places(draw: st.DrawFn) -> tuple[int, int]:
    """An index and a count it fits."""
    count = draw(st.integers(1, LEAVES_MAX))
    return draw(st.integers(0, count - 1)), count


@st.composite
def ranges(draw: st.DrawFn) -> tuple[int, int, int]:
    """A range that is not empty and a count it fits."""
    count = draw(st.integers(1, LEAVES_MAX))
    first = draw(st.integers(0, count - 1))
    return first, draw(st.integers(first + 1, count)), count


def test_a_leaf_and_a_node_are_hashed_under_their_own_keys() -> None:
    left, right = distinct_leaves(2)
    assert merkle.leaf_hash(b"data") == blake3(b"data", key=LEAF_KEY).digest()
    assert merkle.node_hash(left, right) == blake3(left + right, key=NODE_KEY).digest()


def test_a_node_never_passes_for_a_leaf_over_the_same_bytes() -> None:
    left, right = distinct_leaves(2)
    assert merkle.leaf_hash(left + right) != merkle.node_hash(left, right)


def test_the_empty_list_has_a_root_that_no_leaf_or_node_has() -> None:
    assert merkle.root([]) == merkle.EMPTY_ROOT == merkle.data_root(b"")
    assert blake3(b"", key=EMPTY_KEY).digest() == merkle.EMPTY_ROOT
    assert merkle.EMPTY_ROOT not in (
        merkle.leaf_hash(b""),
        merkle.node_hash(b"", b""),
    )


@pytest.mark.parametrize("count", range(LEAVES_MAX))
def test_roots_are_those_of_the_rfc(count: int) -> None:
    hashes = distinct_leaves(count)
    assert merkle.root(hashes) == naive_root(hashes)


@pytest.mark.parametrize("count", [*range(1, 20), 31, 32, 33, 63, 64, 65])
def test_paths_are_those_of_the_rfc(count: int) -> None:
    hashes = distinct_leaves(count)
    tree = merkle.Tree(hashes)
    for index in range(count):
        path = merkle.path(hashes, index)
        assert list(path) == naive_path(index, hashes)
        assert path == tree.path(index)
        assert merkle.root_from_path(hashes[index], index, count, path) == tree.root


def test_paths_of_seven_leaves_are_those_drawn_in_the_rfc() -> None:
    hashes = distinct_leaves(7)
    a, b, c, d, e, f, j = hashes
    g, h, i = merkle.node_hash(a, b), merkle.node_hash(c, d), merkle.node_hash(e, f)
    k, el = merkle.node_hash(g, h), merkle.node_hash(i, j)
    assert merkle.path(hashes, 0) == (b, h, el)
    assert merkle.path(hashes, 3) == (c, g, el)
    assert merkle.path(hashes, 4) == (f, j, k)
    assert merkle.path(hashes, 6) == (i, k)


@pytest.mark.parametrize(
    ("length", "count"),
    [(0, 0), (1, 1), (16383, 1), (16384, 1), (16385, 2), (32768, 2), (2**43, 2**29)],
)
def test_data_is_cut_into_leaves_of_16_kib(length: int, count: int) -> None:
    assert merkle.leaf_count(length) == count


@pytest.mark.parametrize("length", [0, 1, 16383, 16384, 16385, 50000, 65536])
def test_the_last_leaf_is_short_and_is_not_padded(length: int) -> None:
    data = bytes(number % 251 for number in range(length))
    cut = [data[start : start + 16384] for start in range(0, length, 16384)]
    hashes = merkle.leaf_hashes(data)
    assert hashes == [merkle.leaf_hash(leaf) for leaf in cut]
    assert len(hashes) == merkle.leaf_count(length)
    assert merkle.data_root(data) == naive_root(hashes)


def test_data_may_be_any_contiguous_bytes() -> None:
    data = bytes(range(256)) * 100
    words = memoryview(bytearray(data)).cast("I")
    for same in (bytearray(data), memoryview(data), words):
        assert merkle.data_root(same) == merkle.data_root(data)


@given(places(), st.integers(0, 255))
def test_an_altered_leaf_fails(place: tuple[int, int], bit: int) -> None:
    index, count = place
    tree = merkle.Tree(hashes := distinct_leaves(count))
    wrong = flipped(hashes[index], bit)
    assert not gives(tree.root, wrong, index, count, tree.path(index))


@given(places(), st.integers(0, 255), st.data())
def test_an_altered_path_fails(
    place: tuple[int, int], bit: int, data: st.DataObject
) -> None:
    index, count = place
    tree = merkle.Tree(hashes := distinct_leaves(count))
    path = list(tree.path(index))
    if path:
        step = data.draw(st.integers(0, len(path) - 1))
        path[step] = flipped(path[step], bit)
        assert not gives(tree.root, hashes[index], index, count, path)


@given(places())
def test_a_path_too_short_or_too_long_fails(place: tuple[int, int]) -> None:
    index, count = place
    tree = merkle.Tree(hashes := distinct_leaves(count))
    path = tree.path(index)
    for wrong in ((*path, hashes[0]), (hashes[0], *path), path[1:], path[:-1]):
        if len(wrong) != len(path):
            with pytest.raises(ProofError):
                merkle.root_from_path(hashes[index], index, count, wrong)


@given(places())
def test_an_altered_index_fails(place: tuple[int, int]) -> None:
    index, count = place
    tree = merkle.Tree(hashes := distinct_leaves(count))
    path = tree.path(index)
    fitting = [
        other
        for other in range(-2, count + 2)
        if gives(tree.root, hashes[index], other, count, path)
    ]
    assert fitting == [index]


@given(places())
def test_an_altered_count_fails_unless_it_leaves_the_path_as_it_was(
    place: tuple[int, int],
) -> None:
    index, count = place
    tree = merkle.Tree(hashes := distinct_leaves(count))
    path = tree.path(index)
    way = shape.sides(index, count, len(path))
    for other in range(2 * LEAVES_MAX):
        if gives(tree.root, hashes[index], index, other, path):
            assert shape.sides(index, other, len(path)) == way


def test_a_root_does_not_commit_to_its_count() -> None:
    hashes = distinct_leaves(3)
    path = merkle.path(hashes, 0)
    assert gives(merkle.root(hashes), hashes[0], 0, 4, path)


@pytest.mark.parametrize(("index", "count"), [(-1, 3), (3, 3), (0, 0), (0, -1), (7, 3)])
def test_an_impossible_index_is_refused(index: int, count: int) -> None:
    leaf = distinct_leaves(1)[0]
    with pytest.raises(ProofError):
        merkle.root_from_path(leaf, index, count, [])
    with pytest.raises(ProofError):
        merkle.root_from_range([leaf], index, count, [])
    with pytest.raises(ProofError):
        merkle.path(distinct_leaves(max(count, 0)), index)


@pytest.mark.parametrize("length", [0, 31, 33, 64])
def test_hashes_of_another_length_are_refused(length: int) -> None:
    good, wrong = distinct_leaves(1)[0], bytes(length)
    for leaf, path in ((wrong, [good]), (good, [wrong])):
        with pytest.raises(ProofError):
            merkle.root_from_path(leaf, 0, 2, path)
        with pytest.raises(ProofError):
            merkle.root_from_range([leaf], 0, 2, path)


@pytest.mark.parametrize("count", [1, 2, 3, 5, 8, 13, 21])
def test_every_range_verifies(count: int) -> None:
    tree = merkle.Tree(hashes := distinct_leaves(count))
    for first in range(count):
        for end in range(first + 1, count + 1):
            path = merkle.range_path(hashes, first, end)
            assert path == tree.range_path(first, end)
            found = merkle.root_from_range(hashes[first:end], first, count, path)
            assert found == tree.root


@given(places())
def test_a_range_of_one_leaf_has_that_leafs_path(place: tuple[int, int]) -> None:
    index, count = place
    tree = merkle.Tree(distinct_leaves(count))
    assert tree.range_path(index, index + 1) == tree.path(index)


@given(ranges())
def test_a_range_path_is_no_longer_than_two_paths(extent: tuple[int, int, int]) -> None:
    first, end, count = extent
    path = merkle.Tree(distinct_leaves(count)).range_path(first, end)
    assert len(path) <= 2 * (count - 1).bit_length()
    if (first, end) == (0, count):
        assert path == ()


@given(ranges(), st.integers(0, 255), st.data())
def test_an_altered_range_fails(
    extent: tuple[int, int, int], bit: int, data: st.DataObject
) -> None:
    first, end, count = extent
    tree = merkle.Tree(hashes := distinct_leaves(count))
    nodes = [*hashes[first:end], *tree.range_path(first, end)]
    at = data.draw(st.integers(0, len(nodes) - 1))
    nodes[at] = flipped(nodes[at], bit)
    leaves, path = nodes[: end - first], nodes[end - first :]
    assert not gives_range(tree.root, leaves, first, count, path)


@given(ranges())
def test_a_range_in_another_place_or_order_fails(extent: tuple[int, int, int]) -> None:
    first, end, count = extent
    tree = merkle.Tree(hashes := distinct_leaves(count))
    leaves, path = hashes[first:end], tree.range_path(first, end)
    for other in range(-1, count + 1):
        assert gives_range(tree.root, leaves, other, count, path) == (other == first)
    if len(leaves) > 1:
        assert not gives_range(tree.root, leaves[::-1], first, count, path)
        assert not gives_range(tree.root, leaves[1:], first + 1, count, path)
        assert not gives_range(tree.root, leaves[:-1], first, count, path)


@given(ranges())
def test_a_range_path_too_short_or_too_long_fails(
    extent: tuple[int, int, int],
) -> None:
    first, end, count = extent
    tree = merkle.Tree(hashes := distinct_leaves(count))
    leaves, path = hashes[first:end], tree.range_path(first, end)
    with pytest.raises(ProofError):
        merkle.root_from_range(leaves, first, count, (*path, hashes[0]))
    if path:
        with pytest.raises(ProofError):
            merkle.root_from_range(leaves, first, count, path[:-1])


@pytest.mark.parametrize(("first", "end"), [(0, 0), (2, 2), (2, 1), (-1, 2), (0, 4)])
def test_a_range_that_is_empty_or_outside_the_list_is_refused(
    first: int, end: int
) -> None:
    with pytest.raises(ProofError):
        merkle.range_path(distinct_leaves(3), first, end)


def test_an_empty_range_proves_nothing() -> None:
    with pytest.raises(ProofError):
        merkle.root_from_range([], 0, 1, distinct_leaves(1))


@pytest.mark.parametrize("before", range(18))
def test_an_extended_tree_is_the_tree_of_the_longer_list(before: int) -> None:
    tree = merkle.Tree(distinct_leaves(before))
    for after in range(before, 36):
        hashes = distinct_leaves(after)
        longer = tree.extended(hashes[before:])
        assert longer._levels == merkle.Tree(hashes)._levels
    assert tree.root == naive_root(distinct_leaves(before))
    assert len(tree) == before
