"""`holdfast diff SNAPSHOT SNAPSHOT`: what changed from one backup to the other."""

import os
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from holdfast.client import completing, wording
from holdfast.client.command_line import Command
from holdfast.client.core.snapshot_choice import SnapshotFilter
from holdfast.client.invocation import Invocation, pass_invocation
from holdfast.client.node_wording import shown_path
from holdfast.client.snapshot_options import filtered

if TYPE_CHECKING:
    from holdfast.client.core.tree_diff import Change
    from holdfast.client.output import Output
    from holdfast.client.repository import Repository
    from holdfast.client.snapshot_diff import DiffSums


@click.command("diff", cls=Command)
@click.argument("before", shell_complete=completing.snapshots)
@click.argument("after", shell_complete=completing.snapshots)
@click.option("--metadata", is_flag=True, help="Modes, owners and times count too.")
@filtered
@pass_invocation
def command(
    invocation: Invocation,
    *,
    before: str,
    after: str,
    metadata: bool,
    among: SnapshotFilter,
) -> None:
    """Show what changed from snapshot BEFORE to snapshot AFTER.

    Before each path stands + (added), - (removed), M (other content), T (another
    type) or U (other metadata, with --metadata). In JSON each change is a line.
    """
    output = invocation.output

    def tell(change: "Change") -> None:
        if change.kind.name != "METADATA" or metadata:
            _show(output, change)

    def compare(repository: "Repository") -> "DiffSums":
        from holdfast.client.snapshot_diff import diff  # noqa: PLC0415

        old = repository.snapshot(before, among).snapshot
        new = repository.snapshot(after, among).snapshot
        return diff(repository, old, new, tell)

    with invocation.reader() as client:
        sums = client.read(compare)
    _sum_up(output, sums)


def _show(output: "Output", change: "Change") -> None:
    node = change.after or change.before
    assert node is not None
    slash = "/" if node.kind.name == "DIRECTORY" else ""
    more = change.bytes_more
    sign = "-" if more < 0 else "+"
    size = f"{sign}{wording.size(abs(more))}" if more else ""
    output.say(f"{change.kind.value}  {size:>12}  {shown_path(change.path)}{slash}")
    output.event(
        "change",
        path=os.fsdecode(change.path),
        change=change.kind.name.lower(),
        kind=node.kind.name.lower(),
        bytes_more=more,
    )


def _sum_up(output: "Output", sums: "DiffSums") -> None:
    output.say()
    output.say(
        f"Files: {sums.files_added:,} added, {sums.files_removed:,} removed, "
        f"{sums.files_changed:,} changed"
    )
    output.say(
        f"Directories: {sums.directories_added:,} added, "
        f"{sums.directories_removed:,} removed"
    )
    if sums.others_added or sums.others_removed:
        output.say(
            f"Others: {sums.others_added:,} added, {sums.others_removed:,} removed"
        )
    if sums.types_changed:
        output.say(f"Types changed: {sums.types_changed:,}")
    output.say(
        f"New data: {wording.size(sums.added.bytes)}; "
        f"no longer needed: {wording.size(sums.removed.bytes)}"
    )
    output.result(asdict(sums))
