"""`holdfast ls SNAPSHOT [PATH…]`: what a backup holds."""

import os
from typing import TYPE_CHECKING

import click

from holdfast.client import completing
from holdfast.client.command_line import Command
from holdfast.client.core.snapshot_choice import LATEST, SnapshotFilter
from holdfast.client.invocation import Invocation, pass_invocation
from holdfast.client.node_wording import document_of, long_line, shown_path
from holdfast.client.snapshot_options import filtered

if TYPE_CHECKING:
    from holdfast.client.repository import Repository


@click.command("ls", cls=Command)
@click.argument("snapshot", default=LATEST, shell_complete=completing.snapshots)
@click.argument("paths", nargs=-1)
@click.option("--long", "-l", "long", is_flag=True, help="Modes, sizes and times too.")
@click.option(
    "--recursive", "-r", is_flag=True, help="All below PATH, not its entries."
)
@filtered
@pass_invocation
def command(
    invocation: Invocation,
    *,
    snapshot: str,
    paths: tuple[str, ...],
    long: bool,
    recursive: bool,
    among: SnapshotFilter,
) -> None:
    """List what SNAPSHOT holds: all of it, or PATHs and what is in them.

    SNAPSHOT is the start of an id, or "latest" (of a host, tag or path), which is
    also the default. In JSON each file is a line.
    """
    output = invocation.output

    def show(repository: "Repository") -> int:
        from holdfast.client.snapshot_listing import list_nodes  # noqa: PLC0415

        named = repository.snapshot(snapshot, among)
        count = 0
        for place in paths or ("/",):
            path = os.fsencode(os.path.abspath(place))  # noqa: PTH100 # of bytes, too
            for where, node in list_nodes(
                repository, named.snapshot, path, recursive=recursive or not paths
            ):
                output.say(long_line(where, node) if long else shown_path(where))
                output.event("file", **document_of(where, node))
                count += 1
        return count

    with invocation.reader() as client:
        output.result({"count": client.read(show)})
