import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.client.core.blobs import BLOB_BYTES_MAX, BlobId, BlobList, blob_id
from holdfast.client.core.errors import PathUnknownError
from holdfast.client.core.selection import EVERYTHING, select
from holdfast.client.core.tree import (
    DirectoryWriter,
    Node,
    NodeKind,
    Xattr,
    decode_page,
    encode_node,
    read_directory,
    read_node,
)
from holdfast.client.core.walk import find_node, walk
from holdfast.protocol.encoding import Reader
from holdfast.protocol.errors import DecodingError, HoldfastError

KEY = bytes(32)
NAMES = st.binary(min_size=1, max_size=40).filter(
    lambda name: b"/" not in name and b"\0" not in name and name not in {b".", b".."}
)
U32 = st.integers(0, 2**32 - 1)
U64 = st.integers(0, 2**64 - 1)
TIMES = st.integers(-(2**63), 2**63 - 1)
IDS = st.binary(min_size=32, max_size=32).map(BlobId)
NODES = st.builds(
    Node,
    name=NAMES,
    kind=st.sampled_from(NodeKind),
    mode=st.integers(0, 0o7777),
    uid=U32,
    gid=U32,
    mtime_ns=TIMES,
    ctime_ns=TIMES,
    size=U64,
    device=U64,
    inode=U64,
    links=U32,
    rdev=U64,
    user=st.text(max_size=20),
    group=st.text(max_size=20),
    target=st.binary(max_size=40),
    xattrs=st.lists(
        st.builds(Xattr, st.binary(max_size=9), st.binary(max_size=9)), max_size=3
    ).map(tuple),
    content=st.builds(
        BlobList, st.integers(0, 4), st.lists(IDS, max_size=3).map(tuple)
    ),
)


class Store:
    def __init__(self) -> None:
        self.blobs: dict[BlobId, bytes] = {}

    def save(self, data: bytes) -> BlobId:
        assert len(data) <= BLOB_BYTES_MAX
        blob = blob_id(KEY, data)
        self.blobs[blob] = data
        return blob

    def load(self, blob: BlobId) -> bytes:
        if blob not in self.blobs:
            raise HoldfastError("lost")
        return self.blobs[blob]

    def directory(self, nodes: list[Node]) -> BlobList:
        writer = DirectoryWriter(self.save)
        for node in sorted(nodes, key=lambda node: node.name):
            writer.add(node)
        return writer.finish()


def file(name: bytes) -> Node:
    return Node(name, NodeKind.FILE)


def many(count: int) -> list[Node]:
    return [
        file(b"file %07d with a name that takes some room" % n) for n in range(count)
    ]


@given(node=NODES)
def test_a_node_is_read_as_it_was_written(node: Node) -> None:
    encoded = encode_node(node)
    reader = Reader(encoded)
    assert read_node(reader) == node
    reader.finish()


@given(data=st.binary(max_size=200))
def test_arbitrary_bytes_are_no_page(data: bytes) -> None:
    with pytest.raises(DecodingError):
        decode_page(data)


@pytest.mark.parametrize("name", [b"", b".", b"..", b"a/b", b"/", b"a\0b", b"x" * 1025])
def test_a_name_that_leads_elsewhere_is_impossible(name: bytes) -> None:
    with pytest.raises(ValueError, match=r"cannot name|component"):
        file(name)
    plain = encode_node(file(b"good"))
    forged = plain.replace(b"\0\0\0\4good", len(name).to_bytes(4, "big") + name)
    with pytest.raises(DecodingError):
        read_node(Reader(forged))


@given(nodes=st.lists(NODES, max_size=8, unique_by=lambda node: node.name))
def test_a_directory_gives_its_nodes_back_in_order(nodes: list[Node]) -> None:
    store = Store()
    pages = store.directory(nodes)
    expected = sorted(nodes, key=lambda node: node.name)
    assert list(read_directory(pages, store.load)) == expected


def test_a_page_with_a_name_twice_is_refused() -> None:
    store = Store()
    page = store.load(store.directory([file(b"aa"), file(b"ab")]).ids[0])
    with pytest.raises(DecodingError, match="ascend"):
        decode_page(page.replace(b"ab", b"aa"))


def test_a_huge_directory_is_cut_into_pages_and_a_change_touches_one() -> None:
    store = Store()
    nodes = many(40_000)
    pages = store.directory(nodes)
    before = set(store.blobs)
    assert len(before) > 10
    nodes[20_000] = dataclasses.replace(nodes[20_000], size=1)
    changed = store.directory([*nodes, file(b"file 0000000 inserted")])
    assert len(set(store.blobs) - before) <= 2
    assert sum(1 for _ in read_directory(changed, store.load)) == 40_001
    assert sum(1 for _ in read_directory(pages, store.load)) == 40_000


def tree(store: Store) -> BlobList:
    inner = store.directory([file(b"x"), file(b"y")])
    a = Node(b"a", NodeKind.DIRECTORY, content=inner)
    b = Node(b"b", NodeKind.DIRECTORY, content=store.directory([]))
    return store.directory([a, b, file(b"c")])


def test_a_walk_yields_directories_before_what_they_hold() -> None:
    store = Store()
    paths = [path for path, _ in walk(tree(store), store.load)]
    assert paths == [b"/a", b"/a/x", b"/a/y", b"/b", b"/c"]


def test_a_walk_of_chosen_paths_yields_them_and_what_leads_there() -> None:
    store = Store()
    chosen = select([b"/a/y", b"/c", b"/none"])
    paths = [path for path, _ in walk(tree(store), store.load, chosen)]
    assert paths == [b"/a", b"/a/y", b"/c"]


def test_a_lost_page_ends_a_walk_or_is_told() -> None:
    store = Store()
    top = tree(store)
    lost = store.blobs.pop(store.directory([file(b"x"), file(b"y")]).ids[0])
    assert lost
    with pytest.raises(HoldfastError):
        list(walk(top, store.load))
    told: list[bytes] = []
    walked = walk(top, store.load, on_loss=lambda path, _: told.append(path))
    assert [path for path, _ in walked] == [b"/a", b"/b", b"/c"]
    assert told == [b"/a"]


def test_a_node_is_found_by_its_path() -> None:
    store = Store()
    assert find_node(tree(store), b"/a/y", store.load).name == b"y"
    for path in (b"/", b"/none", b"/c/x", b"/a/none"):
        with pytest.raises(PathUnknownError):
            find_node(tree(store), path, store.load)


def test_selecting_a_directory_selects_all_below_it() -> None:
    chosen = select([b"/a/b", b"/a/b/c", b"/d"])
    a = chosen.below(b"a")
    assert a is not None
    assert a.below(b"b") == EVERYTHING
    assert a.below(b"c") is None
    assert select([b"/", b"/a"]) == EVERYTHING
