"""What a backup through the network needs beside the archive itself.

Its job, going on where a killed one stopped, being stopped, and telling how far it is.
"""

import asyncio
import getpass
import os
import socket
import stat
import threading
import time
from collections.abc import Sequence
from typing import BinaryIO, Final, TypeVar

from holdfast.client.archive import BackupJob, BackupProgress, absolute_paths
from holdfast.client.download import Download
from holdfast.client.network_errors import UploadFailedError
from holdfast.client.pack_journal import PackJournal
from holdfast.client.path_patterns import PathPatterns
from holdfast.client.repository import Repository
from holdfast.client.scan import nothing_excluded
from holdfast.client.session_values import OnProgress, Progress
from holdfast.client.upload import Upload
from holdfast.client.upload_options import UploadProgress
from holdfast.protocol.errors import HoldfastError
from holdfast.protocol.units import ChunkId

_PROGRAM: Final = "holdfast 0.1.0"
_TELL_SECONDS: Final = 0.25

T = TypeVar("T")


class StreamSpentError(HoldfastError):
    """A stream can be backed up once; the command must run again from its source."""


async def adopt(
    packs: PackJournal, repository: Repository, upload: Upload, download: Download
) -> None:
    """Go on where a killed backup stopped: what holders have is not sent again."""
    records = await asyncio.to_thread(packs.records)
    fresh = [record for record in records if not download.knows(record.chunk)]
    adopted: frozenset[ChunkId] = frozenset()
    if fresh:
        sizes = [(record.chunk, record.stored) for record in fresh]
        adopted = await upload.adopt(sizes)
    repository.adopt(
        record
        for record in records
        if record.chunk in adopted or download.knows(record.chunk)
    )


def job_of(
    paths: Sequence[str | os.PathLike[str]],
    *,
    tags: Sequence[str] = (),
    exclude: Sequence[str] = (),
    host: str | None = None,
    one_file_system: bool = False,
    stream: BinaryIO | None = None,
) -> BackupJob:
    """Return the job of a backup that starts now, on this host unless told another.

    `exclude` are lines of a .gitignore; PatternError if one cannot be understood. A
    `stream` is stored as the file that the one path names.
    """
    now = time.time_ns()
    offset = time.localtime(now // 1_000_000_000).tm_gmtoff
    chosen = absolute_paths(paths)
    patterns = PathPatterns(exclude, chosen)

    def excluded(path: bytes, status: os.stat_result) -> bool:
        return patterns.match(path, directory=stat.S_ISDIR(status.st_mode))

    return BackupJob(
        chosen,
        time_ns=now,
        host=socket.gethostname() if host is None else host,
        user=_user(),
        program=_PROGRAM,
        utc_offset_seconds=offset,
        tags=tuple(dict.fromkeys(tags)),
        stream=stream,
        exclude=excluded if exclude else nothing_excluded,
        one_file_system=one_file_system,
    )


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())


class Teller:
    """Puts what the backup and the upload say of their progress together.

    They say it from threads of their own; it is told on one at a time, never backwards.
    """

    def __init__(self, progress: OnProgress | None) -> None:
        self._progress = progress
        self._seen: BackupProgress | None = None
        self._told: UploadProgress | None = None
        self._stopped = False
        self._turn = threading.Lock()
        self.upload: Upload | None = None

    def stop(self) -> None:
        """End the backup at its next word, or its next chunk."""
        self._stopped = True
        if self.upload is not None:
            self.upload.abandon()

    def __call__(self, seen: BackupProgress) -> None:
        """Tell how far the backup is."""
        if self._stopped:
            raise UploadFailedError("the backup was stopped")
        self._seen = seen
        self._tell()

    async def keep_telling(self) -> None:
        """Tell how far the upload is, also when everything is read."""
        while True:
            await asyncio.sleep(_TELL_SECONDS)
            if self.upload is not None and self._told != self.upload.progress:
                await asyncio.to_thread(self._tell)

    def fall_silent(self) -> None:
        """Tell nothing from now on; waits for what is being told."""
        with self._turn:
            self._progress = None

    def _tell(self) -> None:
        with self._turn:
            self._tell_next()

    def _tell_next(self) -> None:
        seen, upload = self._seen, self.upload
        if self._progress is None or upload is None or seen is None:
            return
        sent = self._told = upload.progress
        self._progress(
            Progress(
                files=seen.files,
                directories=seen.directories,
                bytes_seen=seen.bytes_seen,
                bytes_read=seen.bytes_read,
                bytes_added=seen.bytes_added,
                bytes_uploaded=sent.added_bytes,
                bytes_acknowledged=sent.acknowledged_bytes,
                problems=seen.problems,
                path=seen.path,
                vaults=sent.vaults,
            )
        )
