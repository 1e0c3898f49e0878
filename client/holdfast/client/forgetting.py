"""Forgetting by rules: what they keep of each group of snapshots, and what goes."""

from collections.abc import Iterator, Sequence

from holdfast.client.core.retention import Decision, Retention, decide
from holdfast.client.core.snapshot import NamedSnapshot, SnapshotId
from holdfast.client.core.snapshot_choice import (
    BY_HOST_AND_PATHS,
    EVERY_SNAPSHOT,
    GroupBy,
    GroupKey,
    SnapshotFilter,
    find_snapshots,
    group,
)
from holdfast.client.repository import Repository
from holdfast.protocol.errors import HoldfastError
from holdfast.protocol.frozen import frozen


class NothingKeptError(HoldfastError):
    """Rules that would keep no snapshot of a group; nothing was forgotten."""


@frozen
class Ruling:
    """What was decided about one group of snapshots, oldest first."""

    key: GroupKey
    decisions: tuple[Decision, ...]

    @property
    def going(self) -> tuple[NamedSnapshot, ...]:
        """The snapshots that no rule keeps."""
        return tuple(each.named for each in self.decisions if not each.is_kept)


@frozen
class ForgetRules:
    """What to keep of the snapshots that `among` takes, of each group by `group_by`."""

    retention: Retention
    among: SnapshotFilter = EVERY_SNAPSHOT
    group_by: Sequence[GroupBy] = BY_HOST_AND_PATHS


def rule(repository: Repository, rules: ForgetRules) -> tuple[Ruling, ...]:
    """Decide about each group, or raise NothingKeptError if one would lose all."""
    chosen = find_snapshots(repository.snapshots, (), rules.among)
    rulings = tuple(
        Ruling(key, decide(members, rules.retention))
        for key, members in group(chosen, rules.group_by).items()
    )
    for ruling in rulings:
        if not any(each.is_kept for each in ruling.decisions):
            raise NothingKeptError(
                f"these rules would keep no snapshot "
                f"of {' '.join(described(ruling.key)) or 'this repository'}; "
                "nothing was forgotten"
            )
    return rulings


def going_of(rulings: Sequence[Ruling]) -> frozenset[SnapshotId]:
    """Return the ids of all snapshots that go."""
    return frozenset(named.id for ruling in rulings for named in ruling.going)


def described(key: GroupKey) -> Iterator[str]:
    """Yield what the snapshots of a group have in common, in words."""
    if key.host is not None:
        yield f"host {key.host}"
    if key.paths is not None:
        yield " ".join(path.decode("utf-8", "backslashreplace") for path in key.paths)
    if key.tags is not None:
        yield f"tagged {', '.join(key.tags)}" if key.tags else "without tags"
