"""The few disk operations that shards need, so that tests can let them fail."""

import ctypes
import os
import shutil
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, Protocol

from holdfast.vault.direct_reading import read_whole
from holdfast.wire.direct_file import write_parts

Buffer = bytes | bytearray | memoryview

_SYNC_FILE_RANGE_WRITE: Final = 2


class Disk(Protocol):
    """Paths in, bytes out; raises OSError. Only `sync_*` make anything durable."""

    def make_directory(self, path: str) -> None:
        """Make a directory and its parents unless they are there."""
        ...

    def write_file(self, path: str, parts: Sequence[Buffer]) -> None:
        """Write a new file from parts."""
        ...

    def read_file(self, path: str) -> Buffer:
        """Return a file's bytes."""
        ...

    def exists(self, path: str) -> bool:
        """Tell whether a file is there."""
        ...

    def written(self, path: str) -> float:
        """Return when a file was last written, in seconds since 1970; 0 if gone."""
        ...

    def rename(self, old: str, new: str) -> None:
        """Rename a file, over what may be there."""
        ...

    def remove(self, path: str) -> None:
        """Remove a file if it is there."""
        ...

    def remove_tree(self, path: str) -> None:
        """Remove a file or directory with all in it, if it is there."""
        ...

    def list_directory(self, path: str) -> list[str]:
        """Return the names in a directory; none if it is not there."""
        ...

    def sync_file(self, path: str) -> None:
        """Make a file's bytes durable."""
        ...

    def sync_directory(self, path: str) -> None:
        """Make a directory's names durable."""
        ...

    def free_bytes(self, path: str) -> int:
        """Return the room that is left."""
        ...


class PosixDisk:
    """The real disk."""

    def make_directory(self, path: str) -> None:
        """Make a directory and its parents unless they are there."""
        Path(path).mkdir(mode=0o700, parents=True, exist_ok=True)

    def write_file(self, path: str, parts: Sequence[Buffer]) -> None:
        """Write a new file from parts, without copying them together."""
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            write_parts(descriptor, parts)
            # The disk writes while the next shard arrives; fsync then waits less.
            _start_writing_back(descriptor)
        finally:
            os.close(descriptor)

    def read_file(self, path: str) -> Buffer:
        """Return a file's bytes."""
        descriptor = os.open(path, os.O_RDONLY)
        try:
            size = os.fstat(descriptor).st_size
            direct = read_whole(descriptor, size)
            return os.pread(descriptor, size, 0) if direct is None else direct
        finally:
            os.close(descriptor)

    def exists(self, path: str) -> bool:
        """Tell whether a file is there."""
        return os.access(path, os.F_OK)

    def written(self, path: str) -> float:
        """Return when a file was last written, in seconds since 1970; 0 if gone."""
        try:
            return Path(path).stat().st_mtime
        except FileNotFoundError:
            return 0.0

    def rename(self, old: str, new: str) -> None:
        """Rename a file, over what may be there."""
        Path(old).rename(new)

    def remove(self, path: str) -> None:
        """Remove a file if it is there."""
        Path(path).unlink(missing_ok=True)

    def remove_tree(self, path: str) -> None:
        """Remove a file or directory with all in it, if it is there."""
        if Path(path).is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            Path(path).unlink(missing_ok=True)

    def list_directory(self, path: str) -> list[str]:
        """Return the names in a directory; none if it is not there."""
        with suppress(FileNotFoundError, NotADirectoryError):
            return os.listdir(path)  # noqa: PTH208 # a million names, as they come
        return []

    def sync_file(self, path: str) -> None:
        """Make a file's bytes durable."""
        self._sync(path, os.O_RDONLY)

    def sync_directory(self, path: str) -> None:
        """Make a directory's names durable."""
        self._sync(path, os.O_RDONLY | os.O_DIRECTORY)

    def free_bytes(self, path: str) -> int:
        """Return the room that is left to an ordinary user."""
        state = os.statvfs(path)
        return state.f_bavail * state.f_frsize

    def _sync(self, path: str, flags: int) -> None:
        descriptor = os.open(path, flags)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _find_writing_back() -> Callable[[int], object]:
    """Return what starts a file's way to the disk, where the system has it."""
    try:
        sync_file_range = ctypes.CDLL(None).sync_file_range
    except (OSError, AttributeError):
        return lambda _descriptor: None
    sync_file_range.argtypes = (
        ctypes.c_int,
        ctypes.c_int64,
        ctypes.c_int64,
        ctypes.c_uint,
    )
    return lambda descriptor: sync_file_range(descriptor, 0, 0, _SYNC_FILE_RANGE_WRITE)


_start_writing_back = _find_writing_back()
