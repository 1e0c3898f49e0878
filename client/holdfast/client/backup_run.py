"""One backup through the network, from going on where a killed one stopped to its end.

Use it as an async context manager: within, it tells how far it is.
"""

import asyncio
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from holdfast.client.archive import BackupJob
from holdfast.client.backing_up import StreamSpentError, Teller, adopt
from holdfast.client.backup import Backup, back_up
from holdfast.client.core.owner_keys import OwnerKeys
from holdfast.client.download import Download
from holdfast.client.pack_journal import PackJournal
from holdfast.client.repository import Repository, Update
from holdfast.client.session_values import BackupResult, OnProgress
from holdfast.client.stoppable_call import to_the_end
from holdfast.client.storage import Written
from holdfast.client.upload import Upload


class BackupRun:
    """Makes the update of one backup; `packs` is the folder of its journal."""

    def __init__(
        self,
        job: BackupJob,
        packs: Path,
        keys: OwnerKeys,
        download: Download,
        progress: OnProgress | None,
    ) -> None:
        self._job = job
        self._packs = PackJournal(packs, keys.cache)
        self._download = download
        self._tell = Teller(progress)
        self._tries = 0

    async def __aenter__(self) -> Self:
        """Begin to tell."""
        self._telling = asyncio.ensure_future(self._tell.keep_telling())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Tell nothing more; a backup that is committed needs no journal any more."""
        if error is None:
            await asyncio.to_thread(self._packs.clear)
        self._telling.cancel()
        self._packs.close()
        await asyncio.to_thread(self._tell.fall_silent)

    async def work(
        self, repository: Repository, upload: Upload
    ) -> tuple[Update, Backup]:
        """Store what the job names; raises StreamSpentError for a stream's second try.

        A backup is tried again when another machine pruned meanwhile.
        """
        self._tries += 1
        if self._job.stream is not None and self._tries > 1:
            raise StreamSpentError(
                "another machine pruned this repository meanwhile, and what was read "
                "from the stream cannot be read again"
            )
        self._tell.upload = upload
        await adopt(self._packs, repository, upload, self._download)
        backup = await to_the_end(
            partial(
                back_up,
                repository,
                self._job,
                upload,
                log=self._packs,
                progress=self._tell,
            ),
            self._tell.stop,
        )
        return backup.update, backup


def result_of(written: Written[Backup]) -> BackupResult:
    """Return what the SDK tells of a committed backup."""
    backup, upload = written.made, written.upload
    return BackupResult(
        backup.snapshot,
        backup.problems,
        upload.progress.added_bytes,
        tuple(upload.left_deals),
        backup.files_new,
    )
