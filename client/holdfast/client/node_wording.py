"""How files of a snapshot are shown: a line as `ls -l` writes it, or JSON."""

import datetime as dt
import os
import stat
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from holdfast.client.core.tree import Node

_TYPES: Final = {
    "FILE": stat.S_IFREG,
    "DIRECTORY": stat.S_IFDIR,
    "SYMLINK": stat.S_IFLNK,
    "FIFO": stat.S_IFIFO,
    "SOCKET": stat.S_IFSOCK,
    "BLOCK_DEVICE": stat.S_IFBLK,
    "CHARACTER_DEVICE": stat.S_IFCHR,
}


def shown_path(path: bytes) -> str:
    """Return a path on one line: what is no printable text becomes an escape."""
    text = os.fsdecode(path)
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else _escaped(each) for each in text)


def long_line(path: bytes, node: "Node") -> str:
    """Return mode, owner, size, time and path, and where a link leads."""
    mode = stat.filemode(_TYPES[node.kind.name] | node.mode)
    owner = f"{node.user or node.uid} {node.group or node.gid}"
    arrow = f" -> {shown_path(node.target)}" if node.target else ""
    when = f"{local_time(node.mtime_ns):%Y-%m-%d %H:%M:%S}"
    return f"{mode} {owner} {node.size:>12} {when}  {shown_path(path)}{arrow}"


def document_of(path: bytes, node: "Node") -> dict[str, object]:
    """Return a node as `--json` prints it."""
    return {
        "path": os.fsdecode(path),
        "kind": node.kind.name.lower(),
        "mode": f"{node.mode:04o}",
        "size": node.size,
        "mtime_ns": node.mtime_ns,
        "uid": node.uid,
        "gid": node.gid,
        "user": node.user,
        "group": node.group,
        "target": os.fsdecode(node.target) if node.target else None,
    }


def local_time(time_ns: int) -> dt.datetime:
    """Return a time, nanoseconds since 1970 in 64 bits, as this place has it."""
    seconds = time_ns // 1_000_000_000
    return dt.datetime.fromtimestamp(seconds, tz=dt.UTC).astimezone()


def _escaped(sign: str) -> str:
    code = ord(sign)
    if 0xDC80 <= code <= 0xDCFF:  # a byte that is no UTF-8
        return f"\\x{code - 0xDC00:02x}"
    return sign.encode("unicode_escape").decode()
