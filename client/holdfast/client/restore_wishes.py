"""From what a user names of a snapshot to a restore's job."""

import os
from collections.abc import Sequence
from pathlib import Path

from holdfast.client.core.selection import EVERYTHING, select
from holdfast.client.core.snapshot import Snapshot
from holdfast.client.core.tree import Node, NodeKind
from holdfast.client.path_patterns import PathPatterns
from holdfast.client.repository import Repository
from holdfast.client.restore_values import (
    Overwrite,
    RestoreJob,
    Wish,
    Wishes,
    everything_wanted,
)


def restore_job(
    repository: Repository,
    snapshot: Snapshot,
    target: Path,
    *,
    paths: Sequence[bytes] = (),
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    overwrite: Overwrite = Overwrite.ALWAYS,
    verify: bool = False,
    keep_damaged: bool = False,
) -> RestoreJob:
    """Return the job of restoring some absolute paths, or all of a snapshot.

    `include` and `exclude` are lines of a .gitignore. Raises PathUnknownError for a
    path that the snapshot has not, and PatternError.
    """
    for path in paths:
        if path.strip(b"/"):
            repository.node(snapshot, path)
    return RestoreJob(
        snapshot.tree,
        target,
        select(paths) if paths else EVERYTHING,
        overwrite,
        keep_damaged,
        wishes=wishes_of(include, exclude, snapshot.paths),
        verify=verify,
    )


def wishes_of(
    include: Sequence[str], exclude: Sequence[str], tops: Sequence[bytes]
) -> Wishes:
    """Return which nodes to restore: those included and not excluded; else all."""
    if not include and not exclude:
        return everything_wanted
    wanted = PathPatterns(include, tops)
    unwanted = PathPatterns(exclude, tops)

    def wishes(path: bytes, node: Node) -> Wish:
        directory = node.kind is NodeKind.DIRECTORY
        if exclude and unwanted.match(path, directory=directory):
            return Wish.LEFT_OUT
        if not include or wanted.match(path, directory=directory):
            return Wish.WANTED
        return Wish.PASSED

    return wishes


def absolute(paths: Sequence[str]) -> tuple[bytes, ...]:
    """Return paths as a snapshot has them: absolute, without `..`, unresolved."""
    return tuple(os.fsencode(os.path.abspath(path)) for path in paths)  # noqa: PTH100 # of bytes, too
