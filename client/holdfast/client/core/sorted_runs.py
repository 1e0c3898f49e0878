"""Where blobs are, as arrays sorted by the first 8 bytes of their ids.

NumPy sorts them, and takes long to import: so `index` imports this module at its first
look-up. Listing backups looks nothing up.
"""

from array import array
from collections.abc import Iterable
from typing import Final

import numpy as np

from holdfast.client.core.frames import ROW_BYTES
from holdfast.protocol.frozen import frozen

PREFIX_BYTES: Final = 8
_PACK_SHIFT: Final = 32
_ROW_MASK: Final = (1 << _PACK_SHIFT) - 1
_ROW: Final = np.dtype([("prefix", ">u8"), ("rest", f"V{ROW_BYTES - PREFIX_BYTES}")])


@frozen
class Run:
    """Sorted prefixes, and for each (pack number, row) in one number."""

    prefixes: "array[int]"
    positions: "array[int]"

    def place(self, at: int) -> tuple[int, int]:
        """Return (pack number, row) of the blob at one place of the order."""
        position = self.positions[at]
        return position >> _PACK_SHIFT, position & _ROW_MASK


def run_of(packs: Iterable[tuple[int, bytes]]) -> Run:
    """Return the run of (number, rows) of one pack or more."""
    prefixes, positions = [], []
    for number, packed in packs:
        rows = np.frombuffer(packed, _ROW)["prefix"].astype(np.uint64)
        prefixes.append(rows)
        base = np.uint64(number << _PACK_SHIFT)
        positions.append(np.arange(len(rows), dtype=np.uint64) + base)
    return _sorted_run(np.concatenate(prefixes), np.concatenate(positions))


def with_run(runs: tuple[Run, ...], last: Run) -> tuple[Run, ...]:
    """Return the runs and one more; few remain, as each is twice the next at least."""
    while runs and len(runs[-1].prefixes) <= 2 * len(last.prefixes):
        last = _merged(runs[-1], last)
        runs = runs[:-1]
    return (*runs, last)


def _merged(left: Run, right: Run) -> Run:
    return _sorted_run(
        np.concatenate(
            [np.frombuffer(run.prefixes, np.uint64) for run in (left, right)]
        ),
        np.concatenate(
            [np.frombuffer(run.positions, np.uint64) for run in (left, right)]
        ),
    )


def _sorted_run(
    prefixes: "np.typing.NDArray[np.uint64]", positions: "np.typing.NDArray[np.uint64]"
) -> Run:
    # bisect boxes an array's items several times faster than NumPy's.
    order = np.argsort(prefixes, kind="stable")
    return Run(
        array("Q", prefixes[order].tobytes()), array("Q", positions[order].tobytes())
    )
