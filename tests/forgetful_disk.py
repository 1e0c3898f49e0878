"""A disk in memory that crashes at a chosen step and forgets what was not synced."""

import errno
import random
from collections.abc import Sequence
from dataclasses import dataclass, field

from holdfast.vault.disk import Buffer


class PowerCutError(BaseException):
    """The power went; not an Exception, so nobody tidies up after it."""


@dataclass
class Inode:
    """A file's bytes, and those that survive a power cut."""

    data: bytes
    synced: bytes | None = None
    written: float = 1_000.0


@dataclass
class Step:
    """One change of names: `old` goes, `new` comes; a directory has no inode."""

    old: str | None
    new: str | None
    inode: Inode | None
    durable: bool = False

    def touches(self, directory: str) -> bool:
        names = (name for name in (self.old, self.new) if name)
        return any(name.rpartition("/")[0] == directory for name in names)


@dataclass
class ForgetfulDisk:
    """Implements Disk. `cut_at` is the operation before which the power goes."""

    cut_at: int | None = None
    full: bool = False
    free: int = 1 << 40
    operations: int = 0
    files: dict[str, Inode] = field(default_factory=dict)
    directories: set[str] = field(default_factory=set)
    log: list[Step] = field(default_factory=list)

    @classmethod
    def with_directory(cls, path: str) -> "ForgetfulDisk":
        """Return an empty disk with one directory that stays, and its parents."""
        disk = cls()
        disk.make_directory(path)
        for step in disk.log:
            step.durable = True
        disk.operations = 0
        return disk

    def after_power_cut(self, dice: random.Random) -> "ForgetfulDisk":
        """Return the disk as it comes back: any unsynced change may be lost."""
        survivor = ForgetfulDisk()
        kept: dict[int, Inode] = {}
        for step in self.log:
            if step.durable or dice.random() < 0.5:
                survivor._replay(step, kept, dice)
        return survivor

    def _replay(self, step: Step, kept: dict[int, Inode], dice: random.Random) -> None:
        parent = step.new.rpartition("/")[0] if step.new else ""
        if step.old:
            self.files.pop(step.old, None)
        if step.new is None or (parent and parent not in self.directories):
            return
        if step.inode is None:
            self.directories.add(step.new)
            self.log.append(Step(None, step.new, None, durable=True))
            return
        inode = kept.setdefault(id(step.inode), _survivor(step.inode, dice))
        self.files[step.new] = inode
        self.log.append(Step(None, step.new, inode, durable=True))

    def _operate(self) -> None:
        if self.operations == self.cut_at:
            raise PowerCutError
        self.operations += 1

    def make_directory(self, path: str) -> None:
        parts = path.split("/")
        for end in range(1 if parts[0] else 2, len(parts) + 1):
            directory = "/".join(parts[:end])
            if directory not in self.directories:
                self._operate()
                self.directories.add(directory)
                self.log.append(Step(None, directory, None))

    def write_file(self, path: str, parts: Sequence[Buffer]) -> None:
        self._operate()
        data = b"".join(parts)
        inode = Inode(data[: len(data) // 2])
        self.files[path] = inode
        self.log.append(Step(None, path, inode))
        if self.full:
            raise OSError(errno.ENOSPC, "no space left on device")
        self._operate()
        inode.data = data

    def read_file(self, path: str) -> bytes:
        if path not in self.files:
            raise FileNotFoundError(path)
        return self.files[path].data

    def exists(self, path: str) -> bool:
        return path in self.files

    def written(self, path: str) -> float:
        return self.files[path].written

    def rename(self, old: str, new: str) -> None:
        self._operate()
        assert new.rpartition("/")[0] in self.directories
        inode = self.files.pop(old)
        self.files[new] = inode
        self.log.append(Step(old, new, inode))

    def remove(self, path: str) -> None:
        self._operate()
        if inode := self.files.pop(path, None):
            self.log.append(Step(path, None, inode))

    def remove_tree(self, path: str) -> None:
        self._operate()
        for name in [*self.files, *self.directories]:
            if name == path or name.startswith(f"{path}/"):
                self.files.pop(name, None)
                self.directories.discard(name)
                self.log.append(Step(name, None, None))

    def list_directory(self, path: str) -> list[str]:
        names = (name.rpartition("/") for name in (*self.files, *self.directories))
        return [name for parent, _, name in names if parent == path]

    def sync_file(self, path: str) -> None:
        self._operate()
        self.files[path].synced = self.files[path].data

    def sync_directory(self, path: str) -> None:
        self._operate()
        for step in self.log:
            step.durable |= step.touches(path)

    def free_bytes(self, path: str) -> int:
        return self.free


def _survivor(inode: Inode, dice: random.Random) -> Inode:
    """Return what is left of a file's bytes: all, a part, or zeros, unless synced."""
    if inode.synced is not None:
        return Inode(inode.synced, inode.synced, inode.written)
    data = dice.choice((inode.data, inode.data[:100], bytes(len(inode.data)), b""))
    return Inode(data, data, inode.written)
