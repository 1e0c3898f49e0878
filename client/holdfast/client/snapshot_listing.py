"""What a snapshot holds at and below one path."""

import os
from collections.abc import Iterator

from holdfast.client.core.selection import EVERYTHING, select
from holdfast.client.core.snapshot import Snapshot
from holdfast.client.core.tree import Node, NodeKind, read_directory
from holdfast.client.repository import Repository


def nodes_below(
    repository: Repository, snapshot: str, path: str
) -> tuple[tuple[bytes, Node], ...]:
    """Return (absolute path, node) of all that is there.

    Raises SnapshotUnknownError or PathUnknownError.
    """
    named = repository.snapshot(snapshot).snapshot
    return tuple(list_nodes(repository, named, os.fsencode(path), recursive=True))


def list_nodes(
    repository: Repository, snapshot: Snapshot, path: bytes, *, recursive: bool
) -> Iterator[tuple[bytes, Node]]:
    """Yield (absolute path, node) at `path`, and of what is in it or all below it.

    Raises PathUnknownError.
    """
    place = path.rstrip(b"/")
    if not recursive:
        yield from _one_level(repository, snapshot, place)
        return
    if place:
        repository.node(snapshot, place)
    chosen = select([place]) if place else EVERYTHING
    for where, node in repository.walk(snapshot, chosen):
        if where == place or where.startswith(place + b"/"):
            yield where, node


def _one_level(
    repository: Repository, snapshot: Snapshot, place: bytes
) -> Iterator[tuple[bytes, Node]]:
    pages = snapshot.tree
    if place:
        node = repository.node(snapshot, place)
        yield place, node
        if node.kind is not NodeKind.DIRECTORY:
            return
        pages = node.content
    for node in read_directory(pages, repository.reader.load):
        yield place + b"/" + node.name, node
