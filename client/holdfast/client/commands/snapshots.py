"""`holdfast snapshots`: the list of backups."""

import datetime as dt
import os
from typing import TYPE_CHECKING

import click

from holdfast.client import completing, wording
from holdfast.client.command_line import Command
from holdfast.client.core.snapshot_choice import (
    SnapshotFilter,
    find_snapshots,
    newest_of_each,
)
from holdfast.client.invocation import Invocation, pass_invocation
from holdfast.client.node_wording import shown_path
from holdfast.client.snapshot_options import filtered

if TYPE_CHECKING:
    from holdfast.client.core.snapshot import NamedSnapshot


@click.command("snapshots", cls=Command)
@click.argument(
    "names", nargs=-1, metavar="[SNAPSHOT]...", shell_complete=completing.snapshots
)
@filtered
@click.option(
    "--latest",
    type=click.IntRange(1),
    help="Only the newest N of each host and paths.",
)
@pass_invocation
def command(
    invocation: Invocation,
    *,
    names: tuple[str, ...],
    among: SnapshotFilter,
    latest: int | None,
) -> None:
    """List your backups, oldest first."""
    with invocation.reader() as client:
        every = client.snapshots()
    completing.keep_snapshots(invocation.home, every)
    chosen = find_snapshots(every, names, among)
    if latest is not None:
        chosen = newest_of_each(chosen, latest)
    output = invocation.output
    if chosen:
        output.table(
            ("snapshot", "time", "host", ">files", ">size", "paths", "tags"),
            [_row(named) for named in chosen],
        )
        count = wording.count(len(every), "snapshot")
        if len(chosen) < len(every):
            output.say(f"{len(chosen):,} of {count}")
    elif every:
        output.say("No snapshot is of this host, tag and path.")
    else:
        output.say("No snapshots yet: `holdfast backup PATH` makes one.")
    output.result({"snapshots": [document_of(named) for named in chosen]})


def _row(named: "NamedSnapshot") -> tuple[str, ...]:
    snapshot = named.snapshot
    return (
        wording.short(named.id),
        f"{time_of(named):%Y-%m-%d %H:%M:%S}",
        snapshot.host,
        f"{snapshot.stats.files:,}",
        wording.size(snapshot.stats.bytes_seen),
        " ".join(shown_path(path) for path in snapshot.paths),
        " ".join(snapshot.tags),
    )


def time_of(named: "NamedSnapshot") -> dt.datetime:
    """Return when a snapshot was begun, as the clocks of its place showed it."""
    offset = dt.timedelta(seconds=named.snapshot.utc_offset_seconds)
    seconds = named.snapshot.time_ns // 1_000_000_000
    return dt.datetime.fromtimestamp(seconds, tz=dt.timezone(offset))


def document_of(named: "NamedSnapshot") -> dict[str, object]:
    """Return a snapshot as `--json` prints it."""
    snapshot = named.snapshot
    return {
        "id": named.id,
        "time": time_of(named).isoformat(),
        "host": snapshot.host,
        "user": snapshot.user,
        "paths": [os.fsdecode(path) for path in snapshot.paths],
        "tags": list(snapshot.tags),
        "parent": snapshot.parent,
        "files": snapshot.stats.files,
        "bytes_seen": snapshot.stats.bytes_seen,
        "bytes_stored": snapshot.stats.bytes_stored,
        "problems": snapshot.stats.problems,
    }
