"""Showing a view as a file system through libfuse, by way of an optional extra."""

import errno
import io
import os
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any, Final

from holdfast.client.mount_view import MountView
from holdfast.protocol.errors import HoldfastError

_MOUNT_FAILED_MAX: Final = 6  # libfuse's codes from 7 on mean that it was mounted


class MountUnavailableError(HoldfastError):
    """There is no FUSE here, or the extra that uses it is not installed."""


class MountFailedError(HoldfastError):
    """The system refused to mount."""


def serve(view: MountView, place: Path, ready: Callable[[], None]) -> None:
    """Show `view` at the directory `place` until somebody unmounts it, or a signal.

    Calls `ready` when it is there. Raises MountUnavailableError and MountFailedError.
    """
    fuse = _library()
    operations = _Operations(view, ready)
    try:
        fuse.FUSE(
            operations,
            os.fspath(place),
            foreground=True,
            nothreads=True,
            ro=True,
            fsname="holdfast",
        )
    except RuntimeError as error:
        code = error.args[0] if error.args else 0
        if isinstance(code, int) and code > _MOUNT_FAILED_MAX:
            return  # a signal ended it, and what was mounted is gone
        raise MountFailedError(
            f"the system refused to mount at {place}: it takes /dev/fuse, fusermount3 "
            "and an empty directory of your own"
        ) from error


def _library() -> Any:  # noqa: ANN401 # a module that may be absent
    try:
        import mfusepy  # noqa: PLC0415 # an optional extra
    except ImportError as error:
        raise MountUnavailableError(
            "mounting needs the extra `mount`: pip install 'holdfast[mount]'"
        ) from error
    except OSError as error:
        raise MountUnavailableError(
            "this machine has no libfuse: install the package fuse3"
        ) from error
    return mfusepy


class _Operations:
    """libfuse's calls, as mfusepy hands them on; paths are text with escapes."""

    use_ns = True

    def __init__(self, view: MountView, ready: Callable[[], None]) -> None:
        self._view = view
        self._ready = ready
        self._numbers = count(1)
        self._open: dict[int, io.BufferedReader] = {}

    def init(self, _path: str) -> None:
        self._ready()

    def getattr(self, path: str, _handle: int | None = None) -> dict[str, int]:
        return self._view.attributes(os.fsencode(path))

    def readdir(self, path: str, _handle: int) -> list[str]:
        names = self._view.names(os.fsencode(path))
        return [".", "..", *(os.fsdecode(name) for name in names)]

    def readlink(self, path: str) -> str:
        return os.fsdecode(self._view.target(os.fsencode(path)))

    def listxattr(self, path: str) -> list[str]:
        return [os.fsdecode(name) for name in self._view.xattrs(os.fsencode(path))]

    def getxattr(self, path: str, name: str, _position: int = 0) -> bytes:
        value = self._view.xattrs(os.fsencode(path)).get(os.fsencode(name))
        if value is None:
            raise OSError(errno.ENODATA, os.strerror(errno.ENODATA))
        return value

    def open(self, path: str, _flags: int) -> int:
        number = next(self._numbers)
        self._open[number] = self._view.open(os.fsencode(path))
        return number

    def read(self, _path: str, size: int, offset: int, handle: int) -> bytes:
        file = self._open[handle]
        try:
            file.seek(offset)
            return file.read(size)
        except HoldfastError as error:
            raise OSError(errno.EIO, str(error)) from error

    def release(self, _path: str, handle: int) -> int:
        self._open.pop(handle).close()
        return 0
