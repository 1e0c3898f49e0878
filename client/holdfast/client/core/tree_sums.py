"""How much a tree holds; a directory that trees share is read once."""

from collections.abc import Callable, Iterable
from typing import Final

from holdfast.client.core.blobs import BlobId, BlobList
from holdfast.client.core.tree import Node, NodeKind, read_directory
from holdfast.protocol.frozen import frozen


@frozen
class TreeSums:
    """What a tree holds; `bytes` are those of its files as a restore writes them.

    A file with several hard links counts once for each.
    """

    files: int = 0
    directories: int = 0
    others: int = 0
    bytes: int = 0

    def __add__(self, other: "TreeSums") -> "TreeSums":
        return TreeSums(
            self.files + other.files,
            self.directories + other.directories,
            self.others + other.others,
            self.bytes + other.bytes,
        )


NOTHING: Final = TreeSums()
_DIRECTORY: Final = TreeSums(directories=1)
_OTHER: Final = TreeSums(others=1)


class TreeSummer:
    """Adds trees up."""

    def __init__(self, load: Callable[[BlobId], bytes]) -> None:
        self._load = load
        self._known: dict[BlobList, TreeSums] = {}

    def sums(self, top: BlobList) -> TreeSums:
        """Return what is in a tree; raises what `load` raises."""
        waiting = [top]
        while waiting:
            pages = waiting[-1]
            if pages in self._known:
                waiting.pop()
                continue
            nodes = list(read_directory(pages, self._load))
            unknown = [pages for pages in _below(nodes) if pages not in self._known]
            if unknown:
                waiting += unknown
                continue
            self._known[pages] = sum(map(self._of, nodes), NOTHING)
            waiting.pop()
        return self._known[top]

    def _of(self, node: Node) -> TreeSums:
        match node.kind:
            case NodeKind.DIRECTORY:
                return _DIRECTORY + self._known[node.content]
            case NodeKind.FILE:
                return TreeSums(files=1, bytes=node.size)
            case _:
                return _OTHER


def _below(nodes: Iterable[Node]) -> list[BlobList]:
    return [node.content for node in nodes if node.kind is NodeKind.DIRECTORY]
