"""The directory that a snapshot is restored into.

Every file is reached through the descriptors of its directories, one component at a
time and never through a symbolic link, so nothing is written outside the target,
whatever stands there already or is put there meanwhile.
"""

import os
import stat
from collections import OrderedDict
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final, NewType, Self

from holdfast.client.core.tree import Node, NodeKind
from holdfast.client.restore_metadata import set_metadata, set_special_metadata

DirectoryNumber = NewType("DirectoryNumber", int)
"""A directory of the target, in the order in which they were made."""

TOP: Final = DirectoryNumber(0)
_OPEN_DIRECTORIES_MAX: Final = 64
_DIRECTORY: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_CREATE: Final = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_SPECIAL: Final = {
    NodeKind.FIFO: stat.S_IFIFO,
    NodeKind.SOCKET: stat.S_IFSOCK,
    NodeKind.BLOCK_DEVICE: stat.S_IFBLK,
    NodeKind.CHARACTER_DEVICE: stat.S_IFCHR,
}


class TargetTree:
    """Makes directories, files and links below one directory; a context manager.

    Every method may raise OSError.
    """

    def __init__(self, root: Path) -> None:
        """Open the target, making it if it is not there."""
        root.mkdir(parents=True, exist_ok=True)
        self._places: list[tuple[DirectoryNumber, bytes]] = [(TOP, b"")]
        self._open: OrderedDict[DirectoryNumber, int] = OrderedDict()
        self._root = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._as_root = os.geteuid() == 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for descriptor in (*self._open.values(), self._root):
            os.close(descriptor)
        self._open.clear()

    def make_directory(self, parent: DirectoryNumber, name: bytes) -> DirectoryNumber:
        """Make a directory, or take the one that is there."""
        within = self._descriptor(parent)
        try:
            os.mkdir(name, 0o700, dir_fd=within)
        except FileExistsError:
            status = os.stat(name, dir_fd=within, follow_symlinks=False)
            if not stat.S_ISDIR(status.st_mode):
                os.unlink(name, dir_fd=within)
                os.mkdir(name, 0o700, dir_fd=within)
        self._places.append((parent, name))
        return DirectoryNumber(len(self._places) - 1)

    def create_file(self, parent: DirectoryNumber, name: bytes, size: int) -> int:
        """Return a descriptor of a new file of `size` zero bytes, which owns no disk.

        What stood there is gone. The caller closes the descriptor.
        """
        within = self._cleared(parent, name)
        descriptor = os.open(name, _CREATE, 0o600, dir_fd=within)
        if size:
            os.ftruncate(descriptor, size)
        return descriptor

    def open_file(self, parent: DirectoryNumber, name: bytes) -> int:
        """Return a descriptor of a file made before; the caller closes it."""
        flags = os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        return os.open(name, flags, dir_fd=self._descriptor(parent))

    def open_to_read(self, parent: DirectoryNumber, name: bytes) -> int:
        """Return a descriptor of a file made before; the caller closes it."""
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        return os.open(name, flags, dir_fd=self._descriptor(parent))

    def open_to_mend(self, parent: DirectoryNumber, name: bytes) -> int | None:
        """Return a descriptor of a file that was there before; the caller closes it."""
        return self.open_file(parent, name)

    def make_special(self, parent: DirectoryNumber, node: Node) -> list[OSError]:
        """Make a symbolic link, FIFO, socket or device; return what failed of the rest.

        The rest are its owner, mode, attributes and times.
        """
        within = self._cleared(parent, node.name)
        if node.kind is NodeKind.SYMLINK:
            os.symlink(node.target, node.name, dir_fd=within)
        elif node.kind is NodeKind.FIFO:
            os.mkfifo(node.name, 0o600, dir_fd=within)
        else:
            mode = _SPECIAL[node.kind] | 0o600
            os.mknod(node.name, mode, node.rdev, dir_fd=within)
        return set_special_metadata(within, node, as_root=self._as_root)

    def link(
        self,
        first: tuple[DirectoryNumber, bytes],
        parent: DirectoryNumber,
        name: bytes,
    ) -> None:
        """Make a hard link to what was restored as `first`."""
        # Finding the second directory may close the first one's descriptor.
        within = os.dup(self._cleared(parent, name))
        try:
            os.link(
                first[1],
                name,
                src_dir_fd=self._descriptor(first[0]),
                dst_dir_fd=within,
                follow_symlinks=False,
            )
        finally:
            os.close(within)

    def unlink(self, parent: DirectoryNumber, name: bytes) -> None:
        """Remove a file, if it is there."""
        self._cleared(parent, name)

    def status(self, parent: DirectoryNumber, name: bytes) -> os.stat_result | None:
        """Return the lstat of what stands there, or None."""
        try:
            return os.stat(name, dir_fd=self._descriptor(parent), follow_symlinks=False)
        except FileNotFoundError:
            return None

    def finish_file(self, descriptor: int, node: Node) -> list[OSError]:
        """Set a file's owner, mode, attributes and times; return what failed."""
        return set_metadata(descriptor, node, as_root=self._as_root)

    def finish_directory(self, number: DirectoryNumber, node: Node) -> list[OSError]:
        """Set a directory's metadata, after all that is in it is made."""
        descriptor = self._descriptor(number)
        return set_metadata(descriptor, node, as_root=self._as_root)

    def _cleared(self, parent: DirectoryNumber, name: bytes) -> int:
        within = self._descriptor(parent)
        with suppress(FileNotFoundError):
            os.unlink(name, dir_fd=within)
        return within

    def _descriptor(self, number: DirectoryNumber) -> int:
        if number == TOP:
            return self._root
        found = self._open.get(number)
        if found is not None:
            self._open.move_to_end(number)
            return found
        missing = []
        while number != TOP and number not in self._open:
            missing.append(number)
            number = self._places[number][0]
        within = self._root if number == TOP else self._open[number]
        for number in reversed(missing):
            within = os.open(self._places[number][1], _DIRECTORY, dir_fd=within)
            self._open[number] = within
            self._trim()
        return within

    def _trim(self) -> None:
        while len(self._open) > _OPEN_DIRECTORIES_MAX:
            _, descriptor = self._open.popitem(last=False)
            os.close(descriptor)
