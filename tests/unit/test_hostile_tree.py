# Paths are bytes here, and pathlib's are not.
# ruff: noqa: PTH101, PTH102, PTH103, PTH118, PTH123, PTH211
"""One tree with everything that file systems allow: it comes back identical.

What only root may make is there when root runs this.
"""

import errno
import os
import random
import socket
import stat
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from backup_owner import Owner, listing, round_trip, within
from holdfast.client.core.tree import Node, NodeKind, Xattr
from holdfast.client.restore_target import TOP, TargetTree
from holdfast.protocol.units import KIB, MIB
from memory_chunks import MemoryChunks

AS_ROOT = os.geteuid() == 0
NAMES = [
    b"\n",
    b"\r\n\t\x1b[31m",
    b"\xff\xfe\x80",
    b"\xc3(",  # a broken UTF-8 sequence
    b"\xed\xa0\x80",  # a surrogate in UTF-8
    "\u00e9".encode(),  # one letter, composed
    "e\u0301".encode(),  # and decomposed
    "\u00c5 A\u030a \u212b".encode(),
    "\u202egpj.exe".encode(),  # written from right to left
    "\u200b".encode(),  # nothing to see
    b" ",
    b"-",
    b"--help",
    b"*",
    b"~",
    b"$(reboot)",
    b"a\\b",
    b"con",
    b"file.",
    b"x" * 255,
    "\u540d".encode() * 85,
]
ACCESS, DEFAULT = "system.posix_acl_access", "system.posix_acl_default"
# Tags of an access list's entries, and the version of its form.
USER_OBJECT, USER, GROUP_OBJECT, MASK, OTHER = 0x01, 0x02, 0x04, 0x10, 0x20
ANY = 0xFFFFFFFF


def access_list(rights: int) -> bytes:
    """An access list that gives user 12345 these rights, as the kernel stores it."""
    entries = [
        (USER_OBJECT, 7, ANY),
        (USER, rights, 12345),
        (GROUP_OBJECT, 4, ANY),
        (MASK, 7, ANY),
        (OTHER, 0, ANY),
    ]
    packed = (struct.pack("<HHI", *entry) for entry in entries)
    return struct.pack("<I", 2) + b"".join(packed)


def set_if_supported(path: bytes, name: str, value: bytes) -> bool:
    try:
        os.setxattr(path, name, value, follow_symlinks=False)
    except OSError:
        return False
    return True


def named_files(top: bytes) -> None:
    for name in NAMES:
        directory = os.path.join(top, b"in " + name[:200])
        os.mkdir(directory)
        for parent in (top, directory):
            with open(os.path.join(parent, name), "wb") as file:
                file.write(b"named " + name)


def a_very_long_path(top: bytes) -> None:
    # Below the 4,096 bytes of a path, as the tests' own folder comes before it.
    deep = os.path.join(top, *([b"d" * 250] * 12))
    os.makedirs(deep)
    with open(os.path.join(deep, b"file"), "wb") as file:
        file.write(b"far down")


def links(top: bytes) -> None:
    with open(os.path.join(top, b"first"), "wb") as file:
        file.write(random.Random(1).randbytes(300 * KIB))
    os.mkdir(os.path.join(top, b"other"))
    os.link(os.path.join(top, b"first"), os.path.join(top, b"other", b"second"))
    for name, target in ((b"loop", b"loop"), (b"long", b"t" * 4000), (b"bad", b"\xff")):
        os.symlink(target, os.path.join(top, name))
    os.link(
        os.path.join(top, b"bad"), os.path.join(top, b"bad 2"), follow_symlinks=False
    )


def special_files(top: bytes) -> None:
    os.mkfifo(os.path.join(top, b"fifo\n"), 0o620)
    os.link(os.path.join(top, b"fifo\n"), os.path.join(top, b"fifo 2"))
    here = os.open(top, os.O_RDONLY)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"/proc/self/fd/{here}/socket")
    os.close(here)
    if AS_ROOT:
        device = os.makedev(1, 3)
        os.mknod(os.path.join(top, b"null"), stat.S_IFCHR | 0o640, device)
        os.mknod(os.path.join(top, b"disk"), stat.S_IFBLK | 0o600, os.makedev(7, 300))


def attributes(top: bytes) -> None:
    path = os.path.join(top, b"attributed")
    with open(path, "wb") as file:
        file.write(b"x")
    os.setxattr(path, "user.empty", b"")
    os.setxattr(path, b"user.\xff\xfe", bytes(range(256)))
    os.setxattr(path, "user.large", random.Random(2).randbytes(2000))
    os.chmod(path, 0o400)
    if AS_ROOT:
        os.symlink(b"nowhere", os.path.join(top, b"attributed link"))
        set_if_supported(os.path.join(top, b"attributed link"), "trusted.note", b"kept")
        os.chown(path, 12345, 54321)


def access_lists(top: bytes) -> None:
    inner = os.path.join(top, b"shared")
    os.mkdir(inner)
    if not set_if_supported(inner, DEFAULT, access_list(7)):
        return
    set_if_supported(inner, ACCESS, access_list(5))
    # The first inherits the directory's default list, the second has none.
    for name in (b"inherits", b"plain"):
        with open(os.path.join(inner, name), "wb") as file:
            file.write(name)
    os.removexattr(os.path.join(inner, b"plain"), ACCESS)
    os.mkfifo(os.path.join(inner, b"fifo"))
    set_if_supported(os.path.join(inner, b"fifo"), ACCESS, access_list(1))


def a_sparse_file(top: bytes) -> None:
    with open(os.path.join(top, b"sparse"), "wb") as file:
        file.seek(20 * MIB + 4321)
        file.write(b"an island")
        file.truncate(40 * MIB)


PARTS: list[Callable[[bytes], None]] = [
    named_files,
    a_very_long_path,
    links,
    special_files,
    attributes,
    access_lists,
    a_sparse_file,
]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """The tree, of which each part has a folder of its own."""
    source = tmp_path / "source"
    for part in PARTS:
        top = os.path.join(os.fsencode(source), part.__name__.encode())
        os.makedirs(top)
        part(top)
    return source


def inodes(top: Path) -> set[frozenset[bytes]]:
    """The groups of names that are one file."""
    groups: dict[int, set[bytes]] = {}
    for folder, _, files in os.walk(os.fsencode(top)):
        for name in files:
            path = os.path.join(folder, name)
            inode = os.lstat(path).st_ino
            groups.setdefault(inode, set()).add(os.path.relpath(path, os.fsencode(top)))
    return {frozenset(names) for names in groups.values() if len(names) > 1}


def test_everything_that_a_file_system_allows_comes_back(
    source: Path, tmp_path: Path
) -> None:
    owner = Owner(MemoryChunks())
    report = round_trip(owner, source, tmp_path / "target")
    there = within(tmp_path / "target", source)
    assert report.bytes_written > 40 * MIB
    assert inodes(there) == inodes(source) != set()
    assert (there / "a_sparse_file/sparse").stat().st_blocks * 512 < MIB
    assert owner.chunks.stored_bytes < MIB


def test_restored_a_second_time_into_the_same_place_it_is_the_same(
    source: Path, tmp_path: Path
) -> None:
    owner = Owner(MemoryChunks())
    round_trip(owner, source, tmp_path / "target")
    there = within(tmp_path / "target", source)
    # A default list, which new files inherit, and an attribute that nobody stored.
    set_if_supported(os.fsencode(there / "links"), DEFAULT, access_list(7))
    os.setxattr(there / "links" / "first", "user.stranger", b"!")
    report = owner.restore(tmp_path / "target")
    assert report.failures == ()
    assert listing(there) == listing(source)
    assert inodes(there) == inodes(source)


def test_an_attribute_that_cannot_be_set_is_told_and_the_others_are(
    tmp_path: Path,
) -> None:
    xattrs = (Xattr(b"nowhere.known", b"1"), Xattr(b"user.kept", b"2"))
    file = Node(b"file", NodeKind.FILE, mode=0o640, mtime_ns=7, xattrs=xattrs)
    fifo = Node(b"fifo", NodeKind.FIFO, mode=0o640, mtime_ns=7, xattrs=xattrs[:1])
    with TargetTree(tmp_path) as target:
        descriptor = target.create_file(TOP, file.name, 0)
        failed = target.finish_file(descriptor, file) + target.make_special(TOP, fifo)
        os.close(descriptor)
    assert [error.errno for error in failed] == [errno.EOPNOTSUPP] * 2
    assert os.getxattr(tmp_path / "file", "user.kept") == b"2"
    for name in ("file", "fifo"):
        status = (tmp_path / name).stat()
        assert (stat.S_IMODE(status.st_mode), status.st_mtime_ns) == (0o640, 7)
