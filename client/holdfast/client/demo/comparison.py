"""Comparing two trees: every name, kind, byte, mode, time and link."""

import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

_READ_BYTES: Final = 1 << 20
_DIFFERENCES_MAX: Final = 100


@dataclass(slots=True)
class Comparison:
    """How many things were compared, and what differs (at most 100 sentences)."""

    files: int = 0
    directories: int = 0
    links: int = 0
    compared_bytes: int = 0
    differences: list[str] = field(default_factory=list)

    @property
    def same(self) -> bool:
        """Whether nothing differs."""
        return not self.differences

    def differs(self, path: Path, how: str) -> None:
        """Note a difference."""
        if len(self.differences) < _DIFFERENCES_MAX:
            self.differences.append(f"{path}: {how}")


def compare(left: Path, right: Path) -> Comparison:
    """Compare two trees; mode bits and times to the nanosecond count too."""
    comparison = Comparison()
    waiting = [(left, right)]
    while waiting:
        waiting += _compare_one(*waiting.pop(), comparison)
    return comparison


def _compare_one(
    one: Path, other: Path, said: Comparison
) -> Iterator[tuple[Path, Path]]:
    try:
        here, there = one.lstat(), other.lstat()
    except OSError as error:
        said.differs(other, f"cannot be compared: {error.strerror}")
        return
    if stat.S_IFMT(here.st_mode) != stat.S_IFMT(there.st_mode):
        said.differs(other, "is of another kind")
        return
    if here.st_mtime_ns != there.st_mtime_ns:
        said.differs(other, "has another time")
    if stat.S_ISLNK(here.st_mode):
        said.links += 1
        if one.readlink() != other.readlink():
            said.differs(other, "points elsewhere")
        return
    if stat.S_IMODE(here.st_mode) != stat.S_IMODE(there.st_mode):
        said.differs(other, "has another mode")
    if stat.S_ISDIR(here.st_mode):
        said.directories += 1
        yield from _pairs(one, other, said)
    elif stat.S_ISREG(here.st_mode):
        said.files += 1
        said.compared_bytes += here.st_size
        if here.st_size != there.st_size or not _same_bytes(one, other):
            said.differs(other, "has other bytes")


def _pairs(one: Path, other: Path, said: Comparison) -> Iterator[tuple[Path, Path]]:
    mine = {path.name for path in one.iterdir()}
    theirs = {path.name for path in other.iterdir()}
    for odd in sorted(mine ^ theirs):
        said.differs(other / odd, "is missing" if odd in mine else "was not there")
    for shared in sorted(mine & theirs):
        yield one / shared, other / shared


def _same_bytes(one: Path, other: Path) -> bool:
    with one.open("rb") as left, other.open("rb") as right:
        while True:
            mine = left.read(_READ_BYTES)
            if mine != right.read(_READ_BYTES):
                return False
            if not mine:
                return True
