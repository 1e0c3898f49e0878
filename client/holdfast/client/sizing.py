"""How many bytes lie below some paths: a quick guess that sizes a new deal."""

import os
from itertools import islice
from typing import Final

from holdfast.client.archive import BackupJob
from holdfast.client.scan import Found, Scanner
from holdfast.protocol.units import MIB

_ENTRIES_MAX: Final = 200_000
_HOLE_BYTES_MIN: Final = 64 * MIB


def bytes_expected(job: BackupJob) -> int:
    """Return the bytes of the files that a backup's job would read; 0 for a stream.

    Large holes do not count: they are stored as next to nothing.
    What cannot be read counts nothing, and very large trees are not finished.
    """
    if job.stream is not None:
        return 0
    scanner = Scanner(job.paths, job.exclude, one_file_system=job.one_file_system)
    return sum(
        _data_bytes(event.status)
        for event in islice(scanner.events(), _ENTRIES_MAX)
        if isinstance(event, Found)
    )


def _data_bytes(status: os.stat_result) -> int:
    # A file just written may have blocks that are not counted yet.
    holes = status.st_size - 512 * status.st_blocks
    return status.st_size - holes if holes > _HOLE_BYTES_MIN else status.st_size
