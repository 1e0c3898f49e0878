# paths are bytes here, and pathlib's are not.
# ruff: noqa: PTH115
"""Making a tree's node from what the file system says about a file."""

import errno
import grp
import os
import pwd
import stat
from collections.abc import Callable
from functools import lru_cache
from typing import Final

from holdfast.client.core.blobs import EMPTY_LIST, BlobList
from holdfast.client.core.tree import (
    NAME_BYTES_MAX,
    NODE_XATTR_BYTES_MAX,
    XATTR_BYTES_MAX,
    XATTRS_MAX,
    Node,
    NodeKind,
    Xattr,
)

_KINDS: Final = {
    stat.S_IFREG: NodeKind.FILE,
    stat.S_IFDIR: NodeKind.DIRECTORY,
    stat.S_IFLNK: NodeKind.SYMLINK,
    stat.S_IFIFO: NodeKind.FIFO,
    stat.S_IFSOCK: NodeKind.SOCKET,
    stat.S_IFBLK: NodeKind.BLOCK_DEVICE,
    stat.S_IFCHR: NodeKind.CHARACTER_DEVICE,
}
_DEVICES: Final = {NodeKind.BLOCK_DEVICE, NodeKind.CHARACTER_DEVICE}
_NO_XATTRS: Final = {errno.ENOTSUP, errno.EPERM, errno.EACCES}
_NO_SUCH_XATTR: Final = {errno.ENODATA, errno.ENOTSUP}
LeftOut = Callable[[bytes, tuple[bytes, ...]], None]
"""Is told a path, and the names of extended attributes that its node lacks."""
_U32: Final = 0xFFFFFFFF
_U64: Final = (1 << 64) - 1


def kind_of(status: os.stat_result) -> NodeKind | None:
    """Return what kind of node this is, or None for kinds no tree can hold."""
    return _KINDS.get(stat.S_IFMT(status.st_mode))


def make_node(
    path: bytes,
    name: bytes,
    status: os.stat_result,
    content: BlobList = EMPTY_LIST,
    size: int = 0,
    *,
    left_out: LeftOut,
) -> Node:
    """Return the node of a file as its lstat found it; its size is the content's.

    `left_out` is told the extended attributes that the node lacks, if there are any.
    Raises OSError if a link's target or the list of attributes cannot be read.
    """
    kind = kind_of(status)
    assert kind is not None
    xattrs, lacking = read_xattrs(path)
    if lacking:
        left_out(path, lacking)
    return Node(
        name=name,
        kind=kind,
        mode=stat.S_IMODE(status.st_mode),
        uid=status.st_uid & _U32,
        gid=status.st_gid & _U32,
        mtime_ns=status.st_mtime_ns,
        ctime_ns=status.st_ctime_ns,
        size=size,
        device=status.st_dev & _U64,
        inode=status.st_ino & _U64,
        links=min(status.st_nlink, _U32) if kind is not NodeKind.DIRECTORY else 1,
        rdev=status.st_rdev & _U64 if kind in _DEVICES else 0,
        user=_user_name(status.st_uid),
        group=_group_name(status.st_gid),
        target=os.readlink(path) if kind is NodeKind.SYMLINK else b"",
        xattrs=xattrs,
        content=content,
    )


def read_xattrs(path: bytes) -> tuple[tuple[Xattr, ...], tuple[bytes, ...]]:
    """Return a file's extended attributes, and the names of those left out.

    Left out is what cannot be read, and what is larger than a tree can hold. Raises
    OSError if the file system cannot list them, though it has such attributes.
    """
    if not hasattr(os, "listxattr"):
        return (), ()
    try:
        names = os.listxattr(path, follow_symlinks=False)
    except OSError as error:
        if error.errno in _NO_XATTRS:
            return (), ()
        raise
    kept: list[Xattr] = []
    left_out: list[bytes] = []
    room = NODE_XATTR_BYTES_MAX
    for name in sorted(os.fsencode(name) for name in names):
        try:
            value = os.getxattr(path, name, follow_symlinks=False)
        except OSError as error:
            if error.errno not in _NO_SUCH_XATTR:  # else removed since it was listed
                left_out.append(name)
            continue
        fits = len(name) <= NAME_BYTES_MAX and len(value) <= XATTR_BYTES_MAX
        if fits and len(value) <= room and len(kept) < XATTRS_MAX:
            kept.append(Xattr(name, value))
            room -= len(value)
        else:
            left_out.append(name)
    return tuple(kept), tuple(left_out)


@lru_cache(maxsize=1024)
def _user_name(uid: int) -> str:
    try:
        return _clipped(pwd.getpwuid(uid).pw_name)
    except KeyError:
        return ""


@lru_cache(maxsize=1024)
def _group_name(gid: int) -> str:
    try:
        return _clipped(grp.getgrgid(gid).gr_name)
    except KeyError:
        return ""


def _clipped(name: str) -> str:
    return name.encode("utf-8", "replace")[:256].decode("utf-8", "ignore")
