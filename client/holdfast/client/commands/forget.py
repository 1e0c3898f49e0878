"""`holdfast forget SNAPSHOT…`: backups off the list."""

import click

from holdfast.client import wording
from holdfast.client.command_line import Command
from holdfast.client.invocation import Invocation, pass_invocation


@click.command("forget", cls=Command)
@click.argument("snapshots", nargs=-1)
@click.option("--keep-last", type=click.IntRange(1), help="Forget all but the newest.")
@pass_invocation
def command(
    invocation: Invocation, *, snapshots: tuple[str, ...], keep_last: int | None
) -> None:
    """Remove SNAPSHOTs from the list; `holdfast prune` then gives back the space."""
    if bool(snapshots) == bool(keep_last):
        raise click.UsageError("Name snapshots, or say --keep-last.")
    with invocation.client() as client:
        named = snapshots
        if keep_last:
            older = client.snapshots()[:-keep_last]
            named = tuple(snapshot.id.hex() for snapshot in older)
        forgotten = client.forget(named) if named else ()
    output = invocation.output
    for snapshot in forgotten:
        output.say(f"forgot {wording.short(snapshot.id)}")
    count = wording.count(len(forgotten), "snapshot")
    output.say(f"{count} forgotten; `holdfast prune` gives back their space.")
    output.result({"forgotten": [snapshot.id.hex() for snapshot in forgotten]})
