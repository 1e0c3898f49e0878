# Paths are bytes here, and pathlib's are not.
# ruff: noqa: PTH115, PTH118
"""An owner whose network is one dictionary, and how to compare directories."""

import dataclasses
import os
import stat
from pathlib import Path

from holdfast.client.archive import BackupJob, absolute_paths
from holdfast.client.backup import Backup, back_up
from holdfast.client.core.owner_keys import OwnerKeys
from holdfast.client.repository import Repository
from holdfast.client.restore import RestoreJob, RestoreReport, restore
from memory_chunks import MemoryChunks

KEYS = OwnerKeys(bytes(range(32)))
LATER_NS = 10**10  # files made just now count as old


class Owner:
    """One owner's repository on one machine, each command loaded from its memo."""

    def __init__(self, chunks: MemoryChunks) -> None:
        self.chunks = chunks
        self.memo: bytes | None = None
        self.backups = 0

    @property
    def repository(self) -> Repository:
        return Repository.load(KEYS, self.chunks, self.memo)

    def back_up(self, *paths: Path | bytes, **job: object) -> Backup:
        repository = self.repository
        described = job_of(*paths, **job)
        if "time_ns" not in job:
            self.backups += 1
            time_ns = described.time_ns + self.backups
            described = dataclasses.replace(described, time_ns=time_ns)
        backup = back_up(repository, described, self.chunks)
        self.memo = repository.commit(backup.update, self.chunks).memo
        return backup

    def restore(self, target: Path, **job: object) -> RestoreReport:
        repository = self.repository
        tree = repository.snapshot("latest").snapshot.tree
        return restore(RestoreJob(tree, target, **job), repository.reader)  # type: ignore[arg-type] # fields by name


def job_of(*paths: Path | bytes, **job: object) -> BackupJob:
    newest = max(
        (os.lstat(path).st_ctime_ns for path in paths if os.path.lexists(path)),
        default=0,
    )
    defaults = {
        "time_ns": newest + LATER_NS,
        "host": "host",
        "user": "user",
        "program": "holdfast test",
    }
    return BackupJob(absolute_paths(paths), **(defaults | job))  # type: ignore[arg-type] # likewise


def described(path: bytes) -> tuple[object, ...]:
    """All that a restore must bring back of one file."""
    status = os.lstat(path)
    kind = stat.S_IFMT(status.st_mode)
    content: object = None
    if kind == stat.S_IFREG:
        content = Path(os.fsdecode(path)).read_bytes()
    elif kind == stat.S_IFLNK:
        content = os.readlink(path)
    names = sorted(os.listxattr(path, follow_symlinks=False))
    xattrs = [(n, os.getxattr(path, n, follow_symlinks=False)) for n in names]
    owner = (status.st_uid, status.st_gid, status.st_rdev)
    return status.st_mode, status.st_mtime_ns, owner, content, xattrs


def listing(top: Path) -> dict[bytes, tuple[object, ...]]:
    root = os.fsencode(top)
    found = {b".": described(root)}
    for directory, directories, files in os.walk(root):
        for name in directories + files:
            path = os.path.join(directory, name)
            found[os.path.relpath(path, root)] = described(path)
    return found


def within(target: Path, source: Path) -> Path:
    return target / str(source).lstrip("/")


def fill(source: Path, files: dict[str, bytes]) -> None:
    for name, data in files.items():
        path = source / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def round_trip(owner: Owner, source: Path, target: Path) -> RestoreReport:
    before = listing(source)
    backup = owner.back_up(source)
    assert backup.problems == ()
    report = owner.restore(target)
    assert report.failures == ()
    assert listing(within(target, source)) == before
    return report
