"""The shell around one deal's upload: streams to the holders, calls, the clock.

Events go into the machine on the event loop, in order; its effects become frames and
calls. It ends when the machine does, or when it is closed.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Coroutine
from typing import Any, Final, assert_never

from holdfast.client.chunk_box import ChunkBox
from holdfast.client.core.upload import (
    DealUpload,
)
from holdfast.client.core.upload_events import (
    CapacityGrown,
    ChunkAdded,
    ClockTicked,
    DealAbandoned,
    DropShards,
    Effect,
    Event,
    Flushed,
    FlushWanted,
    FullReceiptFailed,
    FullReceiptKept,
    HeadAcknowledged,
    HeldBack,
    HolderLost,
    HolderOpened,
    KeepFullReceipt,
    NewerHeadShown,
    Proposal,
    ProposalFailed,
    ProposeHead,
    ReceiptCame,
    SendShard,
    ShardsMissed,
    ShardStored,
    Superseded,
)
from holdfast.client.core.upload_terms import (
    Footing,
    UploadLimits,
    UploadTerms,
)
from holdfast.client.deal_book import DealBook
from holdfast.client.network_errors import NetworkError
from holdfast.client.transport import Missing, ShardStream, translated
from holdfast.client.upload_options import VaultProgress
from holdfast.protocol.deal import Deal, Purpose
from holdfast.protocol.receipt import FullReceipt
from holdfast.protocol.signing import Signed
from holdfast.protocol.units import ChunkId, VaultId
from holdfast.wire import frames

_TICK_SECONDS: Final = 1.0
_PAUSES: Final = (0.2, 0.5, 1.0)
_LAST_CALLS_SECONDS: Final = 2.0

End = DealAbandoned | Superseded | None
Acknowledged = Callable[[FullReceipt, tuple[ChunkId, ...]], None]


class RunEndedError(NetworkError):
    """The run ended before what was asked of it happened; internal to uploads."""


class DealRun:
    """One deal being written, from one footing to its end."""

    def __init__(
        self,
        book: DealBook,
        deal: Deal,
        footing: Footing,
        box: ChunkBox,
        limits: UploadLimits,
        acknowledged: Acknowledged,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.footing_at_start = footing
        self._book = book
        self._box = box
        self._acknowledged = acknowledged
        self._clock = clock
        identities = book.directory.identities
        terms = UploadTerms(
            deal,
            book.directory.network,
            book.keys.deal_pair(deal.nonce),
            {holder.vault: identities[holder.vault] for holder in deal.holders},
            limits,
        )
        self.machine = DealUpload(terms, footing, clock())
        self._queues: list[asyncio.Queue[ChunkId]] = [
            asyncio.Queue() for _ in deal.holders
        ]
        self._flushed: asyncio.Future[None] | None = None
        self._all_open = asyncio.Event()
        self._ended = asyncio.Event()
        self._end: End = None
        self._group: asyncio.TaskGroup | None = None
        self._calls: set[asyncio.Task[None]] = set()

    @property
    def deal(self) -> Deal:
        """The deal as this run knows it."""
        return self.machine.deal

    @property
    def has_ended(self) -> bool:
        """Whether it takes nothing more."""
        return self._ended.is_set()

    def vaults(self) -> tuple[VaultProgress, ...]:
        """Return how each holder gets on; from any thread."""
        return tuple(
            VaultProgress(
                self._vault(line.index),
                line.open,
                len(line.stored),
                line.waiting,
                "" if line.open else line.reason,
            )
            for line in self.machine.lines
        )

    async def run(self) -> End:
        """Serve the holders until the machine ends or `close` is called."""
        try:
            async with asyncio.TaskGroup() as self._group:
                tasks = [
                    self._group.create_task(self._serve(index))
                    for index in range(self.deal.n)
                ]
                tasks.append(self._group.create_task(self._tick()))
                await self._ended.wait()
                if self._calls:
                    await asyncio.wait(self._calls, timeout=_LAST_CALLS_SECONDS)
                for task in (*tasks, *self._calls):
                    task.cancel()
        finally:
            self._ended.set()
            self._all_open.set()
            self._break_flush()
        return self._end

    def close(self) -> None:
        """End the run."""
        self._ended.set()

    async def all_open(self) -> None:
        """Return when every holder takes shards, or the run has ended."""
        await self._all_open.wait()

    def add(self, chunk: ChunkId, length: int) -> None:
        """Begin to send a chunk that the box has."""
        self._post(ChunkAdded(chunk, length, self._clock()))

    def grow(self, deal: Deal) -> None:
        """Take note of the deal's new terms."""
        self._post(CapacityGrown(deal, self._clock()))

    async def flush(self, memo: bytes, removed: frozenset[ChunkId]) -> None:
        """Return when everything is acknowledged; raises RunEndedError."""
        assert self._flushed is None, "one flush at a time"
        if self.has_ended:
            raise RunEndedError
        flushed = self._flushed = asyncio.get_running_loop().create_future()
        self._post(FlushWanted(memo, removed, self._clock()))
        try:
            await flushed
        finally:
            self._flushed = None

    def _break_flush(self) -> None:
        if self._flushed is not None and not self._flushed.done():
            self._flushed.set_exception(RunEndedError())

    def _post(self, event: Event) -> None:
        for effect in self.machine.receive(event):
            self._perform(effect)

    def _perform(self, effect: Effect) -> None:
        match effect:
            case SendShard(index, chunk):
                self._queues[index].put_nowait(chunk)
            case DropShards(chunk):
                self._box.drop_shards(chunk)
            case ProposeHead(index, proposal):
                self._launch(self._propose(index, proposal))
            case KeepFullReceipt(index, full):
                self._launch(self._acknowledge(index, full))
            case HeadAcknowledged(full, chunks):
                for chunk in chunks:
                    self._box.release(chunk)
                self._acknowledged(full, chunks)
            case Flushed():
                if self._flushed is not None and not self._flushed.done():
                    self._flushed.set_result(None)
            case DealAbandoned() | Superseded():
                self._end = effect
                self._ended.set()
            case _:
                assert_never(effect)

    def _launch(self, call: Coroutine[Any, Any, None]) -> None:
        assert self._group is not None, "a run acts only while it runs"
        task = self._group.create_task(call)
        self._calls.add(task)
        task.add_done_callback(self._calls.discard)

    def _vault(self, index: int) -> VaultId:
        return self.deal.holders[index].vault

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(_TICK_SECONDS)
            self._post(ClockTicked(self._clock()))

    async def _propose(self, index: int, proposal: Proposal) -> None:
        try:
            answer = await self._book.directory.link(self._vault(index)).propose(
                proposal
            )
        except NetworkError as error:
            self._post(ProposalFailed(index, str(error), self._clock()))
            return
        now = self._clock()
        if isinstance(answer, Missing):
            self._post(ShardsMissed(index, tuple(answer), now))
        elif isinstance(answer, Signed):
            self._post(ReceiptCame(index, answer, now))
        else:
            self._post(NewerHeadShown(index, answer, now))

    async def _acknowledge(self, index: int, full: FullReceipt) -> None:
        try:
            await self._book.directory.link(self._vault(index)).acknowledge(full)
        except NetworkError as error:
            self._post(FullReceiptFailed(index, str(error), self._clock()))
            return
        digest = full.head.value.digest()
        self._post(FullReceiptKept(index, digest, self._clock()))

    async def _serve(self, index: int) -> None:
        """Keep a stream to one holder open, for as long as the run lasts."""
        failures = 0
        # A stream that breaks while it is cancelled swallows the cancellation.
        while not self.has_ended:
            reason = "it closed the stream"
            opened = self._clock()
            try:
                await self._stream(index)
            except* NetworkError as errors:
                reason = str(_first(errors))
            self._post(HolderLost(index, reason, self._clock()))
            long_lived = self._clock() - opened > 10 * _TICK_SECONDS
            failures = 0 if long_lived else failures + 1
            await asyncio.sleep(_PAUSES[min(failures, len(_PAUSES) - 1)])
            if failures % len(_PAUSES) == 0:
                # It may have moved: somebody else may know where it is now.
                with contextlib.suppress(NetworkError):
                    await self._book.directory.ask_around()

    async def _stream(self, index: int) -> None:
        vault = self._vault(index)
        stream = self._book.directory.link(vault).store()
        try:
            await stream.open(self._book.grant(self.deal, vault, Purpose.WRITE))
            first = await stream.read_within()
            with translated(vault):
                staged = frames.read_opened(first)
            queue = self._queues[index] = asyncio.Queue()
            self._post(HolderOpened(index, staged, self._clock()))
            if self.machine.all_open:
                self._all_open.set()
            async with asyncio.TaskGroup() as both:
                both.create_task(self._send(index, stream, queue))
                both.create_task(self._receive(index, stream))
        finally:
            stream.cancel()

    async def _send(
        self, index: int, stream: ShardStream, queue: asyncio.Queue[ChunkId]
    ) -> None:
        limit = self._book.directory.bandwidth.upload
        frame_bytes = limit.frame_bytes(self.deal.n)

        def held_back() -> None:
            self._post(HeldBack(index, self._clock()))

        while True:
            chunk = await queue.get()
            if chunk in self._box:
                proof, shard = self._box.shard(chunk, index)
                for frame in frames.shard_frames(
                    chunk, proof, shard, frame_bytes=frame_bytes
                ):
                    await limit.pass_through(len(frame), held_back)
                    await stream.write(frame)

    async def _receive(self, index: int, stream: ShardStream) -> None:
        async for frame in stream.frames():
            with translated(stream.vault):
                chunk = frames.read_chunk(frame, frames.Kind.STORED)
            self._post(ShardStored(index, chunk, self._clock()))


def _first(errors: BaseExceptionGroup[NetworkError]) -> BaseException:
    error: BaseException = errors
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
