"""Forgetting snapshots, and giving back the chunks that nothing needs any more."""

from collections.abc import Iterable, Mapping

from holdfast.client.blob_reader import BlobReader
from holdfast.client.blob_writer import BlobWriter
from holdfast.client.core.index import Index
from holdfast.client.core.objects import list_objects
from holdfast.client.core.ports import ChunkWriter
from holdfast.client.core.prune import Liveness, PrunePlan, plan_prune
from holdfast.client.core.root import Root, RootChange
from holdfast.client.core.snapshot import SnapshotId, check_tags
from holdfast.client.marking import Marker
from holdfast.client.repository import Repository, Update
from holdfast.protocol.frozen import frozen


@frozen
class Prune:
    """A prune whose moved blobs are handed over, to be committed."""

    update: Update
    plan: PrunePlan


def forget(repository: Repository, snapshots: Iterable[SnapshotId]) -> Update:
    """Take snapshots off the list; their chunks stay until a prune."""
    removed = frozenset(snapshots)
    return Update(RootChange(repository.root.generation, removed=removed))


def retag(repository: Repository, tags: Mapping[SnapshotId, tuple[str, ...]]) -> Update:
    """Give snapshots other tags, or raise SnapshotLimitError."""
    for each in tags.values():
        check_tags(each)
    return Update(RootChange(repository.root.generation, retagged=tags))


def plan(
    repository: Repository,
    removed: frozenset[SnapshotId] = frozenset(),
    dead_share_max: float = 0.5,
) -> PrunePlan:
    """Return what a prune would do, with these snapshots forgotten.

    Reads every tree that is kept; raises BlobMissingError or ChunkUnavailableError if
    one cannot be read, because what it needs would look dead.
    """
    liveness = Liveness(repository.index)
    _mark_root(repository.root, removed, liveness, repository.reader)
    return plan_prune(liveness, dead_share_max)


def prune(
    repository: Repository,
    writer: ChunkWriter,
    *,
    removed: frozenset[SnapshotId] = frozenset(),
    dead_share_max: float = 0.5,
) -> Prune:
    """Forget snapshots and move what lives out of chunks that are mostly dead.

    Nothing is gone until the update is committed and its head acknowledged: an
    interrupted prune leaves some chunks that nobody needs, and loses nothing.
    """
    planned = plan(repository, removed, dead_share_max)
    dropped = frozenset(planned.dropped)
    index = repository.index.without(dropped)
    with BlobWriter(repository.keys, index, writer) as blobs:
        _move(planned, repository.reader, repository.index, blobs)
        blobs.finish()
    change = RootChange(
        repository.root.generation, removed=removed, drops=bool(dropped)
    )
    return Prune(Update(change, tuple(blobs.records), dropped), planned)


def _move(
    planned: PrunePlan, reader: BlobReader, index: Index, blobs: BlobWriter
) -> None:
    chunks = [chunk for chunk, _ in planned.rewritten]
    for place, (chunk, rows) in enumerate(planned.rewritten):
        reader.prefetch(chunks[place : place + 8])
        record = index.pack(chunk)
        assert record is not None
        for row in rows:
            blob = record.blob(row)
            location = reader.locate(blob)
            assert (location.chunk, location.row) == (chunk, row)
            blobs.add(record.holds, reader.view(blob, location))


def _mark_root(
    root: Root,
    removed: frozenset[SnapshotId],
    liveness: Liveness,
    reader: BlobReader,
) -> None:
    marker = Marker(liveness, reader)
    for named in root.snapshots:
        if named.id not in removed:
            marker.mark_tree(named.snapshot.tree)
    for page in root.objects:
        liveness.mark(page.blob)
    for entry in list_objects(root.objects, "", reader.load):
        marker.mark_list(entry.content)
