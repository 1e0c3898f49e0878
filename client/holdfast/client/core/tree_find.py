"""Finding nodes in many trees; a directory that they share is searched once."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from holdfast.client.core.blobs import BlobId, BlobList
from holdfast.client.core.tree import Node, NodeKind, read_directory

Wanted = Callable[[bytes, Node], bool]
"""Says of an absolute path and its node whether it is looked for."""


@dataclass(slots=True)
class _Level:
    path: bytes
    pages: BlobList
    nodes: Iterator[Node]
    found: bool = False


class TreeFinder:
    """Looks for nodes; remembers in which directories there are none."""

    def __init__(self, load: Callable[[BlobId], bytes], wanted: Wanted) -> None:
        self._load = load
        self._wanted = wanted
        # The path counts too: a pattern may ask for what leads to a directory.
        self._barren: set[tuple[bytes, BlobList]] = set()

    def find(self, top: BlobList) -> Iterator[tuple[bytes, Node]]:
        """Yield (absolute path, node) of what is wanted; raises what `load` raises."""
        levels = [self._level(b"", top)]
        while levels:
            level = levels[-1]
            node = next(level.nodes, None)
            if node is None:
                self._leave(levels)
                continue
            path = level.path + b"/" + node.name
            if self._wanted(path, node):
                level.found = True
                yield path, node
            if (
                node.kind is NodeKind.DIRECTORY
                and (path, node.content) not in self._barren
            ):
                levels.append(self._level(path, node.content))

    def _level(self, path: bytes, pages: BlobList) -> _Level:
        return _Level(path, pages, read_directory(pages, self._load))

    def _leave(self, levels: list[_Level]) -> None:
        level = levels.pop()
        if not level.found:
            self._barren.add((level.path, level.pages))
        elif levels:
            levels[-1].found = True
