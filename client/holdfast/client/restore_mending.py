"""What a restore finds of a file in its target already, so that it is not fetched.

A file of the right size that a stopped restore left, or that changed in places, is
read, and only the pieces that differ are restored into it.
"""

import os
import stat
from collections.abc import Iterator, Sequence

from holdfast.client.blob_reader import BlobReader
from holdfast.client.core.blobs import BlobId
from holdfast.client.core.index import Location

Piece = tuple[BlobId, Location]
"""A blob of a file, in the file's order, and where the repository has it."""


def is_mendable(status: os.stat_result, size: int) -> bool:
    """Return whether a file of `size` bytes may be made out of what stands there.

    A file with other names is none: what is written would show under those, too.
    """
    regular = stat.S_ISREG(status.st_mode) and status.st_nlink == 1
    return regular and 0 < size == status.st_size


def lacking(
    descriptor: int, pieces: Sequence[Piece], reader: BlobReader
) -> Iterator[tuple[int, Location]]:
    """Yield offset and location of each piece that the open file does not have.

    May raise OSError.
    """
    offset = 0
    for blob, where in pieces:
        found = os.pread(descriptor, where.length, offset)
        if not reader.is_blob(blob, found):
            yield offset, where
        offset += where.length
