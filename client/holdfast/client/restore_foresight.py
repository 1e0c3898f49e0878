# paths are bytes here, and pathlib's are not.
# ruff: noqa: PTH116, PTH118
"""A target that is looked at and never touched, for saying what a restore would do."""

import os
import stat
from pathlib import Path

from holdfast.client.core.tree import Node
from holdfast.client.restore_target import DirectoryNumber


class UntouchedTree:
    """Stands in for a target; what a restore would make is only remembered."""

    def __init__(self, root: Path) -> None:
        # A directory's path if it is there; what would be made has nothing in it.
        self._paths: list[bytes | None] = [
            _real_directory(os.fsencode(root), ends=True)
        ]

    def make_directory(self, parent: DirectoryNumber, name: bytes) -> DirectoryNumber:
        """Remember a directory."""
        within = self._paths[parent]
        path = None if within is None else os.path.join(within, name)
        self._paths.append(None if path is None else _real_directory(path))
        return DirectoryNumber(len(self._paths) - 1)

    def make_special(self, parent: DirectoryNumber, node: Node) -> list[OSError]:
        """Do nothing, which never fails."""
        return []

    def open_to_mend(self, _parent: DirectoryNumber, _name: bytes) -> None:
        """Compare nothing: how much of a file may stay, the restore finds out."""

    def status(self, parent: DirectoryNumber, name: bytes) -> os.stat_result | None:
        """Return the lstat of what stands there, or None; raises OSError."""
        within = self._paths[parent]
        if within is None:
            return None
        try:
            return os.lstat(os.path.join(within, name))
        except FileNotFoundError:
            return None


def _real_directory(path: bytes, *, ends: bool = False) -> bytes | None:
    """Return the path if a directory is there; only the target may be a link to one."""
    try:
        status = os.stat(path) if ends else os.lstat(path)
    except OSError:
        return None
    return path if stat.S_ISDIR(status.st_mode) else None
