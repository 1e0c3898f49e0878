"""The threads of the data side: the event loop never waits for a disk or a hash.

The journal has one thread, because one thread uses the database. Audits have
their own, so that uploads never stand in front of an answer that is due; so has
what waits for the disk, so that downloads do not wait with it.
"""

import asyncio
import errno
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, Final, TypeVar

from holdfast.vault.core.refusals import Refusal, RefusedError
from holdfast.vault.holdings_database import JournalError, JournalFullError
from holdfast.wire.process import give_back_memory

T = TypeVar("T")

SHARD_THREADS: Final = 2
SYNC_THREADS: Final = 2
SHARDS_BEFORE_REST: Final = 16
DISK_FULL: Final = "this vault's disk is full; it takes nothing new"
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class Workers:
    """Runs blocking calls; disk troubles come back as RefusedError."""

    def __init__(self) -> None:
        self._shards = ThreadPoolExecutor(SHARD_THREADS, "shards")
        self._syncing = ThreadPoolExecutor(SYNC_THREADS, "syncing")
        self._journal = ThreadPoolExecutor(1, "journal")
        self._audits = ThreadPoolExecutor(1, "audits")
        self._shards_since_rest = 0

    def shards(self, call: Callable[..., T], *arguments: object) -> Awaitable[T]:
        """Run `call` in a thread for hashing, writing and reading shards."""
        self._shards_since_rest += 1
        return self._run(self._shards, call, arguments)

    def syncing(self, call: Callable[..., T], *arguments: object) -> Awaitable[T]:
        """Run `call` in a thread that may wait for the disk for long."""
        return self._run(self._syncing, call, arguments)

    def journal(self, call: Callable[..., T], *arguments: object) -> Awaitable[T]:
        """Run `call` in the journal's thread, after all that was asked before."""
        return self._run(self._journal, call, arguments)

    def audits(self, call: Callable[..., T], *arguments: object) -> Awaitable[T]:
        """Run `call` in the audits' thread."""
        return self._run(self._audits, call, arguments)

    async def rest(self) -> None:
        """Give memory back if many shards passed through since the last rest."""
        if self._shards_since_rest > SHARDS_BEFORE_REST:
            await self.shards(give_back_memory)
            self._shards_since_rest = 0

    def close(self) -> None:
        """Let the threads end what they do."""
        for pool in (self._shards, self._syncing, self._audits, self._journal):
            pool.shutdown(wait=True)

    async def _run(
        self,
        pool: ThreadPoolExecutor,
        call: Callable[..., T],
        arguments: tuple[object, ...],
    ) -> T:
        with disk_troubles():
            return await asyncio.get_running_loop().run_in_executor(
                pool, call, *arguments
            )


@contextmanager
def disk_troubles() -> Iterator[None]:
    """Raise what the disk or the database cannot do as RefusedError."""
    try:
        yield
    except JournalFullError as error:
        raise RefusedError(Refusal.EXHAUSTED, DISK_FULL) from error
    except JournalError as error:
        raise RefusedError(Refusal.UNREADY, str(error)) from error
    except OSError as error:
        if error.errno in _FULL:
            raise RefusedError(Refusal.EXHAUSTED, DISK_FULL) from error
        text = "this vault cannot use its disk just now"
        raise RefusedError(Refusal.UNREADY, text) from error


async def to_the_end(work: Coroutine[Any, Any, T]) -> T:
    """Await `work` whole, even if the caller is cancelled, who then hears of it.

    What is half journalled must not be left to a client that hangs up.
    """
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled:
        if not task.cancelled():
            task.exception()
        raise cancelled
    return task.result()
