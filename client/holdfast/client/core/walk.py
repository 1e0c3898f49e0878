"""Walking a stored tree: every node with its path, or the node at one path."""

from collections.abc import Callable, Iterator
from typing import Never

from holdfast.client.core.blobs import BlobId, BlobList, unfold
from holdfast.client.core.errors import PathUnknownError
from holdfast.client.core.selection import EVERYTHING, Selection, split_path
from holdfast.client.core.tree import Node, NodeKind, decode_page, read_directory
from holdfast.protocol.errors import HoldfastError

Load = Callable[[BlobId], bytes]
OnLoss = Callable[[bytes, HoldfastError], None]
"""Hears of a directory (its path), part of which cannot be read."""


def raise_loss(_path: bytes, error: HoldfastError) -> Never:
    """Let a loss end the walk."""
    raise error


def walk(
    top: BlobList,
    load: Load,
    selection: Selection = EVERYTHING,
    on_loss: OnLoss = raise_loss,
) -> Iterator[tuple[bytes, Node]]:
    """Yield (path, node), directories before what they hold, in order of name.

    Without `on_loss`, raises what `load` raises; with it, goes on beside the loss.
    """
    levels = [(b"", selection, _nodes(b"/", top, load, on_loss))]
    while levels:
        path, chosen, nodes = levels[-1]
        node = next(nodes, None)
        if node is None:
            levels.pop()
            continue
        inner = chosen.below(node.name)
        if inner is None:
            continue
        inner_path = path + b"/" + node.name
        yield inner_path, node
        if node.kind is NodeKind.DIRECTORY:
            below = _nodes(inner_path, node.content, load, on_loss)
            levels.append((inner_path, inner, below))


def find_node(top: BlobList, path: bytes, load: Load) -> Node:
    """Return the node at an absolute path, or raise PathUnknownError."""
    pages = top
    node = None
    for part in split_path(path):
        nodes = read_directory(pages, load)
        node = next((node for node in nodes if node.name == part), None)
        if node is None:
            break
        pages = node.content if node.kind is NodeKind.DIRECTORY else BlobList()
    if node is None:
        shown = path.decode("utf-8", "backslashreplace")
        raise PathUnknownError(f"the snapshot holds nothing at {shown}")
    return node


def _nodes(path: bytes, pages: BlobList, load: Load, on_loss: OnLoss) -> Iterator[Node]:
    last = b""
    try:
        for page in unfold(pages, load):
            for node in _page(path, page, load, on_loss):
                # A name seen twice could lead through a link just restored.
                if node.name > last:
                    last = node.name
                    yield node
    except HoldfastError as error:
        on_loss(path, error)


def _page(path: bytes, page: BlobId, load: Load, on_loss: OnLoss) -> tuple[Node, ...]:
    try:
        return decode_page(load(page))
    except HoldfastError as error:
        on_loss(path, error)
        return ()
