"""What a snapshot holds at and below one path."""

import os

from holdfast.client.core.selection import EVERYTHING, select
from holdfast.client.core.tree import Node
from holdfast.client.repository import Repository


def nodes_below(
    repository: Repository, snapshot: str, path: str
) -> tuple[tuple[bytes, Node], ...]:
    """Return (absolute path, node) of all that is there.

    Raises SnapshotUnknownError or PathUnknownError.
    """
    named = repository.snapshot(snapshot).snapshot
    place = os.fsencode(path).rstrip(b"/")
    if place:
        repository.node(named, place)
    chosen = select([place]) if place else EVERYTHING
    return tuple(
        (where, node)
        for where, node in repository.walk(named, chosen)
        if where == place or where.startswith(place + b"/")
    )
