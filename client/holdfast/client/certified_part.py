"""What a backup certificate is of: a snapshot, or a path in the newest with it."""

import os
import re
from typing import Final

from holdfast.client.core.errors import PathUnknownError
from holdfast.client.core.selection import EVERYTHING, Selection, select
from holdfast.client.core.snapshot import NamedSnapshot
from holdfast.client.core.tree import NodeKind
from holdfast.client.repository import Repository
from holdfast.client.snapshot_listing import list_nodes
from holdfast.protocol.frozen import frozen

_SNAPSHOT: Final = re.compile("latest|[0-9a-fA-F]{1,64}")


@frozen
class Part:
    """A snapshot, what is chosen of it, and how many files and bytes that is."""

    named: NamedSnapshot
    chosen: Selection
    files: int
    bytes_seen: int


def part_of(repository: Repository, name: str) -> Part:
    """Return what `name` says: a snapshot's id, or "latest"; anything else is a path.

    Raises SnapshotUnknownError, or PathUnknownError if no snapshot has the path.
    """
    if _SNAPSHOT.fullmatch(name):
        named = repository.snapshot(name)
        stats = named.snapshot.stats
        return Part(named, EVERYTHING, stats.files, stats.bytes_seen)
    path = os.fsencode(os.path.abspath(name))  # noqa: PTH100 # as a backup has it
    named = _newest_with(repository, path)
    found = list_nodes(repository, named.snapshot, path, recursive=True)
    sizes = [node.size for _, node in found if node.kind is NodeKind.FILE]
    return Part(named, select([path]), len(sizes), sum(sizes))


def _newest_with(repository: Repository, path: bytes) -> NamedSnapshot:
    for named in reversed(repository.snapshots):
        try:
            repository.node(named.snapshot, path)
        except PathUnknownError:
            continue
        return named
    raise PathUnknownError(
        f"no snapshot has {os.fsdecode(path)}; `holdfast find` looks for names"
    )
