"""A copy of a tree that nobody changes while the demo backs it up."""

import os
import shutil
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

BYTES_MAX: Final = 300 << 20
_PROJECT: Final = 'name = "holdfast"'
_LEFT_OUT: Final = frozenset(
    {".git", ".hypothesis", ".mypy_cache", ".ruff_cache", ".pytest_cache"}
)


@dataclass(slots=True)
class FrozenCopy:
    """What was copied, and what was not because the copy would be too large."""

    files: int = 0
    copied_bytes: int = 0
    left_out: int = 0


def default_source() -> Path:
    """Return the project's tree, or else the packages that Holdfast is among."""
    here = Path(__file__).resolve()
    for parent in here.parents:
        project = parent / "pyproject.toml"
        if project.is_file() and _PROJECT in project.read_text("utf-8"):
            return parent
    return here.parents[3]


def freeze(source: Path, target: Path, bytes_max: int = BYTES_MAX) -> FrozenCopy:
    """Copy files, links and directories with modes and times; raise OSError.

    Files that would make the copy larger than `bytes_max` are left out, as are
    caches, and what is neither file, link nor directory.
    """
    copy = FrozenCopy()
    if not source.is_dir():
        target.mkdir(parents=True)
        _copy_file(source, target / source.name, copy, bytes_max)
        return copy
    times: list[tuple[Path, Path]] = []
    for directory, entries in _walk(source):
        there = target / directory.relative_to(source)
        there.mkdir(parents=True, exist_ok=True)
        times.append((directory, there))
        for entry in entries:
            _copy_entry(entry, there / entry.name, copy, bytes_max)
    # A directory's time changes with every file put into it, so times come last.
    for directory, there in reversed(times):
        shutil.copystat(directory, there)
    return copy


def _walk(source: Path) -> Iterator[tuple[Path, list[os.DirEntry[str]]]]:
    waiting = [source]
    while waiting:
        directory = waiting.pop()
        with os.scandir(directory) as found:
            entries = sorted(found, key=_own_files_first)
        entries = [entry for entry in entries if entry.name not in _LEFT_OUT]
        waiting += [
            Path(entry.path)
            for entry in reversed(entries)
            if entry.is_dir(follow_symlinks=False)
        ]
        yield directory, entries


def _own_files_first(entry: os.DirEntry[str]) -> tuple[bool, str]:
    """Put `.venv` and its like behind everything that a person wrote."""
    return entry.name.startswith("."), entry.name


def _copy_entry(
    entry: os.DirEntry[str], target: Path, copy: FrozenCopy, bytes_max: int
) -> None:
    if entry.is_symlink():
        shutil.copy2(entry.path, target, follow_symlinks=False)
        copy.files += 1
    elif entry.is_file(follow_symlinks=False):
        _copy_file(Path(entry.path), target, copy, bytes_max)


def _copy_file(source: Path, target: Path, copy: FrozenCopy, bytes_max: int) -> None:
    status = source.stat()
    readable = os.access(source, os.R_OK) and stat.S_ISREG(status.st_mode)
    if not readable or copy.copied_bytes + status.st_size > bytes_max:
        copy.left_out += 1
        return
    shutil.copy2(source, target)
    copy.files += 1
    copy.copied_bytes += status.st_size
