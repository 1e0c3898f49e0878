"""`holdfast snapshots`: the list of backups."""

import datetime as dt
import os
from typing import TYPE_CHECKING

import click

from holdfast.client import wording
from holdfast.client.command_line import Command
from holdfast.client.invocation import Invocation, pass_invocation

if TYPE_CHECKING:
    from holdfast.client.core.snapshot import NamedSnapshot


@click.command("snapshots", cls=Command)
@pass_invocation
def command(invocation: Invocation) -> None:
    """List your backups, oldest first."""
    with invocation.client() as client:
        snapshots = client.snapshots()
    output = invocation.output
    if not snapshots:
        output.say("No snapshots yet: `holdfast backup PATH` makes one.")
    else:
        output.table(
            ("snapshot", "time", "host", ">files", ">size", "paths", "tags"),
            [_row(named) for named in snapshots],
        )
    output.result({"snapshots": [document_of(named) for named in snapshots]})


def _row(named: "NamedSnapshot") -> tuple[str, ...]:
    snapshot = named.snapshot
    return (
        wording.short(named.id),
        _time(named).strftime("%Y-%m-%d %H:%M:%S"),
        snapshot.host,
        f"{snapshot.stats.files:,}",
        wording.size(snapshot.stats.bytes_seen),
        " ".join(os.fsdecode(path) for path in snapshot.paths),
        " ".join(snapshot.tags),
    )


def _time(named: "NamedSnapshot") -> dt.datetime:
    offset = dt.timedelta(seconds=named.snapshot.utc_offset_seconds)
    seconds = named.snapshot.time_ns // 1_000_000_000
    return dt.datetime.fromtimestamp(seconds, tz=dt.timezone(offset))


def document_of(named: "NamedSnapshot") -> dict[str, object]:
    """Return a snapshot as `--json` prints it."""
    snapshot = named.snapshot
    return {
        "id": named.id,
        "time": _time(named).isoformat(),
        "host": snapshot.host,
        "user": snapshot.user,
        "paths": [os.fsdecode(path) for path in snapshot.paths],
        "tags": list(snapshot.tags),
        "files": snapshot.stats.files,
        "bytes_seen": snapshot.stats.bytes_seen,
        "bytes_stored": snapshot.stats.bytes_stored,
        "problems": snapshot.stats.problems,
    }
