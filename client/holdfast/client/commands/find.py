"""`holdfast find PATTERN…`: in which backups a file is."""

import fnmatch
import os
import re
from typing import TYPE_CHECKING

import click

from holdfast.client import wording
from holdfast.client.command_line import Command
from holdfast.client.commands.snapshots import time_of
from holdfast.client.core.snapshot_choice import SnapshotFilter, find_snapshots
from holdfast.client.invocation import Invocation, pass_invocation
from holdfast.client.node_wording import document_of, long_line, shown_path
from holdfast.client.snapshot_options import filtered

if TYPE_CHECKING:
    from holdfast.client.core.tree import Node
    from holdfast.client.core.tree_find import Wanted
    from holdfast.client.repository import Repository


@click.command("find", cls=Command)
@click.argument("patterns", nargs=-1, required=True, metavar="PATTERN...")
@click.option("--ignore-case", "-i", is_flag=True, help="Capitals do not count.")
@click.option("--long", "-l", "long", is_flag=True, help="Modes, sizes and times too.")
@click.option(
    "--snapshot", "-s", "names", multiple=True, help="Only in this one; repeatable."
)
@filtered
@pass_invocation
def command(
    invocation: Invocation,
    *,
    patterns: tuple[str, ...],
    ignore_case: bool,
    long: bool,
    names: tuple[str, ...],
    among: SnapshotFilter,
) -> None:
    """Find files whose names match a PATTERN such as *.odt, in all backups.

    A PATTERN with a slash is compared with the end of whole paths, and one that
    starts with a slash with whole paths. In JSON each match is a line.
    """
    output = invocation.output
    wanted = _wanted(patterns, ignore_case=ignore_case)

    def show(repository: "Repository") -> tuple[int, int]:
        from holdfast.client.core.tree_find import TreeFinder  # noqa: PLC0415

        finder = TreeFinder(repository.reader.load, wanted)
        matches = snapshots = 0
        for named in find_snapshots(repository.snapshots, names, among):
            before = matches
            for path, node in finder.find(named.snapshot.tree):
                if matches == before:
                    output.say(
                        f"In snapshot {wording.short(named.id)} "
                        f"of {time_of(named):%Y-%m-%d %H:%M:%S}:"
                    )
                shown = long_line(path, node) if long else shown_path(path)
                output.say(f"  {shown}")
                output.event("match", snapshot=named.id, **document_of(path, node))
                matches += 1
            snapshots += matches > before
        return matches, snapshots

    with invocation.reader() as client:
        matches, snapshots = client.read(show)
    if not matches:
        output.say("Nothing matches; quote a pattern, lest the shell replace it.")
    output.result({"matches": matches, "snapshots": snapshots})


def _wanted(patterns: tuple[str, ...], *, ignore_case: bool) -> "Wanted":
    flags = re.IGNORECASE if ignore_case else 0
    shapes = [re.compile(fnmatch.translate(_whole(each)), flags) for each in patterns]

    def wanted(path: bytes, _node: "Node") -> bool:
        text = os.fsdecode(path)
        return any(shape.match(text) for shape in shapes)

    return wanted


def _whole(pattern: str) -> str:
    """Return the pattern for a whole path; `*` stands for slashes, too."""
    bare = pattern.rstrip("/") or "/"
    return bare if bare.startswith("/") else f"*/{bare}"
