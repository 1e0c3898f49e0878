"""Uploading sealed chunks: the ChunkWriter that backups write to.

It writes to one deal at a time: one that is there, or a new one. When holders are
left behind, what no full receipt covers goes to another deal, and so on; the bytes
are kept in memory until they are covered.
"""

import asyncio
from collections import deque
from collections.abc import Collection, Iterable
from types import TracebackType
from typing import Self

from holdfast.client.chunk_box import ChunkBox, Ciphertext
from holdfast.client.core.deal_choice import grown_capacity
from holdfast.client.core.upload_events import DealAbandoned
from holdfast.client.deal_book import DealBook
from holdfast.client.deal_picking import DealPicking
from holdfast.client.deal_run import DealRun, RunEndedError
from holdfast.client.network_errors import (
    BalanceShortError,
    DealUnwritableError,
    NetworkError,
    StateMovedError,
    UploadFailedError,
)
from holdfast.client.upload_options import (
    LeftDeal,
    OnAcknowledged,
    UploadOptions,
    UploadProgress,
    ignore_chunks,
)
from holdfast.ledger.core.errors import LedgerError
from holdfast.protocol.deal import Deal
from holdfast.protocol.errors import HoldfastError
from holdfast.protocol.receipt import FullReceipt
from holdfast.protocol.units import (
    DEAL_BYTES_MAX,
    ChunkId,
)


class Upload:
    """A ChunkWriter over the network; an async context manager.

    `add` is for worker threads, everything else for the event loop's.
    """

    def __init__(
        self,
        book: DealBook,
        options: UploadOptions,
        acknowledged: OnAcknowledged = ignore_chunks,
    ) -> None:
        self._book = book
        self._options = options
        self._on_acknowledged = acknowledged
        self._box = ChunkBox(options.k, options.n, options.memory_bytes)
        self._loop = asyncio.get_running_loop()
        self._lengths: dict[ChunkId, int] = {}
        self._overflow: deque[ChunkId] = deque()
        self._run: DealRun | None = None
        self._changed = asyncio.Condition()
        self._failure: HoldfastError | None = None
        self._closing = False
        self._group = asyncio.TaskGroup()
        self._growing = False
        self._picking = DealPicking(book, options)
        self._added_bytes = 0
        self._acknowledged_bytes = 0

    async def __aenter__(self) -> Self:
        """Begin: a deal is chosen or opened while chunks come in."""
        await self._group.__aenter__()
        self._group.create_task(self._supervise())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop; what is not acknowledged is abandoned."""
        self._closing = True
        self.abandon()
        if self._run is not None:
            self._run.close()
        async with self._changed:
            self._changed.notify_all()
        await self._group.__aexit__(None, None, None)

    @property
    def left_deals(self) -> list[LeftDeal]:
        """The deals that were given up on the way."""
        return self._picking.left

    @property
    def progress(self) -> UploadProgress:
        """How much was handed over and acknowledged so far."""
        vaults = () if self._run is None else self._run.vaults()
        return UploadProgress(self._added_bytes, self._acknowledged_bytes, vaults)

    def add(self, ciphertext: Ciphertext) -> ChunkId:
        """Take a sealed chunk; waits while too much is on its way (see ChunkWriter)."""
        encoded = self._box.encode(ciphertext)
        self._loop.call_soon_threadsafe(self._added, encoded.id, len(ciphertext))
        return encoded.id

    def abandon(self) -> None:
        """Make whoever adds, now or later, get an UploadFailedError."""
        self._box.fail(UploadFailedError("the upload was stopped"))

    async def ready(self) -> DealRun:
        """Return the run that takes chunks now, or raise why there is none."""
        async with self._changed:
            while self._failure is None and (self._run is None or self._run.has_ended):
                await self._changed.wait()
        if self._failure is not None:
            raise self._failure
        assert self._run is not None
        return self._run

    async def adopt(self, chunks: Iterable[tuple[ChunkId, int]]) -> frozenset[ChunkId]:
        """Return those of the chunks that are acknowledged, after having tried to.

        They were sent before a crash: what all holders still have staged needs no
        sending. The second value of each is its length in bytes.
        """
        known = dict(chunks)
        run = await self.ready()
        try:
            async with asyncio.timeout(self._options.limits.away_seconds):
                await run.all_open()
        except TimeoutError:
            return frozenset()
        staged = run.machine.staged_everywhere(known)
        fits = run.machine.room_bytes
        for chunk in staged:
            fits -= -(-known[chunk] // self._options.k)
            if fits >= 0:
                run.add(chunk, known[chunk])
        try:
            await run.flush(run.machine.footing.memo, frozenset())
        except RunEndedError:
            return frozenset()
        kept = run.machine.footing.manifest.positions
        return frozenset(chunk for chunk in known if chunk in kept)

    async def commit(
        self,
        memo: bytes,
        over: Collection[bytes],
        removed: frozenset[ChunkId] = frozenset(),
    ) -> Deal:
        """Have everything acknowledged under a head with this memo.

        `over` are the memos that the caller knew of; StateMovedError says that the
        deal has another one by now. `removed` chunks leave the deal with it. Returns
        the deal. Raises what keeps the upload from going on.
        """
        while True:
            run = await self.ready()
            if self._overflow:
                await self._drained()
                continue
            if run.footing_at_start.memo not in {*over, memo}:
                raise StateMovedError
            try:
                await run.flush(memo, removed)
            except RunEndedError:
                await asyncio.sleep(0)
            else:
                return run.deal

    async def _drained(self) -> None:
        async with self._changed:
            while self._overflow and self._failure is None:
                await self._changed.wait()

    # On the event loop.

    def _added(self, chunk: ChunkId, length: int) -> None:
        if chunk in self._lengths:
            return
        self._lengths[chunk] = length
        self._added_bytes += length
        if self._run is not None and not self._run.has_ended:
            self._overflow.append(chunk)
            self._pour(self._run)

    def _pour(self, run: DealRun) -> None:
        """Hand the run what its deal has room for; have the deal grow for the rest."""
        while self._overflow:
            chunk = self._overflow[0]
            length = self._lengths.get(chunk, 0)
            if -(-length // self._options.k) > run.machine.room_bytes:
                if not self._growing:
                    self._growing = True
                    self._group.create_task(self._grow(run))
                return
            self._overflow.popleft()
            if chunk in self._lengths:
                run.add(chunk, length)
                if chunk in run.machine.footing.manifest.positions:
                    self._settled((chunk,))
                    self._box.release(chunk)

    async def _grow(self, run: DealRun) -> None:
        try:
            await self._extend(run)
        except (BalanceShortError, LedgerError) as error:
            await self._fail(error)
        finally:
            self._growing = False
            async with self._changed:
                self._changed.notify_all()

    async def _extend(self, run: DealRun) -> None:
        deal = run.deal
        more = sum(-(-self._lengths[c] // deal.k) for c in self._overflow)
        capacity = grown_capacity(deal.capacity, more)
        try:
            if deal.capacity >= DEAL_BYTES_MAX:
                raise DealUnwritableError(deal.id, ())
            grown = await self._book.extend(deal, capacity, deal.end_epoch)
        except BalanceShortError:
            raise
        except NetworkError:
            await self._move_on(run)
            return
        run.grow(grown)
        self._growing = False
        if not run.has_ended:
            self._pour(run)

    async def _move_on(self, run: DealRun) -> None:
        """Leave a deal that cannot grow, after what it has room for."""
        self._picking.pass_over(run.deal.id)
        try:
            await run.flush(run.machine.footing.memo, frozenset())
        except RunEndedError:
            return
        run.close()

    def _acknowledged(self, full: FullReceipt, chunks: tuple[ChunkId, ...]) -> None:
        assert self._run is not None
        known = [(c, self._lengths[c]) for c in chunks if c in self._lengths]
        self._on_acknowledged(self._run.deal, known)
        self._settled(chunks)
        self._group.create_task(self._keep(full))

    async def _keep(self, full: FullReceipt) -> None:
        await asyncio.to_thread(self._book.journal.keep_head, full)

    def _settled(self, chunks: tuple[ChunkId, ...]) -> None:
        for chunk in chunks:
            self._acknowledged_bytes += self._lengths.pop(chunk, 0)

    async def _fail(self, error: HoldfastError) -> None:
        self._failure = error
        self._box.fail(error)
        if self._run is not None:
            self._run.close()
        async with self._changed:
            self._changed.notify_all()

    async def _supervise(self) -> None:
        try:
            while not self._closing and self._failure is None:
                run = await self._next_run()
                await self._use(run)
        except HoldfastError as error:
            await self._fail(error)

    async def _use(self, run: DealRun) -> None:
        async with asyncio.TaskGroup() as group:
            running = group.create_task(run.run())
            await asyncio.sleep(0)
            self._run = run
            self._overflow = deque(self._lengths)
            self._pour(run)
            async with self._changed:
                self._changed.notify_all()
            if self._closing:
                run.close()
        end = running.result()
        if isinstance(end, DealAbandoned):
            words = [
                (run.deal.holders[left.index].vault, left.reason)
                for left in end.left_behind
            ]
            empty = run.machine.footing.acknowledged is None
            await self._picking.leave(run.deal, words, empty=empty)
        await self._keep_manifest(run)

    async def _keep_manifest(self, run: DealRun) -> None:
        footing = run.machine.footing
        if footing.acknowledged is not None:
            await asyncio.to_thread(
                self._book.journal.keep_manifest,
                run.deal.id,
                footing.base,
                footing.manifest.entries,
            )

    async def _next_run(self) -> DealRun:
        deal, footing = await self._picking.pick(sum(self._lengths.values()))
        return DealRun(
            self._book,
            deal,
            footing,
            self._box,
            self._options.head_limits(),
            self._acknowledged,
        )
