"""The SDK without coroutines: the same client, driven by a thread of its own.

with Client(profile, profile.unlock(passphrase)) as client:
client.put("notes", b"hello")
"""

import io
import os
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, BinaryIO, TypeVar

from holdfast.client.archive import BackupJob
from holdfast.client.async_client import AsyncClient
from holdfast.client.async_file import AsyncFile
from holdfast.client.core.owner_keys import OwnerKeys
from holdfast.client.core.ports import ChunkWriter
from holdfast.client.core.snapshot import NamedSnapshot
from holdfast.client.profile import Profile
from holdfast.client.reading_session import Reader
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
from holdfast.protocol.units import AccountId, DealId, Grains

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


class Client(Reader):
    """An owner's client; every method blocks until it is done.

    Making one connects, and raises what `AsyncClient.connect` raises.
    """

    _client: AsyncClient

    def __init__(
        self, profile: Profile, keys: OwnerKeys, connect: Connect = AsyncClient.connect
    ) -> None:
        super().__init__(profile, keys, connect)

    # The account and its deals.

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

    def change(self, work: Callable[[Repository, ChunkWriter], tuple[Update, T]]) -> T:
        """Commit the update that `work` makes of the newest state, in a thread."""
        return self._run(self._client.change(work))

    def restore(
        self,
        snapshot: str,
        target: str | os.PathLike[str],
        *,
        paths: Sequence[str] = (),
        keep_damaged: bool = False,
        progress: OnRestore | None = None,
    ) -> RestoreReport:
        """Restore a snapshot, or only some paths of it (see AsyncClient)."""
        return self._run(
            self._client.restore(
                snapshot,
                target,
                paths=paths,
                keep_damaged=keep_damaged,
                progress=progress,
            )
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
