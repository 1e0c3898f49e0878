"""The SDK without coroutines: the same client, driven by a thread of its own.

with Client(profile, profile.unlock(passphrase)) as client:
client.put("notes", b"hello")
"""

import asyncio
import io
import os
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping, Sequence
from typing import Any, BinaryIO, Self, TypeVar

from holdfast.client.archive import BackupJob
from holdfast.client.async_client import AsyncClient
from holdfast.client.async_file import AsyncFile
from holdfast.client.core.owner_keys import OwnerKeys
from holdfast.client.core.ports import ChunkWriter
from holdfast.client.core.snapshot import NamedSnapshot
from holdfast.client.core.tree import Node
from holdfast.client.profile import Profile
from holdfast.client.repository import Repository, Update
from holdfast.client.restore import OnProgress as OnRestore
from holdfast.client.restore import RestoreReport
from holdfast.client.session_values import (
    BackupResult,
    CostEstimate,
    DealStatus,
    ObjectInfo,
    OnProgress,
    Progress,
    PruneResult,
)
from holdfast.client.storage import Storage
from holdfast.protocol.units import AccountId, ChunkId, DealId, Grains

__all__ = [
    "AsyncClient",
    "AsyncFile",
    "BackupResult",
    "Client",
    "CostEstimate",
    "DealStatus",
    "ObjectInfo",
    "Progress",
    "PruneResult",
]

T = TypeVar("T")
Connect = Callable[[Profile, OwnerKeys], Coroutine[Any, Any, AsyncClient]]


class Client:
    """An owner's client; every method blocks until it is done.

    Making one connects, and raises what `AsyncClient.connect` raises.
    """

    def __init__(
        self, profile: Profile, keys: OwnerKeys, connect: Connect = AsyncClient.connect
    ) -> None:
        self._start()
        try:
            self._client = self._run(connect(profile, keys))
        except BaseException:
            self._stop()
            raise

    def _start(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name="holdfast-client", daemon=True
        )
        self._thread.start()

    def _run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        try:
            return future.result()
        except BaseException:
            # An interrupt from the keyboard must reach what is going on there.
            future.cancel()
            raise

    def _stop(self) -> None:
        async def finish() -> None:
            tasks = asyncio.all_tasks() - {asyncio.current_task()}
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._loop.shutdown_default_executor()

        asyncio.run_coroutine_threadsafe(finish(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_error: object) -> None:
        """Close."""
        self.close()

    def close(self) -> None:
        """Let go of all connections; the client cannot be used afterwards."""
        if self._loop.is_closed():
            return
        try:
            self._run(self._client.close())
        finally:
            self._stop()

    # The account and its deals.

    @property
    def account(self) -> AccountId:
        """The account that pays."""
        return self._client.account

    def balance(self) -> Grains:
        """Return the account's free balance in grains."""
        return self._run(self._client.balance())

    def faucet(self) -> Grains:
        """Take what a development network gives to everybody once, and return it."""
        return self._run(self._client.faucet())

    def transfer(self, to: AccountId, amount: Grains) -> None:
        """Send grains to another account."""
        self._run(self._client.transfer(to, amount))

    def deals(self) -> tuple[DealStatus, ...]:
        """Return all deals, oldest first, with what their holders say."""
        return self._run(self._client.deals())

    def open_deal(self, capacity: int, *, epochs: int | None = None) -> DealStatus:
        """Open a deal of `capacity` bytes for each holder; backups do it themselves."""
        return self._run(self._client.open_deal(capacity, epochs=epochs))

    def extend_deal(
        self,
        deal: DealId | str,
        *,
        capacity: int | None = None,
        epochs: int | None = None,
    ) -> DealStatus:
        """Give a deal more capacity, or an end `epochs` from now; it never shrinks."""
        return self._run(
            self._client.extend_deal(deal, capacity=capacity, epochs=epochs)
        )

    def close_deal(self, deal: DealId | str) -> DealStatus:
        """End a deal with the current period; what it holds is lost afterwards."""
        return self._run(self._client.close_deal(deal))

    def refund(self) -> Grains:
        """Fetch back what ended deals did not spend; return the grains."""
        return self._run(self._client.refund())

    # Backups.

    def backup(
        self,
        paths: Sequence[str | os.PathLike[str]],
        *,
        tags: Sequence[str] = (),
        exclude: Sequence[str] = (),
        epochs: int | None = None,
        progress: OnProgress | None = None,
    ) -> BackupResult:
        """Back up files and directories into a new snapshot (see AsyncClient)."""
        return self._run(
            self._client.backup(
                paths, tags=tags, exclude=exclude, epochs=epochs, progress=progress
            )
        )

    def back_up(
        self,
        job: BackupJob,
        *,
        epochs: int | None = None,
        progress: OnProgress | None = None,
    ) -> BackupResult:
        """Do a backup's job (see AsyncClient)."""
        return self._run(self._client.back_up(job, epochs=epochs, progress=progress))

    def read(self, work: Callable[[Repository], T]) -> T:
        """Have `work` read the newest state of the repository, in a thread."""
        return self._run(self._client.read(work))

    def change(self, work: Callable[[Repository, ChunkWriter], tuple[Update, T]]) -> T:
        """Commit the update that `work` makes of the newest state, in a thread."""
        return self._run(self._client.change(work))

    def with_storage(self, work: Callable[[Storage], Awaitable[T]]) -> T:
        """Have `work` ask the ledger and the holders itself, alone."""
        return self._run(self._client.with_storage(work))

    def chunks_by_deal(self) -> Mapping[DealId, Mapping[ChunkId, int]]:
        """Return the chunks that each deal holds, with their bytes of ciphertext."""
        return self._run(self._client.chunks_by_deal())

    def snapshots(self) -> tuple[NamedSnapshot, ...]:
        """Return all snapshots, oldest first."""
        return self._run(self._client.snapshots())

    def ls(self, snapshot: str, path: str = "/") -> Iterator[tuple[bytes, Node]]:
        """Yield (absolute path, node) of everything at and below `path`."""
        yield from self._run(self._client.ls(snapshot, path))

    def restore(
        self,
        snapshot: str,
        target: str | os.PathLike[str],
        *,
        paths: Sequence[str] = (),
        progress: OnRestore | None = None,
    ) -> RestoreReport:
        """Restore a snapshot, or only some paths of it, below `target`."""
        return self._run(
            self._client.restore(snapshot, target, paths=paths, progress=progress)
        )

    def cost(
        self,
        paths: Sequence[str | os.PathLike[str]],
        *,
        epochs: int | None = None,
    ) -> CostEstimate:
        """Say what a backup of `paths` would add and cost; nothing is sent."""
        return self._run(self._client.cost(paths, epochs=epochs))

    def forget(self, snapshots: Sequence[str]) -> tuple[NamedSnapshot, ...]:
        """Take snapshots off the list; a prune gives back their space."""
        return self._run(self._client.forget(snapshots))

    def prune(self) -> PruneResult:
        """Drop what no snapshot and no object needs; it is no longer paid."""
        return self._run(self._client.prune())

    # Objects.

    def put(
        self,
        name: str,
        data: bytes | BinaryIO,
        *,
        metadata: Mapping[str, str] | None = None,
    ) -> ObjectInfo:
        """Store an object under a name, in place of what had it."""
        return self._run(self._client.put(name, data, metadata=metadata))

    def get(self, name: str) -> bytes:
        """Return an object's bytes, or raise ObjectUnknownError."""
        return self._run(self._client.get(name))

    def open(self, name: str) -> io.BufferedReader:
        """Open an object to read and seek, or raise ObjectUnknownError."""
        return self._run(self._client.open_blocking(name))

    def list(self, prefix: str = "") -> tuple[ObjectInfo, ...]:
        """Return the objects whose names start with `prefix`, in order of name."""
        return self._run(self._client.list(prefix))

    def stat(self, name: str) -> ObjectInfo:
        """Return what is known of an object, or raise ObjectUnknownError."""
        return self._run(self._client.stat(name))

    def delete(self, name: str) -> None:
        """Remove an object, or raise ObjectUnknownError; a prune frees its bytes."""
        self._run(self._client.delete(name))
