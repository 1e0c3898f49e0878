"""All snapshots as one read-only tree of directories, for a file system to show.

    /ids/<snapshot>/…           what each snapshot holds
    /snapshots/<time>, latest   links there; so are
    /hosts/<host>/<time>, latest and /tags/<tag>/<time>, latest

Everything is read when it is first looked at. Failures are OSErrors.
"""

import datetime as dt
import errno
import io
import os
import stat
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import Final

from holdfast.client.core.blobs import BlobList
from holdfast.client.core.snapshot import NamedSnapshot
from holdfast.client.core.tree import Node, NodeKind, read_directory
from holdfast.client.repository import Repository
from holdfast.client.stored_file import open_stored
from holdfast.protocol.errors import HoldfastError

_DIRECTORIES_KEPT_MAX: Final = 64
_ID_DIGITS: Final = 12
_SECOND_NS: Final = 10**9
_ACL_PREFIX: Final = b"system.posix_acl_"
_TYPES: Final = {
    NodeKind.FILE: stat.S_IFREG,
    NodeKind.DIRECTORY: stat.S_IFDIR,
    NodeKind.SYMLINK: stat.S_IFLNK,
    NodeKind.FIFO: stat.S_IFIFO,
    NodeKind.SOCKET: stat.S_IFSOCK,
    NodeKind.BLOCK_DEVICE: stat.S_IFBLK,
    NodeKind.CHARACTER_DEVICE: stat.S_IFCHR,
}

_Folder = dict[bytes, "_Folder | bytes | NamedSnapshot"]
_Found = _Folder | bytes | NamedSnapshot | Node


class MountView:
    """Shows the snapshots that a repository has now; for one thread at a time."""

    def __init__(self, repository: Repository) -> None:
        self._reader = repository.reader
        self._top = _folders(repository.snapshots)
        self._kept: OrderedDict[BlobList, Mapping[bytes, Node]] = OrderedDict()

    def attributes(self, path: bytes) -> dict[str, int]:
        """Return the fields of an lstat; times are nanoseconds since 1970."""
        match self._find(path):
            case NamedSnapshot() as named:
                time_ns = named.snapshot.time_ns
                return _attributes(stat.S_IFDIR | 0o555, mtime_ns=time_ns)
            case Node() as node:
                mode = _TYPES[node.kind] | node.mode
                return _attributes(
                    mode,
                    node.uid,
                    node.gid,
                    node.size if node.kind is NodeKind.FILE else len(node.target),
                    node.mtime_ns,
                    node.rdev,
                )
            case bytes() as target:
                return _attributes(stat.S_IFLNK | 0o777, size=len(target))
            case _:
                return _attributes(stat.S_IFDIR | 0o555)

    def names(self, path: bytes) -> list[bytes]:
        """Return what is in a directory."""
        return list(self._entries(self._find(path)))

    def xattrs(self, path: bytes) -> dict[bytes, bytes]:
        """Return a node's extended attributes, but for access lists.

        The kernel would take those for the mount's own, which it does not support.
        """
        found = self._find(path)
        every = found.xattrs if isinstance(found, Node) else ()
        return {
            each.name: each.value
            for each in every
            if not each.name.startswith(_ACL_PREFIX)
        }

    def target(self, path: bytes) -> bytes:
        """Return where a symbolic link leads."""
        match self._find(path):
            case bytes() as target:
                return target
            case Node(kind=NodeKind.SYMLINK, target=target):
                return target
            case _:
                raise _failed(errno.EINVAL)

    def open(self, path: bytes) -> io.BufferedReader:
        """Open a file to read and seek."""
        found = self._find(path)
        if not isinstance(found, Node):
            raise _failed(errno.EISDIR)
        if found.kind is not NodeKind.FILE:
            is_directory = found.kind is NodeKind.DIRECTORY
            raise _failed(errno.EISDIR if is_directory else errno.EINVAL)
        try:
            return open_stored(self._reader, found.content)
        except HoldfastError as error:
            raise _failed(errno.EIO) from error

    def _find(self, path: bytes) -> _Found:
        here: _Found = self._top
        for name in path.split(b"/"):
            if not name:
                continue
            inner = self._entries(here).get(name)
            if inner is None:
                raise _failed(errno.ENOENT)
            here = inner
        return here

    def _entries(self, found: _Found) -> Mapping[bytes, _Found]:
        match found:
            case NamedSnapshot() as named:
                return self._directory(named.snapshot.tree)
            case Node(kind=NodeKind.DIRECTORY, content=content):
                return self._directory(content)
            case dict() as folder:
                return folder
            case _:
                raise _failed(errno.ENOTDIR)

    def _directory(self, pages: BlobList) -> Mapping[bytes, Node]:
        nodes = self._kept.get(pages)
        if nodes is None:
            try:
                nodes = {
                    node.name: node for node in read_directory(pages, self._reader.load)
                }
            except HoldfastError as error:
                raise _failed(errno.EIO) from error
            while len(self._kept) >= _DIRECTORIES_KEPT_MAX:
                self._kept.popitem(last=False)
            self._kept[pages] = nodes
        self._kept.move_to_end(pages)
        return nodes


def _folders(snapshots: Iterable[NamedSnapshot]) -> _Folder:
    ids: _Folder = {}
    times: _Folder = {}
    hosts: _Folder = {}
    tags: _Folder = {}
    for named in snapshots:
        name = named.id.hex()[:_ID_DIGITS].encode()
        ids[name] = named
        _link(times, b"../ids/" + name, named)
        groups = [(hosts, named.snapshot.host)]
        groups += [(tags, tag) for tag in named.snapshot.tags]
        for folder, text in groups:
            inner = folder.setdefault(_file_name(text), {})
            assert isinstance(inner, dict)
            _link(inner, b"../../ids/" + name, named)
    return {b"ids": ids, b"snapshots": times, b"hosts": hosts, b"tags": tags}


def _link(folder: _Folder, target: bytes, named: NamedSnapshot) -> None:
    name = _time(named)
    number = 1
    while name in folder:
        number += 1
        name = b"%s-%d" % (_time(named), number)
    folder[name] = folder[b"latest"] = target


def _time(named: NamedSnapshot) -> bytes:
    snapshot = named.snapshot
    zone = dt.timezone(dt.timedelta(seconds=snapshot.utc_offset_seconds))
    time = dt.datetime.fromtimestamp(snapshot.time_ns // _SECOND_NS, zone)
    return f"{time:%Y-%m-%dT%H:%M:%S}".encode()


def _file_name(text: str) -> bytes:
    name = os.fsencode(text).replace(b"/", b"_").replace(b"\0", b"_")
    return b"_" if name in {b"", b".", b".."} else name


def _attributes(
    mode: int,
    uid: int | None = None,
    gid: int | None = None,
    size: int = 0,
    mtime_ns: int = 0,
    rdev: int = 0,
) -> dict[str, int]:
    return {
        "st_mode": mode,
        "st_nlink": 2 if stat.S_ISDIR(mode) else 1,
        "st_uid": os.getuid() if uid is None else uid,
        "st_gid": os.getgid() if gid is None else gid,
        "st_size": size,
        "st_mtime": mtime_ns,
        "st_ctime": mtime_ns,
        "st_atime": mtime_ns,
        "st_rdev": rdev,
    }


def _failed(number: int) -> OSError:
    return OSError(number, os.strerror(number))
