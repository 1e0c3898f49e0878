"""Making a snapshot, or finding out what making it would add."""

import hashlib
import os
from dataclasses import dataclass, field

from holdfast.client.archive import (
    Archive,
    Archiver,
    BackupJob,
    OnProgress,
    no_progress,
)
from holdfast.client.blob_writer import NO_PACK_LOG, BlobWriter, PackLog
from holdfast.client.chunking import Cutter
from holdfast.client.core.errors import NothingToBackUpError
from holdfast.client.core.ports import ChunkWriter
from holdfast.client.core.root import RootChange, newest_parent
from holdfast.client.core.snapshot import (
    NamedSnapshot,
    Snapshot,
    check_paths,
    check_tags,
    clip_text,
    name_snapshot,
)
from holdfast.client.repository import Repository, Update
from holdfast.client.scan import Problem
from holdfast.protocol.frozen import frozen
from holdfast.protocol.units import ChunkId


@frozen
class Backup:
    """A backup whose chunks are handed over, to be committed."""

    update: Update
    snapshot: NamedSnapshot
    problems: tuple[Problem, ...]
    files_new: int


@frozen
class Estimate:
    """What a backup would add: the sizes of its new chunks, and what it would see."""

    snapshot: NamedSnapshot
    problems: tuple[Problem, ...]
    chunk_sizes: tuple[int, ...]
    files_new: int


def back_up(
    repository: Repository,
    job: BackupJob,
    writer: ChunkWriter,
    *,
    log: PackLog = NO_PACK_LOG,
    progress: OnProgress = no_progress,
) -> Backup:
    """Store what the job names, next to the newest snapshot of the same paths.

    Raises NothingToBackUpError if none of the paths exists, SnapshotLimitError for too
    many paths or tags, and what `writer` raises.
    """
    check_paths(job.paths)
    check_tags(job.tags)
    if job.stream is None and not any(map(os.path.lexists, job.paths)):
        names = ", ".join(map(os.fsdecode, job.paths))
        raise NothingToBackUpError(f"there is nothing at {names}")
    parent = newest_parent(repository.root, clip_text(job.host), job.paths)
    keys = repository.keys
    with BlobWriter(keys, repository.index, writer, log=log) as blobs:
        archiver = Archiver(
            blobs,
            Cutter(keys.chunking_seed),
            reader=repository.reader,
            parent=parent.snapshot if parent else None,
            progress=progress,
        )
        archive = archiver.run(job)
    named = name_snapshot(keys.dedup, _snapshot(job, archive, parent))
    change = RootChange(repository.root.generation, added=(named,))
    update = Update(change, tuple(blobs.records))
    return Backup(update, named, archive.problems, archive.files_new)


def estimate(
    repository: Repository, job: BackupJob, *, progress: OnProgress = no_progress
) -> Estimate:
    """Return what `back_up` would add, having read everything and stored nothing."""
    counter = _Counter()
    backup = back_up(repository.fork(), job, counter, progress=progress)
    sizes = tuple(counter.sizes)
    return Estimate(backup.snapshot, backup.problems, sizes, backup.files_new)


@dataclass(slots=True)
class _Counter:
    sizes: list[int] = field(default_factory=list)

    def add(self, ciphertext: bytes | bytearray | memoryview) -> ChunkId:
        self.sizes.append(len(ciphertext))
        return ChunkId(hashlib.sha256(len(self.sizes).to_bytes(8, "big")).digest())


def _snapshot(
    job: BackupJob, archive: Archive, parent: NamedSnapshot | None
) -> Snapshot:
    return Snapshot(
        time_ns=job.time_ns,
        utc_offset_seconds=job.utc_offset_seconds,
        host=clip_text(job.host),
        user=clip_text(job.user),
        paths=job.paths,
        tags=job.tags,
        tree=archive.tree,
        parent=parent.id if parent else None,
        stats=archive.stats,
        program=job.program,
    )
