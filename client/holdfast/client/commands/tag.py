"""`holdfast tag add|remove|set`: other tags for backups that exist."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from holdfast.client import completing, wording
from holdfast.client.command_line import Group
from holdfast.client.core.snapshot_choice import (
    EVERY_SNAPSHOT,
    SnapshotFilter,
    find_snapshots,
)
from holdfast.client.invocation import Invocation, pass_invocation
from holdfast.client.snapshot_options import filtered, read_tags

if TYPE_CHECKING:
    from holdfast.client.core.ports import ChunkWriter
    from holdfast.client.core.snapshot import NamedSnapshot
    from holdfast.client.repository import Repository, Update

Tags = tuple[str, ...]
Change = Callable[[Tags], Tags]

_NAMES = click.argument(
    "names", nargs=-1, metavar="[SNAPSHOT]...", shell_complete=completing.snapshots
)


@click.group("tag", cls=Group)
def command() -> None:
    """Change the tags of SNAPSHOTs, or of all that --host, --tag and --path choose.

    Several tags are written as one,two. Ids of snapshots stay as they are.
    """


@command.command("add")
@click.argument("tags")
@_NAMES
@filtered
@pass_invocation
def add(
    invocation: Invocation, *, tags: str, names: Tags, among: SnapshotFilter
) -> None:
    """Add TAGS to those that are there."""
    more = read_tags(tags)
    _retag(invocation, names, among, lambda had: tuple(dict.fromkeys((*had, *more))))


@command.command("remove")
@click.argument("tags")
@_NAMES
@filtered
@pass_invocation
def remove(
    invocation: Invocation, *, tags: str, names: Tags, among: SnapshotFilter
) -> None:
    """Take TAGS away."""
    gone = read_tags(tags)
    _retag(invocation, names, among, lambda had: tuple(t for t in had if t not in gone))


@command.command("set")
@click.argument("tags")
@_NAMES
@filtered
@pass_invocation
def replace(
    invocation: Invocation, *, tags: str, names: Tags, among: SnapshotFilter
) -> None:
    """Put TAGS in place of those that are there; '' takes all away."""
    wanted = read_tags(tags)
    _retag(invocation, names, among, lambda _had: wanted)


def _retag(
    invocation: Invocation, names: Tags, among: SnapshotFilter, change: Change
) -> None:
    if not names and among == EVERY_SNAPSHOT:
        raise click.UsageError(
            "Name snapshots, or choose some with --host, --tag, --path."
        )

    def work(
        repository: "Repository", _writer: "ChunkWriter"
    ) -> "tuple[Update, dict[NamedSnapshot, Tags]]":
        from holdfast.client.pruning import retag  # noqa: PLC0415

        chosen = find_snapshots(repository.snapshots, names, among)
        wanted = {named: change(named.snapshot.tags) for named in chosen}
        changed = {
            named: tags for named, tags in wanted.items() if tags != named.snapshot.tags
        }
        update = retag(repository, {named.id: tags for named, tags in changed.items()})
        return update, changed

    with invocation.client() as client:
        changed = client.change(work)
    output = invocation.output
    for named, tags in changed.items():
        said = ", ".join(tags) or "no tags"
        output.say(f"{wording.short(named.id)}: {said}")
    output.say(f"{wording.count(len(changed), 'snapshot')} changed")
    output.result(
        {
            "changed": [
                {"id": named.id, "tags": list(tags)} for named, tags in changed.items()
            ]
        }
    )
