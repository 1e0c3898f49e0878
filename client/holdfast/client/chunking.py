"""Cutting files and streams into blobs where their content says so.

Files are read into a window of our own rather than mapped: a mapped file that
shrinks kills the process that looks at it, and one that is written to may change
between being hashed and being stored.
"""

from collections.abc import Callable, Iterator
from typing import Final

import pyfastcdc

from holdfast.client.core.blobs import BLOB_BYTES_MAX
from holdfast.client.core.errors import ChunkerMissingError
from holdfast.protocol.units import KIB, MIB

CUT_BYTES_MIN: Final = 256 * KIB
CUT_BYTES_AVERAGE: Final = MIB
CUT_BYTES_MAX: Final = BLOB_BYTES_MAX
_WINDOW_BYTES: Final = 16 * MIB

ReadInto = Callable[[memoryview], int]
"""Fills a buffer from its start and returns how many bytes it got, 0 at the end."""


class Cutter:
    """Cuts one input after the other; it owns one window, so one at a time."""

    def __init__(self, seed: int) -> None:
        """Prepare to cut with the owner's seed, or raise ChunkerMissingError."""
        # Without its extension the package falls back, 370 times slower.
        if pyfastcdc.FastCDC.__module__ != "pyfastcdc.cy.fastcdc":
            raise ChunkerMissingError(
                "the compiled part of pyfastcdc did not load; reinstall its wheel"
            )
        self._cdc = pyfastcdc.FastCDC(
            CUT_BYTES_AVERAGE,
            min_size=CUT_BYTES_MIN,
            max_size=CUT_BYTES_MAX,
            normalized_chunking=2,
            seed=seed,
        )
        self._window = memoryview(bytearray(_WINDOW_BYTES))

    def cut(self, read_into: ReadInto) -> Iterator[memoryview]:
        """Yield the input's blobs; each view is valid until the next is asked for.

        Where the cuts are depends on the bytes alone, not on how reads return them.
        Raises what `read_into` raises.
        """
        filled, ended = self._fill(read_into, 0)
        while filled:
            used = 0
            for length in self._lengths(filled):
                if not ended and filled - used < CUT_BYTES_MAX:
                    break
                yield self._window[used : used + length]
                used += length
            rest = filled - used
            self._window[:rest] = self._window[used:filled]
            filled = rest
            if not ended:
                filled, ended = self._fill(read_into, rest)

    def _lengths(self, filled: int) -> Iterator[int]:
        if filled <= CUT_BYTES_MIN:
            yield filled
            return
        for chunk in self._cdc.cut_buf(self._window[:filled]):
            yield chunk.length

    def _fill(self, read_into: ReadInto, filled: int) -> tuple[int, bool]:
        while filled < len(self._window):
            count = read_into(self._window[filled:])
            if count == 0:
                return filled, True
            filled += count
        return filled, False
