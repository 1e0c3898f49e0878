"""Trees compared, searched and added up, against the plain lists of their nodes."""

import hashlib
from collections.abc import Mapping
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from holdfast.client.core.blobs import BlobId, BlobList
from holdfast.client.core.tree import DirectoryWriter, Node, NodeKind
from holdfast.client.core.tree_diff import Change, ChangeKind, compare_trees
from holdfast.client.core.tree_find import TreeFinder
from holdfast.client.core.tree_sums import TreeSummer
from holdfast.client.core.walk import walk

Tree = Mapping[bytes, "Tree | Node"]

NAMES = st.sampled_from([b"a", b"b", b"c", b"a.b", b"\xff"])
FILES = st.builds(
    Node,
    name=st.just(b"x"),
    kind=st.just(NodeKind.FILE),
    mode=st.sampled_from([0o600, 0o644]),
    size=st.integers(0, 9),
    content=st.sampled_from(
        [
            BlobList(),
            BlobList(ids=(BlobId(bytes(32)),)),
            BlobList(ids=(BlobId(b"1" * 32),)),
        ]
    ),
)
LINKS = st.builds(
    Node,
    name=st.just(b"x"),
    kind=st.just(NodeKind.SYMLINK),
    target=st.sampled_from([b"here", b"there"]),
)
TREES: st.SearchStrategy[Tree] = st.recursive(
    st.dictionaries(NAMES, FILES | LINKS, max_size=4),
    lambda inner: st.dictionaries(NAMES, FILES | LINKS | inner, max_size=4),
    max_leaves=12,
)


class Blobs:
    def __init__(self) -> None:
        self.held: dict[BlobId, bytes] = {}
        self.loads = 0

    def store(self, data: bytes) -> BlobId:
        blob = BlobId(hashlib.sha256(data).digest())
        self.held[blob] = data
        return blob

    def load(self, blob: BlobId) -> bytes:
        self.loads += 1
        return self.held[blob]

    def tree(self, tree: Tree) -> BlobList:
        writer = DirectoryWriter(self.store)
        for name, inner in sorted(tree.items()):
            if isinstance(inner, Node):
                writer.add(replace(inner, name=name))
            else:
                node = Node(name, NodeKind.DIRECTORY, 0o755, content=self.tree(inner))
                writer.add(node)
        return writer.finish()


def told(change: Change) -> tuple[bytes, ChangeKind]:
    return change.path, change.kind


def expected(old: Node | None, new: Node | None) -> ChangeKind | None:
    """What the plain comparison of two nodes says."""
    if old is None or new is None:
        return ChangeKind.ADDED if old is None else ChangeKind.REMOVED
    if old.kind is not new.kind:
        return ChangeKind.TYPE_CHANGED
    if old.kind is not NodeKind.DIRECTORY and (old.content, old.target) != (
        new.content,
        new.target,
    ):
        return ChangeKind.MODIFIED
    return ChangeKind.METADATA if old.mode != new.mode else None


@given(TREES, TREES)
def test_a_comparison_finds_what_plain_lists_differ_in(one: Tree, two: Tree) -> None:
    blobs = Blobs()
    before, after = blobs.tree(one), blobs.tree(two)
    changes = [told(change) for change in compare_trees(before, after, blobs.load)]
    old, new = dict(walk(before, blobs.load)), dict(walk(after, blobs.load))
    wanted = {
        (path, kind)
        for path in old.keys() | new.keys()
        if (kind := expected(old.get(path), new.get(path))) is not None
    }
    assert set(changes) == wanted
    assert len(changes) == len(wanted)


def test_what_trees_share_is_not_read() -> None:
    blobs = Blobs()
    large: Tree = {b"%03d" % n: {b"x": file(n)} for n in range(50)}
    before, after = blobs.tree({b"l": large}), blobs.tree({b"l": large, b"new": {}})
    blobs.loads = 0
    assert [told(each) for each in compare_trees(before, after, blobs.load)] == [
        (b"/new", ChangeKind.ADDED)
    ]
    assert blobs.loads == 2


def test_a_change_knows_its_bytes() -> None:
    blobs = Blobs()
    before = blobs.tree({b"a": file(5), b"b": file(7), b"d": file(9)})
    after = blobs.tree({b"a": file(6), b"c": file(8), b"d": {b"in": file(1)}})
    found = [(*told(c), c.bytes_more) for c in compare_trees(before, after, blobs.load)]
    assert found == [
        (b"/a", ChangeKind.MODIFIED, 1),
        (b"/b", ChangeKind.REMOVED, -7),
        (b"/c", ChangeKind.ADDED, 8),
        (b"/d", ChangeKind.TYPE_CHANGED, -9),
        (b"/d/in", ChangeKind.ADDED, 1),
    ]


@given(st.lists(TREES, min_size=1, max_size=3))
def test_a_search_of_many_trees_finds_what_a_walk_of_each_does(
    trees: list[Tree],
) -> None:
    blobs = Blobs()

    def wanted(path: bytes, node: Node) -> bool:
        return path.endswith(b"a/b") or node.name == b"c"

    finder = TreeFinder(blobs.load, wanted)
    for tree in [*trees, *trees]:
        top = blobs.tree(tree)
        plain = [path for path, node in walk(top, blobs.load) if wanted(path, node)]
        assert [path for path, _ in finder.find(top)] == plain


def test_a_shared_directory_without_a_match_is_searched_once() -> None:
    blobs = Blobs()
    large: Tree = {b"%03d" % n: {b"x": file(n)} for n in range(50)}
    tops = [blobs.tree({b"l": large, b"f": file(n)}) for n in range(3)]
    finder = TreeFinder(blobs.load, lambda _path, node: node.name == b"f")
    assert len(list(finder.find(tops[0]))) == 1
    blobs.loads = 0
    assert [len(list(finder.find(top))) for top in tops[1:]] == [1, 1]
    assert blobs.loads == 2


@given(st.lists(TREES, min_size=1, max_size=3))
def test_sums_are_those_of_a_walk(trees: list[Tree]) -> None:
    blobs = Blobs()
    summer = TreeSummer(blobs.load)
    for tree in trees:
        top = blobs.tree(tree)
        nodes = [node for _, node in walk(top, blobs.load)]
        files = [node for node in nodes if node.kind is NodeKind.FILE]
        sums = summer.sums(top)
        assert (sums.files, sums.bytes) == (len(files), sum(n.size for n in files))
        assert sums.files + sums.directories + sums.others == len(nodes)


def test_a_very_deep_tree_is_compared_searched_and_added_up() -> None:
    blobs = Blobs()
    content = blobs.tree({b"x": file(1)})
    for _ in range(1500):
        writer = DirectoryWriter(blobs.store)
        writer.add(Node(b"d", NodeKind.DIRECTORY, content=content))
        content = writer.finish()
    assert TreeSummer(blobs.load).sums(content).directories == 1500
    changes = list(compare_trees(BlobList(), content, blobs.load))
    assert len(changes) == 1501
    finder = TreeFinder(blobs.load, lambda _path, node: node.name == b"x")
    assert [path[-4:] for path, _ in finder.find(content)] == [b"/d/x"]


def file(number: int) -> Node:
    content = BlobList(ids=(BlobId(number.to_bytes(32, "big")),))
    return Node(b"x", NodeKind.FILE, size=number, content=content)
