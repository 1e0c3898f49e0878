"""`reading_client` without coroutines, driven by a thread of its own."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping
from typing import Any, Self, TypeVar

from holdfast.client.core.owner_keys import OwnerKeys
from holdfast.client.core.snapshot import NamedSnapshot
from holdfast.client.core.tree import Node
from holdfast.client.profile import Profile
from holdfast.client.reading_client import AsyncReader
from holdfast.client.repository import Repository
from holdfast.client.storage import Storage
from holdfast.protocol.units import AccountId, ChunkId, DealId, Grains

__all__ = ["AsyncReader", "Reader"]

T = TypeVar("T")
Connect = Callable[[Profile, OwnerKeys], Coroutine[Any, Any, AsyncReader]]


class Reader:
    """An owner's client that only reads; every method blocks until it is done.

    Making one connects, and raises what `AsyncReader.connect` raises.
    """

    def __init__(
        self, profile: Profile, keys: OwnerKeys, connect: Connect = AsyncReader.connect
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

    @property
    def account(self) -> AccountId:
        """The account that pays."""
        return self._client.account

    def balance(self) -> Grains:
        """Return the account's free balance in grains."""
        return self._run(self._client.balance())

    def read(self, work: Callable[[Repository], T]) -> T:
        """Have `work` read the newest state of the repository, in a thread."""
        return self._run(self._client.read(work))

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
