"""`holdfast ls SNAPSHOT [PATH]`: what a backup holds."""

import datetime as dt
import os
import stat
from typing import TYPE_CHECKING

import click

from holdfast.client.command_line import Command
from holdfast.client.invocation import Invocation, pass_invocation

if TYPE_CHECKING:
    from holdfast.client.core.tree import Node

_TYPES = {
    "FILE": stat.S_IFREG,
    "DIRECTORY": stat.S_IFDIR,
    "SYMLINK": stat.S_IFLNK,
    "FIFO": stat.S_IFIFO,
    "SOCKET": stat.S_IFSOCK,
    "BLOCK_DEVICE": stat.S_IFBLK,
    "CHARACTER_DEVICE": stat.S_IFCHR,
}


@click.command("ls", cls=Command)
@click.argument("snapshot", default="latest")
@click.argument("path", default="/")
@click.option("--long", "-l", "long", is_flag=True, help="Modes, sizes and times too.")
@pass_invocation
def command(invocation: Invocation, *, snapshot: str, path: str, long: bool) -> None:
    """List what SNAPSHOT holds at and below PATH.

    SNAPSHOT is the start of an id, or "latest", which is also the default. In JSON
    each file is a line.
    """
    output = invocation.output
    count = 0
    with invocation.client() as client:
        for where, node in client.ls(snapshot, os.path.abspath(path)):  # noqa: PTH100
            name = os.fsdecode(where)
            output.say(f"{_details(node)}  {name}" if long else name)
            output.event("file", **_document(name, node))
            count += 1
    output.result({"count": count})


def _details(node: "Node") -> str:
    mode = stat.filemode(_TYPES[node.kind.name] | node.mode)
    owner = f"{node.user or node.uid} {node.group or node.gid}"
    return f"{mode} {owner} {node.size:>12} {_time(node):%Y-%m-%d %H:%M:%S}"


def _time(node: "Node") -> dt.datetime:
    seconds = node.mtime_ns // 1_000_000_000
    return dt.datetime.fromtimestamp(seconds, tz=dt.UTC).astimezone()


def _document(name: str, node: "Node") -> dict[str, object]:
    return {
        "path": name,
        "kind": node.kind.name.lower(),
        "mode": f"{node.mode:04o}",
        "size": node.size,
        "mtime_ns": node.mtime_ns,
        "target": os.fsdecode(node.target) if node.target else None,
    }
