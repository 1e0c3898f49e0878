"""A served ledger and a vault's mirror that follows it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from holdfast.ledger.book import Book
from holdfast.ledger.core.chain import Genesis
from holdfast.ledger.directory import LedgerDirectory
from holdfast.ledger.embedded import EmbeddedLedger
from holdfast.ledger.network_file import NetworkFile
from holdfast.ledger.server import running
from holdfast.vault.ledger_mirror import LedgerMirror
from ledger_stage import DEVELOPMENT, GENESIS_SECONDS, HandClock, Stage, node_keys

SECONDS = 30.0


class StageClock:
    """The stage's clock as vaults read it."""

    def __init__(self, clock: HandClock) -> None:
        self._clock = clock

    def now(self) -> float:
        return self._clock.seconds


@dataclass
class Followed:
    """A ledger that can be served or not, and a mirror that follows it."""

    stage: Stage
    directory: LedgerDirectory
    book: Book
    mirror: LedgerMirror
    news: asyncio.Event

    async def until(self, so: Callable[[], bool]) -> None:
        async with asyncio.timeout(SECONDS):
            while not so():
                self.news.clear()
                await self.news.wait()

    @asynccontextmanager
    async def served(self) -> AsyncIterator[None]:
        async with running(self.stage.embedded, self.directory, None):
            yield


@asynccontextmanager
async def followed(path: Path) -> AsyncIterator[Followed]:
    directory = LedgerDirectory(path)
    directory.create(Genesis(DEVELOPMENT), GENESIS_SECONDS)
    book, clock = directory.open(), HandClock()
    embedded = EmbeddedLedger(book, clock)
    embedded.begin_epoch()

    async def send(_signed: object) -> object:
        raise AssertionError

    stage = Stage(embedded, book, embedded, clock, embedded.open_account, send)  # type: ignore[arg-type]
    async with running(embedded, directory, None):
        pass  # chooses the port, which the network file then names
    file = NetworkFile.load(directory.network)
    file = replace(file, params=DEVELOPMENT)
    mirror = LedgerMirror(file, node_keys(1).vault_id, StageClock(clock))
    news = asyncio.Event()
    following = asyncio.ensure_future(mirror.run(news.set))
    try:
        yield Followed(stage, directory, book, mirror, news)
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
        await mirror.close()
        await embedded.close()
