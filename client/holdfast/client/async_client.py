"""The SDK: everything an owner does with a network, as coroutines.

    async with await AsyncClient.connect(profile, keys) as client:
        await client.put("notes", b"hello")

One command runs at a time; a second one waits for it. What takes long runs in
threads, so the event loop stays free.
"""

import asyncio
import contextlib
import io
import os
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import BinaryIO, Final, TypeVar

from holdfast.client.archive import BackupJob
from holdfast.client.async_file import AsyncFile
from holdfast.client.backing_up import job_of
from holdfast.client.backup import estimate
from holdfast.client.backup_run import BackupRun, result_of
from holdfast.client.core.errors import HistoryConflictError
from holdfast.client.core.objects import Metadatum
from holdfast.client.core.ports import ChunkWriter
from holdfast.client.core.snapshot import NamedSnapshot
from holdfast.client.deal_book import DealBook
from holdfast.client.deals_desk import DealsDesk, default_epochs
from holdfast.client.network_errors import NetworkError
from holdfast.client.object_store import (
    delete_object,
    objects,
    open_object,
    put_object,
    stat_object,
)
from holdfast.client.pruning import forget
from holdfast.client.reading_client import AsyncReader
from holdfast.client.repository import Repository, Update
from holdfast.client.restore import OnProgress as OnRestore
from holdfast.client.restore import RestoreReport, no_progress, restore
from holdfast.client.restore_wishes import restore_job
from holdfast.client.session_values import (
    BackupResult,
    CostEstimate,
    DealStatus,
    ObjectInfo,
    OnProgress,
    PruneResult,
    object_info,
)
from holdfast.client.sizing import bytes_expected
from holdfast.client.storage import Work, Written
from holdfast.client.storage_pruning import prune_storage
from holdfast.client.upload import Upload
from holdfast.client.upload_options import UploadOptions
from holdfast.ledger.core.operations import Faucet, Transfer
from holdfast.ledger.errors import LedgerError
from holdfast.protocol.units import AccountId, DealId, Grains

T = TypeVar("T")

_TRIES_MAX: Final = 3
"""How often a command starts over when another client pruned meanwhile."""


class AsyncClient(AsyncReader):
    """An owner's client; `connect` makes one, `async with` closes it."""

    def __init__(self, book: DealBook, home: Path) -> None:
        super().__init__(book, home)
        self._desk = DealsDesk(book)

    # The account and its deals.

    async def faucet(self) -> Grains:
        """Take what a development network gives to everybody once, and return it."""
        await self._book.account.submit(Faucet())
        return self._book.directory.params.faucet_grains

    async def transfer(self, to: AccountId, amount: Grains) -> None:
        """Send grains to another account."""
        await self._book.account.submit(Transfer(to, amount))

    async def deals(self) -> tuple[DealStatus, ...]:
        """Return all deals, oldest first, with what their holders say."""
        await self._refund_quietly()
        return await self._desk.statuses()

    async def open_deal(
        self, capacity: int, *, epochs: int | None = None
    ) -> DealStatus:
        """Open a deal of `capacity` bytes for each holder; backups do it themselves."""
        return await self._desk.open(capacity, epochs)

    async def extend_deal(
        self,
        deal: DealId | str,
        *,
        capacity: int | None = None,
        epochs: int | None = None,
    ) -> DealStatus:
        """Give a deal more capacity, or an end `epochs` from now; it never shrinks."""
        return await self._desk.extend(deal, capacity, epochs)

    async def close_deal(self, deal: DealId | str) -> DealStatus:
        """End a deal with the current period; what it holds is lost afterwards."""
        return await self._desk.close(deal)

    async def refund(self) -> Grains:
        """Fetch back what settled deals did not spend; `backup` does it by itself."""
        return await self._desk.refund()

    async def _refund_quietly(self) -> None:
        with contextlib.suppress(NetworkError, LedgerError):
            await self._desk.refund()

    # Backups.

    async def backup(
        self,
        paths: Sequence[str | os.PathLike[str]],
        *,
        tags: Sequence[str] = (),
        exclude: Sequence[str] = (),
        epochs: int | None = None,
        progress: OnProgress | None = None,
    ) -> BackupResult:
        """Back up files and directories into a new snapshot.

        `exclude` are lines of a .gitignore; `epochs` is how long a new deal is paid.
        `progress` is called from threads, one call at a time.
        """
        job = job_of(paths, tags=tags, exclude=exclude)
        return await self.back_up(job, epochs=epochs, progress=progress)

    async def back_up(
        self,
        job: BackupJob,
        *,
        epochs: int | None = None,
        progress: OnProgress | None = None,
    ) -> BackupResult:
        """Do a job that `job_of` made; StreamSpentError if a stream is needed twice."""
        options = self._options(epochs, partial(bytes_expected, job))
        packs = self._home / "cache" / "packs"
        download = self._storage.download
        async with BackupRun(job, packs, self._book.keys, download, progress) as run:
            written = await self._write(options, run.work)
        await self._refund_quietly()
        return result_of(written)

    async def change(
        self, work: Callable[[Repository, ChunkWriter], tuple[Update, T]]
    ) -> T:
        """Commit the update that `work` makes, in a thread, of the newest state.

        It runs again when another machine's prune came between.
        """

        async def made(repository: Repository, upload: Upload) -> tuple[Update, T]:
            return await asyncio.to_thread(work, repository, upload)

        return (await self._write(self._options(), made)).made

    async def restore(
        self,
        snapshot: str,
        target: str | os.PathLike[str],
        *,
        paths: Sequence[str] = (),
        keep_damaged: bool = False,
        progress: OnRestore | None = None,
    ) -> RestoreReport:
        """Restore a snapshot, or only some absolute paths of it, below `target`.

        What cannot be read now is reported, and everything else restored.
        `keep_damaged` keeps files of which only some data can be read, zeros for the
        rest; else they are left out.
        """

        def work(repository: Repository) -> RestoreReport:
            named = repository.snapshot(snapshot).snapshot
            places = [os.fsencode(path) for path in paths]
            job = restore_job(
                repository,
                named,
                Path(target),
                paths=places,
                keep_damaged=keep_damaged,
            )
            return restore(job, repository.reader, progress or no_progress)

        return await self.read(work)

    async def cost(
        self, paths: Sequence[str | os.PathLike[str]], *, epochs: int | None = None
    ) -> CostEstimate:
        """Say what a backup of `paths` would add and cost; nothing is sent."""
        repository = await self._repository()
        job = job_of(paths)
        found = await asyncio.to_thread(estimate, repository, job)
        return await self._desk.cost(
            found.snapshot.snapshot.stats, found.chunk_sizes, epochs
        )

    async def forget(self, snapshots: Sequence[str]) -> tuple[NamedSnapshot, ...]:
        """Take snapshots off the list; a prune gives back their space."""

        def work(
            repository: Repository, _writer: ChunkWriter
        ) -> tuple[Update, tuple[NamedSnapshot, ...]]:
            named = tuple(repository.snapshot(name) for name in snapshots)
            return forget(repository, [each.id for each in named]), named

        return await self.change(work)

    async def prune(self) -> PruneResult:
        """Drop what no snapshot and no object needs; it is no longer paid.

        Deals that lack a holder now keep theirs until the next prune.
        """
        result = await self._turn_of(
            lambda: prune_storage(self._storage, self._options())
        )
        await self._refund_quietly()
        return result

    # Objects.

    async def put(
        self,
        name: str,
        data: bytes | BinaryIO,
        *,
        metadata: Mapping[str, str] | None = None,
    ) -> ObjectInfo:
        """Store an object under a name, in place of what had it."""
        pairs = tuple(Metadatum(key, value) for key, value in (metadata or {}).items())
        now = time.time_ns()
        source = io.BytesIO(data) if isinstance(data, bytes) else data
        start = source.tell() if source.seekable() else None

        async def work(repository: Repository, upload: Upload) -> tuple[Update, None]:
            if start is not None:
                source.seek(start)
            update = await asyncio.to_thread(
                put_object,
                repository,
                name,
                source,
                upload,
                time_ns=now,
                metadata=pairs,
            )
            return update, None

        written = await self._write(self._options(), work)
        return object_info(
            await asyncio.to_thread(stat_object, written.commit.repository, name)
        )

    async def get(self, name: str) -> bytes:
        """Return an object's bytes, or raise ObjectUnknownError."""
        file = await self.open_blocking(name)
        return await asyncio.to_thread(file.read)

    async def open(self, name: str) -> AsyncFile:
        """Open an object to read and seek, or raise ObjectUnknownError."""
        return AsyncFile(await self.open_blocking(name))

    async def open_blocking(self, name: str) -> io.BufferedReader:
        """Open an object as a file for threads: its reads block."""
        return await self.read(partial(open_object, name=name))

    async def list(self, prefix: str = "") -> tuple[ObjectInfo, ...]:
        """Return the objects whose names start with `prefix`, in order of name."""
        found = await self.read(lambda repository: [*objects(repository, prefix)])
        return tuple(object_info(entry) for entry in found)

    async def stat(self, name: str) -> ObjectInfo:
        """Return what is known of an object, or raise ObjectUnknownError."""
        return object_info(await self.read(partial(stat_object, name=name)))

    async def delete(self, name: str) -> None:
        """Remove an object, or raise ObjectUnknownError; a prune frees its bytes."""
        await self.change(lambda repository, _: (delete_object(repository, name), None))

    def _options(
        self, epochs: int | None = None, expected: Callable[[], int] = int
    ) -> UploadOptions:
        params = self._book.directory.params
        k, n = params.policy_k, params.policy_n
        return UploadOptions(k, n, epochs or default_epochs(params), expected)

    async def _write(self, options: UploadOptions, work: Work[T]) -> Written[T]:
        return await self._turn_of(lambda: self._storage.write(options, work))

    async def _turn_of(self, command: Callable[[], Awaitable[T]]) -> T:
        """Run a command alone, and again when another client pruned meanwhile."""
        async with self._turn:
            for _ in range(_TRIES_MAX - 1):
                with contextlib.suppress(HistoryConflictError):
                    return await command()
            return await command()
