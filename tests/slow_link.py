"""Holders behind one connection, in time that passes at once when nothing happens."""

import asyncio
import selectors
from collections import Counter, deque
from collections.abc import Coroutine, Iterator
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from holdfast.client.bandwidth import NO_LIMITS
from holdfast.protocol.chunk import EncodedChunk
from holdfast.protocol.deal import Deal
from holdfast.protocol.units import KIB, ChunkId, VaultId
from holdfast.wire import frames

QUANTUM_BYTES = 16 * KIB
"""What one stream gets of the connection before the next."""


class _Clock(selectors.DefaultSelector):
    """Lets time pass instead of waiting for it."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[Any]:
        assert timeout is not None, "nothing would ever happen again"
        self.now += timeout
        return super().select(0)


class _Loop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self.passing = _Clock()
        super().__init__(self.passing)

    def time(self) -> float:
        return self.passing.now


def stand_still(seconds: float) -> None:
    """Let time pass as if the process were stopped."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, _Loop)
    loop.passing.now += seconds


def play(story: Coroutine[Any, Any, None]) -> None:
    """Run a story in such time."""
    with asyncio.Runner(loop_factory=_Loop) as runner:
        runner.run(story)


class AtOnce(Executor):
    """Computes where it is called, as a thread would take time of the real world."""

    def __init__(self, *_: object) -> None:
        pass

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> "Future[Any]":
        done: Future[Any] = Future()
        done.set_result(fn(*args, **kwargs))
        return done


@dataclass
class Link:
    """A connection of `rate` bytes a second, and the holders of `deal` behind it.

    It serves streams in turn, or, `in_order`, whoever comes first until there is no
    more of it. Those `hung` send nothing; those that `drip`, ten bytes a second; those
    that are `bare` have no shard.
    """

    deal: Deal
    chunks: dict[ChunkId, EncodedChunk]
    rate: float
    in_order: bool = False
    hung: set[int] = field(default_factory=set)
    drip: set[int] = field(default_factory=set)
    bare: set[int] = field(default_factory=set)
    carried: int = 0
    asked: Counter[int] = field(default_factory=Counter)
    slows_at: int = 1 << 62
    slow_rate: float = 0.0
    _streams: list["Stream"] = field(default_factory=list)
    _turn: int = 0
    _work: asyncio.Event = field(default_factory=asyncio.Event)

    def book(self) -> Any:
        """Return what a download needs of a deal book."""
        directory = SimpleNamespace(bandwidth=NO_LIMITS, link=self._link)
        return SimpleNamespace(directory=directory, grant=lambda *_: b"")

    def _link(self, vault: VaultId) -> Any:
        index = self.deal.index_of(vault)
        assert index is not None
        return SimpleNamespace(fetch=lambda: Stream(self, index))

    def join(self, stream: "Stream") -> None:
        self._streams.append(stream)
        self._streams.sort(key=lambda each: each.index)

    def leave(self, stream: "Stream") -> None:
        if stream in self._streams:
            self._streams.remove(stream)

    def wake(self) -> None:
        self._work.set()

    async def serve(self) -> None:
        """Carry bytes for ever."""
        while True:
            ready = [each for each in self._streams if each.left]
            if not ready:
                self._work.clear()
                await self._work.wait()
                continue
            self._turn += 1
            stream = ready[0 if self.in_order else self._turn % len(ready)]
            rate = self.rate if self.carried < self.slows_at else self.slow_rate
            await asyncio.sleep(QUANTUM_BYTES / rate)
            self.carried += stream.carry(QUANTUM_BYTES)


class Stream:
    """A Fetch stream to one holder."""

    def __init__(self, link: Link, index: int) -> None:
        self.index = index
        self._link = link
        self._frames: deque[bytes] = deque()
        self._sent = 0
        self._inbox: asyncio.Queue[bytes] = asyncio.Queue()
        self._is_new = True
        self._wants: asyncio.Queue[ChunkId] = asyncio.Queue()
        self._drips: asyncio.Task[None] | None = None
        link.join(self)

    @property
    def left(self) -> int:
        """How many bytes are to be carried."""
        return sum(map(len, self._frames)) - self._sent

    def carry(self, size: int) -> int:
        size = min(size, self.left)
        self._sent += size
        while self._frames and self._sent >= len(self._frames[0]):
            frame = self._frames.popleft()
            self._sent -= len(frame)
            self._inbox.put_nowait(frame)
        return size

    async def open(self, _grant: bytes) -> None:
        await asyncio.sleep(0.05)

    async def write(self, frame: bytes) -> None:
        want = frames.read_want(frame)
        self._link.asked[self.index] += 1
        if self.index in self._link.hung:
            return
        if self.index in self._link.drip:
            self._wants.put_nowait(want.chunk)
            self._drips = self._drips or asyncio.ensure_future(self._drip())
            return
        if self.index in self._link.bare:
            self._frames.append(frames.absent(want.chunk))
        else:
            start_bytes = QUANTUM_BYTES if self._is_new else KIB * KIB
            self._frames.extend(self._shard(want.chunk, KIB * KIB, start_bytes))
            self._is_new = False
        self._link.wake()

    def _shard(
        self, which: ChunkId, frame_bytes: int, start_bytes: int
    ) -> Iterator[bytes]:
        chunk = self._link.chunks[which]
        return frames.shard_frames(
            which,
            chunk.proof(self.index),
            chunk.shards[self.index],
            frame_bytes=frame_bytes,
            start_bytes=start_bytes,
        )

    async def _drip(self) -> None:
        while True:
            for drop in self._shard(await self._wants.get(), 1, 1):
                await asyncio.sleep(0.1)
                self._inbox.put_nowait(drop)

    async def read(self) -> bytes:
        return await self._inbox.get()

    def cancel(self) -> None:
        if self._drips:
            self._drips.cancel()
        self._link.leave(self)
