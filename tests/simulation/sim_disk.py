"""A vault's disk in memory: it flips bits, fills up, is slow, forgets at a crash."""

import errno
import random
from collections.abc import Sequence
from dataclasses import dataclass, field

from holdfast.vault.disk import Buffer

DAMAGED_BYTE = 0x40


@dataclass(slots=True)
class File:
    """A file's bytes; unless synced, a crash may take a part of them."""

    data: bytes
    synced: bool = False


@dataclass(slots=True)
class Renaming:
    """One change of names that is not yet durable."""

    old: str | None
    new: str | None
    file: File | None


@dataclass
class SimDisk:
    """Implements `Disk`. Directories are always durable, names and bytes are not."""

    full: bool = False
    files: dict[str, File] = field(default_factory=dict)
    folders: dict[str, dict[str, None]] = field(default_factory=dict)
    _durable: dict[str, File] = field(default_factory=dict)
    _pending: list[Renaming] = field(default_factory=list)

    def crash(self, dice: random.Random) -> None:
        """Lose each unsynced change with the chance of a coin."""
        files = dict(self._durable)
        for step in self._pending:
            if dice.random() < 0.5:
                if step.old:
                    files.pop(step.old, None)
                if step.new and step.file:
                    files[step.new] = step.file
        for file in files.values():
            if not file.synced and dice.random() < 0.5:
                file.data = file.data[: len(file.data) // 2]
        self.files = files
        self._durable, self._pending = dict(files), []
        self._list_again()

    def flip(self, path: str, place: int) -> None:
        """Damage one byte of a file, wherever it may be."""
        data = bytearray(self.files[path].data)
        data[place % len(data)] ^= DAMAGED_BYTE
        self.files[path].data = bytes(data)

    def shards(self) -> list[str]:
        """Return the paths of durable shards, in one order."""
        return sorted(path for path in self.files if "/staged/" not in path)

    def make_directory(self, path: str) -> None:
        while path and path not in self.folders:
            self.folders[path] = {}
            parent, _, name = path.rpartition("/")
            if parent:
                self.folders.setdefault(parent, {})[name] = None
            path = parent

    def write_file(self, path: str, parts: Sequence[Buffer]) -> None:
        if self.full:
            raise OSError(errno.ENOSPC, "no space left on device")
        self._place(path, File(b"".join(parts)))
        self._pending.append(Renaming(None, path, self.files[path]))

    def read_file(self, path: str) -> bytes:
        if path not in self.files:
            raise FileNotFoundError(path)
        return self.files[path].data

    def exists(self, path: str) -> bool:
        return path in self.files

    def written(self, path: str) -> float:
        return 0.0

    def rename(self, old: str, new: str) -> None:
        file = self.files[old]
        self._take(old)
        self._place(new, file)
        self._pending.append(Renaming(old, new, file))

    def remove(self, path: str) -> None:
        if path in self.files:
            self._take(path)
            self._pending.append(Renaming(path, None, None))

    def remove_tree(self, path: str) -> None:
        for name in [*self.files]:
            if name == path or name.startswith(f"{path}/"):
                self.remove(name)
        for name in [*self.folders]:
            if name == path or name.startswith(f"{path}/"):
                del self.folders[name]
        parent, _, name = path.rpartition("/")
        self.folders.get(parent, {}).pop(name, None)

    def list_directory(self, path: str) -> list[str]:
        return list(self.folders.get(path, ()))

    def sync_file(self, path: str) -> None:
        self.files[path].synced = True

    def sync_directory(self, path: str) -> None:
        waiting: list[Renaming] = []
        settled: set[int] = set()
        for step in self._pending:
            if not _touches(step, path):
                waiting.append(step)
                continue
            if step.old:
                self._durable.pop(step.old, None)
            if step.new and step.file:
                self._durable[step.new] = step.file
                settled.add(id(step.file))
        # Names that a file had before its durable one cannot come back.
        self._pending = [step for step in waiting if id(step.file) not in settled]

    def free_bytes(self, path: str) -> int:
        return 0 if self.full else 1 << 40

    def _place(self, path: str, file: File) -> None:
        self.files[path] = file
        parent, _, name = path.rpartition("/")
        self.folders.setdefault(parent, {})[name] = None

    def _take(self, path: str) -> None:
        self.files.pop(path, None)
        parent, _, name = path.rpartition("/")
        self.folders.get(parent, {}).pop(name, None)

    def _list_again(self) -> None:
        """Directories stay, with the names that are left."""
        for path, names in self.folders.items():
            for name in [*names]:
                whole = f"{path}/{name}"
                if whole not in self.files and whole not in self.folders:
                    del names[name]
        for path in self.files:
            parent, _, name = path.rpartition("/")
            self.folders.setdefault(parent, {})[name] = None


def _touches(step: Renaming, directory: str) -> bool:
    names = (name for name in (step.old, step.new) if name)
    return any(name.rpartition("/")[0] == directory for name in names)
