"""How many bytes lie below some paths: a quick guess that sizes a new deal."""

from itertools import islice
from typing import Final

from holdfast.client.archive import BackupJob
from holdfast.client.scan import Found, Scanner

_ENTRIES_MAX: Final = 200_000


def bytes_expected(job: BackupJob) -> int:
    """Return the sizes of the files that a backup's job would read; 0 for a stream.

    What cannot be read counts nothing, and very large trees are not finished.
    """
    if job.stream is not None:
        return 0
    scanner = Scanner(job.paths, job.exclude, one_file_system=job.one_file_system)
    return sum(
        event.status.st_size
        for event in islice(scanner.events(), _ENTRIES_MAX)
        if isinstance(event, Found)
    )
