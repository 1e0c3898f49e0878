"""Directories that go away with who made them, even if that is killed.

Who makes one holds a lock on a file in it, which the system lets go of when the
process ends, whatever the reason. So the next one knows what was left behind: it
removes nothing that lives, that is another user's, or that has no such file.
"""

import contextlib
import fcntl
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_LOCK: Final = ".in-use"
_NEW_LOCK: Final = ".in-use.new"


@contextlib.contextmanager
def passing_directory(prefix: str) -> Iterator[Path]:
    """Give a directory among the temporary ones until the end; raises OSError.

    What killed processes left of the same prefix is removed first.
    """
    remove_left_behind(prefix)
    directory = Path(tempfile.mkdtemp(prefix=prefix))
    try:
        with (directory / _NEW_LOCK).open("wb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            # Only now can others see it: no moment is left in which they could get it.
            (directory / _NEW_LOCK).rename(directory / _LOCK)
            yield directory
    finally:
        _remove(directory)


def remove_left_behind(prefix: str) -> None:
    """Remove this user's directories of that prefix whose makers are gone."""
    for path in Path(tempfile.gettempdir()).glob(f"{prefix}*"):
        with contextlib.suppress(OSError):
            status = path.lstat()
            if stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid():
                _remove_if_left(path)


def _remove_if_left(directory: Path) -> None:
    with (directory / _LOCK).open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        _remove(directory)


def _remove(directory: Path) -> None:
    for place, names, _ in os.walk(directory):
        for name in names:  # what was restored may be closed even to its owner
            inner = Path(place, name)
            if not inner.is_symlink():
                with contextlib.suppress(OSError):
                    inner.chmod(0o700)
    shutil.rmtree(directory, ignore_errors=True)
