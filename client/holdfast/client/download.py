"""Downloading sealed chunks: the ChunkReader that restores read from.

Several chunks are under way at once, each from the k holders that seem fastest, with
spares when one lags. A chunk's seal tells whether its bytes are right; once one does
not open, every shard of its deal is hashed before it is decoded, and who sent garbage
is found.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Final
from weakref import WeakSet

from holdfast.client.core.errors import ChunkUnavailableError
from holdfast.client.core.fetch import ChunkFetch
from holdfast.client.deal_book import DealBook
from holdfast.client.deal_source import ChunkRoom, DealSource
from holdfast.client.network_errors import NetworkError
from holdfast.protocol.deal import Deal
from holdfast.protocol.frozen import frozen
from holdfast.protocol.manifest import Manifest
from holdfast.protocol.units import MIB, ChunkId, DealId, VaultId

AHEAD_BYTES: Final = 64 * MIB
_AHEAD_CHUNKS_MAX: Final = 32
_LOOK_SECONDS: Final = 0.1


class TooFewHoldersError(ChunkUnavailableError):
    """Fewer than k holders of a chunk's deal could bring their shard."""

    def __init__(
        self,
        chunk: ChunkId,
        deal: DealId,
        needed: int,
        came: int,
        missing: Sequence[tuple[VaultId, str]],
    ) -> None:
        names = ", ".join(vault.hex()[:16] for vault, _ in missing)
        super().__init__(
            chunk,
            f"{needed} holders of deal {deal.hex()[:16]} are needed and {came} "
            f"answer; missing: {names}",
        )
        self.deal = deal
        self.needed = needed
        self.came = came
        self.missing = tuple(missing)


class ChunkUnlistedError(ChunkUnavailableError):
    """No deal that can be read lists the chunk."""


@frozen
class _Place:
    deal: DealId
    length: int


class Download:
    """A ChunkReader over the network; `read` and `prefetch` are for worker threads.

    What computes runs in `pool`, which ends with the download.
    """

    def __init__(
        self,
        book: DealBook,
        *,
        ahead_bytes: int = AHEAD_BYTES,
        pool: Executor | None = None,
    ) -> None:
        self._book = book
        self._loop = asyncio.get_running_loop()
        self._ahead_bytes = ahead_bytes
        self._pool = pool or ThreadPoolExecutor(2, "holdfast-decode")
        self._sources: dict[DealId, DealSource] = {}
        self._places: dict[ChunkId, _Place] = {}
        self._unreadable: dict[DealId, str] = {}
        self._tasks: dict[ChunkId, asyncio.Task[memoryview]] = {}
        # Those begun while their deal was trusted.
        self._unchecked: WeakSet[asyncio.Task[memoryview]] = WeakSet()
        self._awaited: Counter[ChunkId] = Counter()
        self._plan: tuple[ChunkId, ...] = ()
        self._closed = False

    def learn(self, deal: Deal, manifest: Manifest) -> None:
        """Take note of the chunks of a deal."""
        self._source(deal)
        for entry in manifest.entries:
            self._places[entry.chunk] = _Place(deal.id, entry.length)

    def learn_chunks(self, deal: Deal, chunks: Sequence[tuple[ChunkId, int]]) -> None:
        """Take note of chunks that were just acknowledged, with their lengths."""
        self._source(deal)
        for chunk, length in chunks:
            self._places[chunk] = _Place(deal.id, length)

    def cannot_read(self, deal: DealId, reason: str) -> None:
        """Take note that a deal's chunks are not known, to say so if one is missed."""
        self._unreadable[deal] = reason

    def knows(self, chunk: ChunkId) -> bool:
        """Return whether a deal lists the chunk."""
        return chunk in self._places

    def length(self, chunk: ChunkId) -> int:
        """Return the ciphertext bytes of a known chunk."""
        return self._places[chunk].length

    def deal_of(self, chunk: ChunkId) -> DealId | None:
        """Return the deal that lists a chunk."""
        place = self._places.get(chunk)
        return place.deal if place else None

    async def close(self) -> None:
        """Stop all downloads."""
        self._closed = True
        for task in self._tasks.values():
            task.cancel()
        self._tasks.clear()
        for source in self._sources.values():
            for line in source.lines:
                await line.close()
        self._pool.shutdown(wait=False, cancel_futures=True)

    # For worker threads.

    def read(self, chunk: ChunkId) -> memoryview:
        """Return what holders sent as a chunk, or raise ChunkUnavailableError."""
        future = asyncio.run_coroutine_threadsafe(self.get(chunk), self._loop)
        return future.result()

    def reread(self, chunk: ChunkId) -> memoryview:
        """Return a chunk's ciphertext, each shard checked; raises as `read`."""
        future = asyncio.run_coroutine_threadsafe(self.get_checked(chunk), self._loop)
        return future.result()

    def prefetch(self, chunks: Sequence[ChunkId]) -> None:
        """Begin to fetch what will be read next."""
        plan = tuple(chunks[:_AHEAD_CHUNKS_MAX])
        self._loop.call_soon_threadsafe(self._follow, plan)

    # On the event loop.

    async def get_checked(self, chunk: ChunkId) -> memoryview:
        """Return a chunk's ciphertext, each shard checked; raises as `get`.

        From now on all of its deal is checked: somebody there sent garbage.
        """
        place = self._places.get(chunk)
        if place is not None:
            self._sources[place.deal].distrusted = True
        if self._tasks.get(chunk) in self._unchecked:
            del self._tasks[chunk]  # whoever waits for that one hears its end
        return await self.get(chunk)

    async def get(self, chunk: ChunkId) -> memoryview:
        """Return what holders sent as a chunk, or raise ChunkUnavailableError."""
        task = self._tasks.get(chunk)
        if task is None:
            task = self._begin(chunk)
        self._awaited[chunk] += 1
        try:
            return await asyncio.shield(task)
        finally:
            self._awaited[chunk] -= 1
            if not self._awaited[chunk]:
                del self._awaited[chunk]
                self._tasks.pop(chunk, None)
            self._follow_plan()

    def _begin(self, chunk: ChunkId) -> asyncio.Task[memoryview]:
        task = asyncio.ensure_future(self._fetch(chunk))
        task.add_done_callback(_look_at)
        place = self._places.get(chunk)
        if place is not None and not self._sources[place.deal].distrusted:
            self._unchecked.add(task)
        self._tasks[chunk] = task
        return task

    def _follow(self, plan: tuple[ChunkId, ...]) -> None:
        self._plan = plan
        self._drop_tasks(keep=plan)
        self._follow_plan()

    def _follow_plan(self) -> None:
        if self._closed:
            return
        room = self._ahead_bytes - sum(self._weight(chunk) for chunk in self._tasks)
        for chunk in self._plan:
            if chunk not in self._places or chunk in self._tasks:
                continue
            room -= self._weight(chunk)
            if room < 0:
                return
            self._begin(chunk)
        self._plan = ()

    def _weight(self, chunk: ChunkId) -> int:
        place = self._places.get(chunk)
        return place.length if place else 0

    def _drop_tasks(self, keep: Sequence[ChunkId]) -> None:
        for chunk in self._tasks.keys() - set(keep) - self._awaited.keys():
            self._tasks.pop(chunk).cancel()

    async def _fetch(self, chunk: ChunkId) -> memoryview:
        place = self._places.get(chunk)
        if place is None:
            raise ChunkUnlistedError(chunk, self._why_unknown())
        source = self._sources[place.deal]
        now = self._loop.time()
        order = source.scores.order(now, source.times.late(now))
        fetch = ChunkFetch(source.deal.k, order)
        room = source.room(place.length)
        await self._collect(source, chunk, fetch, room)
        if not fetch.is_done:
            deal = source.deal
            missing = [
                (deal.holders[index].vault, reason)
                for index, reason in sorted(fetch.failures.items())
            ]
            raise TooFewHoldersError(
                chunk, deal.id, deal.k, deal.n - len(missing), missing
            )
        whole = room.whole()
        if whole is not None:
            return whole
        return await self._loop.run_in_executor(self._pool, room.decode)

    def _why_unknown(self) -> str:
        if not self._unreadable:
            return "no deal lists it"
        reasons = "; ".join(self._unreadable.values())
        return f"no deal that can be read lists it ({reasons})"

    async def _collect(
        self, source: DealSource, chunk: ChunkId, fetch: ChunkFetch, room: ChunkRoom
    ) -> None:
        waits: dict[asyncio.Task[memoryview], int] = {}
        size = -(-self._weight(chunk) // source.deal.k)
        limit = self._book.directory.bandwidth.download

        async def one(index: int) -> memoryview:
            await limit.pass_through(size)
            place, checked = room.place_of(index), source.distrusted
            return await source.lines[index].fetch(chunk, place, checked=checked)

        def ask(indexes: list[int]) -> None:
            waits.update(
                (asyncio.ensure_future(one(index)), index) for index in indexes
            )

        started = looked = self._loop.time()
        ask(fetch.start())
        try:
            while waits and not (fetch.is_done or fetch.has_failed):
                done, _ = await asyncio.wait(
                    waits, timeout=_LOOK_SECONDS, return_when=asyncio.FIRST_COMPLETED
                )
                for task in done:
                    index = waits.pop(task)
                    ask(self._judge(source, task, index, started, fetch, room))
                now = self._loop.time()
                if fetch.is_done or (done and now - looked < _LOOK_SECONDS):
                    continue
                looked = now
                if chunk in self._awaited:
                    # Nobody is kept waiting by what is only read ahead.
                    for index in source.times.late(now).intersection(waits.values()):
                        ask(fetch.lags(index))
        finally:
            for task, index in waits.items():
                task.cancel()
                if place := room.open_place(index):
                    source.lines[index].let_go(chunk, place, source.shards.take)

    def _judge(
        self,
        source: DealSource,
        task: asyncio.Task[memoryview],
        index: int,
        started: float,
        fetch: ChunkFetch,
        room: ChunkRoom,
    ) -> list[int]:
        now = self._loop.time()
        try:
            room.arrived(index, task.result())
        except NetworkError as error:
            source.scores.failed(index, now)
            return fetch.failed(index, str(error))
        source.scores.answered(index, now - started)
        return fetch.came(index)

    def _source(self, deal: Deal) -> DealSource:
        source = self._sources.get(deal.id)
        if source is None:
            source = self._sources[deal.id] = DealSource(self._book, deal, self._pool)
        return source


def _look_at(task: asyncio.Task[memoryview]) -> None:
    """Fetch the exception of a task that perhaps nobody waits for any more."""
    if not task.cancelled():
        task.exception()
