"""Looking for an owner's plain text on the disks of the vaults."""

import mmap
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

_SAMPLES: Final = 4
_SAMPLE_BYTES: Final = 48
_SAMPLE_VALUES_MIN: Final = 12


def samples_of(tree: Path) -> tuple[bytes, ...]:
    """Return a few telling pieces of files below `tree`, none of them mere padding."""
    found: list[bytes] = []
    for path in _files(tree):
        middle = path.stat().st_size // 2
        with path.open("rb") as file:
            file.seek(middle)
            piece = file.read(_SAMPLE_BYTES)
        telling = len(set(piece)) >= _SAMPLE_VALUES_MIN
        if len(piece) == _SAMPLE_BYTES and telling and piece not in found:
            found.append(piece)
        if len(found) == _SAMPLES:
            break
    return tuple(found)


def files_with(tree: Path, samples: Iterable[bytes]) -> tuple[int, int]:
    """Return how many files below `tree` hold a sample, and the bytes searched."""
    wanted = tuple(samples)
    holding = searched = 0
    for path in _files(tree):
        with (
            path.open("rb") as file,
            mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content,
        ):
            searched += len(content)
            holding += any(content.find(sample) >= 0 for sample in wanted)
    return holding, searched


def _files(tree: Path) -> Iterator[Path]:
    for path in sorted(tree.rglob("*")):
        if path.is_file() and not path.is_symlink() and path.stat().st_size:
            yield path
