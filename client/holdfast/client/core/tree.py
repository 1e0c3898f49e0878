"""Nodes of a directory tree, and the pages that hold a directory's nodes.

Names are bytes, one path component each: a name that could climb out of its
directory cannot be decoded. A directory is a list of pages; a page ends where a
name's hash says so, so that a change in a huge directory changes one page.
"""

import struct
import zlib
from collections.abc import Callable, Iterator
from enum import Enum
from typing import Final

from holdfast.client.core.blobs import (
    BLOB_LIST_CODEC,
    EMPTY_LIST,
    BlobId,
    BlobList,
    fold,
    unfold,
)
from holdfast.protocol.encoding import (
    MAGIC,
    Codec,
    Reader,
    sequence,
    text,
    variable,
)
from holdfast.protocol.errors import DecodingError
from holdfast.protocol.frozen import frozen
from holdfast.protocol.units import KIB, MIB

NAME_BYTES_MAX: Final = 1024
TARGET_BYTES_MAX: Final = 65535
XATTRS_MAX: Final = 1024
XATTR_BYTES_MAX: Final = 64 * KIB
NODE_XATTR_BYTES_MAX: Final = MIB
_PAGE_BYTES_MIN: Final = 64 * KIB
_PAGE_BYTES_TARGET: Final = MIB
_PAGE_MASK: Final = 0x3FF
_PREFIX: Final = MAGIC + bytes([72, 1])


class NodeKind(Enum):
    """What a node is; the value is the format's byte."""

    FILE = 1
    DIRECTORY = 2
    SYMLINK = 3
    FIFO = 4
    SOCKET = 5
    BLOCK_DEVICE = 6
    CHARACTER_DEVICE = 7


@frozen
class Xattr:
    """An extended attribute."""

    name: bytes
    value: bytes


@frozen
class Node:
    """One entry of a directory.

    `mode` is the 12 permission bits; times are nanoseconds since 1970. `content` is
    a file's data or a directory's pages. `links` > 1 with equal `device` and `inode`
    makes a group of hard links; `rdev` is a device node's own number.
    """

    name: bytes
    kind: NodeKind
    mode: int = 0
    uid: int = 0
    gid: int = 0
    mtime_ns: int = 0
    ctime_ns: int = 0
    size: int = 0
    device: int = 0
    inode: int = 0
    links: int = 1
    rdev: int = 0
    user: str = ""
    group: str = ""
    target: bytes = b""
    xattrs: tuple[Xattr, ...] = ()
    content: BlobList = EMPTY_LIST

    def __post_init__(self) -> None:
        if not 0 < len(self.name) <= NAME_BYTES_MAX or self.name in {b".", b".."}:
            raise ValueError(f"{self.name!r} cannot name a file")
        if b"/" in self.name or b"\0" in self.name:
            raise ValueError(f"{self.name!r} is more than one path component")


# kind, mode, uid, gid, mtime, ctime, size, device, inode, links, rdev
_FIXED: Final = struct.Struct(">BHIIqqQQQIQ")
_XATTR_NAME: Final = variable(NAME_BYTES_MAX)
_XATTR_VALUE: Final = variable(XATTR_BYTES_MAX)
_XATTR: Final = Codec(
    lambda xattr: _XATTR_NAME.write(xattr.name) + _XATTR_VALUE.write(xattr.value),
    lambda reader: Xattr(_XATTR_NAME.read(reader), _XATTR_VALUE.read(reader)),
)
_XATTRS: Final = sequence(_XATTR, XATTRS_MAX)
_NAME: Final = variable(NAME_BYTES_MAX)
_TARGET: Final = variable(TARGET_BYTES_MAX)
_OWNER: Final = text(256)


def encode_node(node: Node) -> bytes:
    """Return the one encoding of a node."""
    return b"".join(
        (
            _FIXED.pack(
                node.kind.value,
                node.mode,
                node.uid,
                node.gid,
                node.mtime_ns,
                node.ctime_ns,
                node.size,
                node.device,
                node.inode,
                node.links,
                node.rdev,
            ),
            _NAME.write(node.name),
            _OWNER.write(node.user),
            _OWNER.write(node.group),
            _TARGET.write(node.target),
            _XATTRS.write(node.xattrs),
            BLOB_LIST_CODEC.write(node.content),
        )
    )


def read_node(reader: Reader) -> Node:
    """Return the next node, or raise DecodingError."""
    kind, mode, uid, gid, mtime, ctime, size, device, inode, links, rdev = (
        _FIXED.unpack(reader.take(_FIXED.size))
    )
    try:
        return Node(
            kind=NodeKind(kind),
            mode=mode,
            uid=uid,
            gid=gid,
            mtime_ns=mtime,
            ctime_ns=ctime,
            size=size,
            device=device,
            inode=inode,
            links=links,
            rdev=rdev,
            name=_NAME.read(reader),
            user=_OWNER.read(reader),
            group=_OWNER.read(reader),
            target=_TARGET.read(reader),
            xattrs=_XATTRS.read(reader),
            content=BLOB_LIST_CODEC.read(reader),
        )
    except ValueError as error:
        raise DecodingError(f"a node is impossible: {error}") from error


class DirectoryWriter:
    """Takes a directory's nodes in the order of their names and stores its pages."""

    def __init__(self, store: Callable[[bytes], BlobId]) -> None:
        self._store = store
        self._pages: list[BlobId] = []
        self._nodes: list[bytes] = []
        self._bytes = 0
        self._last = b""

    def add(self, node: Node) -> None:
        """Append a node; its name must follow the last one's."""
        assert node.name > self._last, "nodes come in the order of their names"
        self._last = node.name
        encoded = encode_node(node)
        self._nodes.append(encoded)
        self._bytes += len(encoded)
        ends_here = zlib.crc32(node.name) & _PAGE_MASK == 0
        if self._bytes >= (_PAGE_BYTES_MIN if ends_here else _PAGE_BYTES_TARGET):
            self._close()

    def finish(self) -> BlobList:
        """Store the last page and return the list of all; empty is no page."""
        if self._nodes:
            self._close()
        return fold(self._pages, self._store)

    def _close(self) -> None:
        count = len(self._nodes).to_bytes(4, "big")
        page = b"".join((_PREFIX, count, *self._nodes))
        self._pages.append(self._store(page))
        self._nodes, self._bytes = [], 0


def decode_page(page: bytes) -> tuple[Node, ...]:
    """Return a page's nodes, or raise DecodingError unless names ascend."""
    reader = Reader(page)
    prefix = reader.take(len(_PREFIX))
    if prefix[:3] != _PREFIX[:3]:
        raise DecodingError("not a page of a directory")
    if prefix[3] != _PREFIX[3]:
        raise DecodingError(f"directories of version {prefix[3]} are unknown here")
    count = int.from_bytes(reader.take(4), "big")
    nodes = []
    last = b""
    for _ in range(count):
        node = read_node(reader)
        if node.name <= last:
            raise DecodingError("a directory's names do not ascend")
        last = node.name
        nodes.append(node)
    reader.finish()
    return tuple(nodes)


def read_directory(pages: BlobList, load: Callable[[BlobId], bytes]) -> Iterator[Node]:
    """Yield a directory's nodes in order of name; raises what `load` raises."""
    last = b""
    for page in unfold(pages, load):
        for node in decode_page(load(page)):
            if node.name <= last:
                raise DecodingError("a directory's names do not ascend")
            last = node.name
            yield node
