"""What differs between two snapshots, path by path and in bytes of new data."""

from collections.abc import Callable

from holdfast.client.core.prune import Liveness
from holdfast.client.core.snapshot import Snapshot
from holdfast.client.core.tree import NodeKind
from holdfast.client.core.tree_diff import Change, ChangeKind, compare_trees
from holdfast.client.marking import Marker
from holdfast.client.repository import Repository
from holdfast.client.repository_stats import RawSums, marked_bytes
from holdfast.protocol.frozen import frozen


@frozen
class DiffSums:
    """How many paths were added, removed or changed, and the blobs of one side only."""

    files_added: int
    files_removed: int
    files_changed: int
    directories_added: int
    directories_removed: int
    others_added: int
    others_removed: int
    types_changed: int
    added: RawSums
    removed: RawSums


def diff(
    repository: Repository,
    before: Snapshot,
    after: Snapshot,
    tell: Callable[[Change], None],
) -> DiffSums:
    """Tell every change, in order, and return their sums.

    Raises BlobMissingError, ChunkUnavailableError or ProtocolError for a tree that
    cannot be read.
    """
    counts: dict[tuple[ChangeKind, str], int] = {}
    for change in compare_trees(before.tree, after.tree, repository.reader.load):
        key = change.kind, _noun(change)
        counts[key] = counts.get(key, 0) + 1
        tell(change)

    def count(kind: ChangeKind, noun: str) -> int:
        return counts.get((kind, noun), 0)

    return DiffSums(
        files_added=count(ChangeKind.ADDED, "file"),
        files_removed=count(ChangeKind.REMOVED, "file"),
        files_changed=count(ChangeKind.MODIFIED, "file"),
        directories_added=count(ChangeKind.ADDED, "directory"),
        directories_removed=count(ChangeKind.REMOVED, "directory"),
        others_added=count(ChangeKind.ADDED, "other"),
        others_removed=count(ChangeKind.REMOVED, "other"),
        types_changed=sum(
            number
            for (kind, _), number in counts.items()
            if kind is ChangeKind.TYPE_CHANGED
        ),
        added=_only_in(repository, after, before),
        removed=_only_in(repository, before, after),
    )


def _noun(change: Change) -> str:
    node = change.after or change.before
    assert node is not None
    known = {NodeKind.FILE: "file", NodeKind.DIRECTORY: "directory"}
    return known.get(node.kind, "other")


def _only_in(repository: Repository, one: Snapshot, other: Snapshot) -> RawSums:
    liveness = Liveness(repository.index)
    marker = Marker(liveness, repository.reader)
    marker.mark_tree(other.tree)
    shared = marked_bytes(liveness)
    marker.mark_tree(one.tree)
    both = marked_bytes(liveness)
    return RawSums(
        both.blobs - shared.blobs,
        both.bytes - shared.bytes,
        both.stored_bytes - shared.stored_bytes,
    )
