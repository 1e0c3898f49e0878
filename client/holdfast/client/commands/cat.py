"""`holdfast cat SNAPSHOT PATH`: a file of a backup to standard output."""

import os
import shutil
import sys
from typing import TYPE_CHECKING

import click

from holdfast.client import completing
from holdfast.client.command_line import Command
from holdfast.client.core.snapshot_choice import SnapshotFilter
from holdfast.client.invocation import Invocation, pass_invocation
from holdfast.client.snapshot_options import filtered

if TYPE_CHECKING:
    from holdfast.client.repository import Repository

_STEP_BYTES = 1 << 20


@click.command("cat", cls=Command)
@click.argument("snapshot", shell_complete=completing.snapshots)
@click.argument("path")
@filtered
@pass_invocation
def command(
    invocation: Invocation, *, snapshot: str, path: str, among: SnapshotFilter
) -> None:
    """Write the file at PATH in SNAPSHOT to standard output, and nothing else.

    SNAPSHOT is the start of an id, or "latest" (of a host, tag or path).
    """

    def copy(repository: "Repository") -> None:
        named = repository.snapshot(snapshot, among)
        place = os.fsencode(os.path.abspath(path))  # noqa: PTH100 # of bytes, too
        with repository.open_file(named.snapshot, place) as file:
            shutil.copyfileobj(file, sys.stdout.buffer, _STEP_BYTES)
        sys.stdout.buffer.flush()

    with invocation.reader() as client:
        client.read(copy)
