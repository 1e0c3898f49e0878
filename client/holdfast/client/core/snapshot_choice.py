"""Choosing snapshots: by host, tags and paths, by name, the newest of each group."""

from collections.abc import Iterable, Sequence
from enum import Enum
from typing import Final

from holdfast.client.core.errors import SnapshotUnknownError
from holdfast.client.core.snapshot import NamedSnapshot
from holdfast.protocol.frozen import frozen

LATEST: Final = "latest"


@frozen
class SnapshotFilter:
    """What a snapshot must be: of one of the hosts, with tags, and of all the paths.

    One of `tags` must be there as a whole; an empty one means no tags at all. What is
    empty asks for nothing.
    """

    hosts: frozenset[str] = frozenset()
    tags: tuple[frozenset[str], ...] = ()
    paths: frozenset[bytes] = frozenset()

    def takes(self, named: NamedSnapshot) -> bool:
        """Return whether the snapshot is one of those asked for."""
        snapshot = named.snapshot
        return (
            (not self.hosts or snapshot.host in self.hosts)
            and (not self.tags or any(_has(snapshot.tags, tags) for tags in self.tags))
            and self.paths <= set(snapshot.paths)
        )


EVERY_SNAPSHOT: Final = SnapshotFilter()


class GroupBy(Enum):
    """By what snapshots are put together; the value is its name in commands."""

    HOST = "host"
    PATHS = "paths"
    TAGS = "tags"


BY_HOST_AND_PATHS: Final = (GroupBy.HOST, GroupBy.PATHS)


@frozen
class GroupKey:
    """What the snapshots of one group have in common; None of what is not asked."""

    host: str | None = None
    paths: tuple[bytes, ...] | None = None
    tags: tuple[str, ...] | None = None


def group(
    snapshots: Iterable[NamedSnapshot], by: Sequence[GroupBy] = BY_HOST_AND_PATHS
) -> dict[GroupKey, list[NamedSnapshot]]:
    """Return snapshots by what they have in common, in the order of their coming."""
    found: dict[GroupKey, list[NamedSnapshot]] = {}
    for named in snapshots:
        snapshot = named.snapshot
        key = GroupKey(
            host=snapshot.host if GroupBy.HOST in by else None,
            paths=tuple(sorted(snapshot.paths)) if GroupBy.PATHS in by else None,
            tags=tuple(sorted(snapshot.tags)) if GroupBy.TAGS in by else None,
        )
        found.setdefault(key, []).append(named)
    return found


def newest_of_each(
    snapshots: Sequence[NamedSnapshot],
    count: int,
    by: Sequence[GroupBy] = BY_HOST_AND_PATHS,
) -> tuple[NamedSnapshot, ...]:
    """Return the newest `count` of each group; `snapshots` are oldest first."""
    newest = {each for some in group(snapshots, by).values() for each in some[-count:]}
    return tuple(named for named in snapshots if named in newest)


def find_snapshot(
    snapshots: Sequence[NamedSnapshot],
    name: str,
    among: SnapshotFilter = EVERY_SNAPSHOT,
) -> NamedSnapshot:
    """Return the snapshot named by "latest" or the start of its id in hexadecimal.

    The latest is that of those `among` takes. Raises SnapshotUnknownError if there is
    none, or several.
    """
    if name == LATEST:
        fitting = [named for named in snapshots if among.takes(named)]
        if fitting:
            return fitting[-1]
        which = "of this host, tag and path" if snapshots else "yet"
        raise SnapshotUnknownError(f"there is no snapshot {which}")
    found = [each for each in snapshots if name and _is_named(each, name)]
    if len(found) == 1:
        return found[0]
    if found:
        ids = ", ".join(each.id.hex()[:12] for each in found[:5])
        raise SnapshotUnknownError(
            f"{len(found)} snapshots start with {name!r}, among them {ids}"
        )
    raise SnapshotUnknownError(f"there is no snapshot {name!r}")


def find_snapshots(
    snapshots: Sequence[NamedSnapshot],
    names: Sequence[str],
    among: SnapshotFilter = EVERY_SNAPSHOT,
) -> tuple[NamedSnapshot, ...]:
    """Return the snapshots of these names, or without names all that `among` takes.

    Raises SnapshotUnknownError.
    """
    if not names:
        return tuple(named for named in snapshots if among.takes(named))
    found = [find_snapshot(snapshots, name, among) for name in names]
    return tuple(dict.fromkeys(found))


def _is_named(named: NamedSnapshot, name: str) -> bool:
    return named.id.hex().startswith(name.lower())


def _has(tags: Sequence[str], wanted: frozenset[str]) -> bool:
    return wanted <= set(tags) if wanted else not tags
