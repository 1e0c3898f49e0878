"""What differs between two trees, found without reading what they share."""

from collections.abc import Callable, Iterator
from enum import Enum

from holdfast.client.core.blobs import EMPTY_LIST, BlobId, BlobList
from holdfast.client.core.tree import Node, NodeKind, read_directory
from holdfast.protocol.frozen import frozen

Load = Callable[[BlobId], bytes]


class ChangeKind(Enum):
    """How a path differs; the value is the sign that stands before it in a list."""

    ADDED = "+"
    REMOVED = "-"
    MODIFIED = "M"
    TYPE_CHANGED = "T"
    METADATA = "U"


@frozen
class Change:
    """A path that differs; one of the nodes is None where nothing is."""

    path: bytes
    kind: ChangeKind
    before: Node | None
    after: Node | None

    @property
    def bytes_more(self) -> int:
        """How many bytes the file has more than before; negative if fewer."""
        return _size(self.after) - _size(self.before)


def compare_trees(before: BlobList, after: BlobList, load: Load) -> Iterator[Change]:
    """Yield what differs, directories before what is in them, in order of name.

    Raises what `load` raises. Times of access and inodes do not count.
    """
    levels = [(b"", _pairs(before, after, load))]
    while levels:
        path, pairs = levels[-1]
        pair = next(pairs, None)
        if pair is None:
            levels.pop()
            continue
        old, new = pair
        name = (new or old).name  # type: ignore[union-attr] # one of them is there
        inner = path + b"/" + name
        kind = _kind(old, new)
        if kind is not None:
            yield Change(inner, kind, old, new)
        if _pages(old) != _pages(new):
            levels.append((inner, _pairs(_pages(old), _pages(new), load)))


def _pairs(
    before: BlobList, after: BlobList, load: Load
) -> Iterator[tuple[Node | None, Node | None]]:
    """Yield nodes of equal names together; a missing partner is None."""
    old_nodes, new_nodes = read_directory(before, load), read_directory(after, load)
    old, new = next(old_nodes, None), next(new_nodes, None)
    while old is not None or new is not None:
        if new is None or (old is not None and old.name < new.name):
            yield old, None
            old = next(old_nodes, None)
        elif old is None or new.name < old.name:
            yield None, new
            new = next(new_nodes, None)
        else:
            yield old, new
            old, new = next(old_nodes, None), next(new_nodes, None)


def _kind(old: Node | None, new: Node | None) -> ChangeKind | None:
    if old is None:
        return ChangeKind.ADDED
    if new is None:
        return ChangeKind.REMOVED
    if old.kind is not new.kind:
        return ChangeKind.TYPE_CHANGED
    if old.kind is not NodeKind.DIRECTORY and _content(old) != _content(new):
        return ChangeKind.MODIFIED
    return ChangeKind.METADATA if _metadata(old) != _metadata(new) else None


def _content(node: Node) -> tuple[object, ...]:
    return node.content, node.target, node.rdev


def _metadata(node: Node) -> tuple[object, ...]:
    return node.mode, node.uid, node.gid, node.mtime_ns, node.xattrs


def _pages(node: Node | None) -> BlobList:
    is_directory = node is not None and node.kind is NodeKind.DIRECTORY
    return node.content if node is not None and is_directory else EMPTY_LIST


def _size(node: Node | None) -> int:
    return node.size if node is not None and node.kind is NodeKind.FILE else 0
