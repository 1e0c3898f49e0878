"""The mirror follows a served ledger, outlives its absence, and agrees with it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from holdfast.ledger.book import Book
from holdfast.ledger.core.chain import Genesis
from holdfast.ledger.core.operations import Close
from holdfast.ledger.directory import LedgerDirectory
from holdfast.ledger.embedded import EmbeddedLedger
from holdfast.ledger.network_file import NetworkFile
from holdfast.ledger.server import running
from holdfast.protocol.units import DealId
from holdfast.vault.core.refusals import Refusal, RefusedError
from holdfast.vault.ledger_mirror import LedgerMirror
from ledger_stage import (
    DEVELOPMENT,
    GENESIS_SECONDS,
    HandClock,
    Stage,
    node_keys,
    opened,
)

NUMBERS = [1, 2, 3, 4, 5]
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


def story(
    tell: Callable[[Followed], Awaitable[None]],
) -> Callable[[Path], None]:
    async def run(path: Path) -> None:
        async with followed(path) as one:
            await tell(one)

    def test(tmp_path: Path) -> None:
        asyncio.run(run(tmp_path / "ledger"))

    test.__name__ = getattr(tell, "__name__", "test")
    return test


@story
async def test_the_mirror_agrees_with_the_ledger_it_follows(one: Followed) -> None:
    stage, mirror = one.stage, one.mirror
    async with one.served():
        await stage.vaults(NUMBERS)
        owner = await stage.fed(90)
        operation = await stage.opening(owner, numbers=NUMBERS[:3])
        await stage.act(owner, operation)
        await stage.advance(7)
        await one.until(lambda: mirror.state.epoch == 7)
        assert mirror.reachable
        assert len(mirror.registry(7)) == len(NUMBERS)
        for period in (0, 1):
            assert mirror.state.committee(period) == await stage.ledger.committee(
                period
            )
        deal = opened(owner, operation)
        assert mirror.deal(deal) == await stage.deal(deal)
        for number in NUMBERS:
            vault = node_keys(number).vault_id
            held = mirror.deals_held(vault)
            assert [d.id for d in held] == ([deal] if number <= 3 else [])
            assert mirror.state.follows(vault)
            group = mirror.group(vault, 7)
            assert len(group) == len(NUMBERS) - 1
            assert vault not in group
        assert mirror.group(node_keys(1).vault_id, 9) == ()
        await stage.act(owner, Close(deal))
        await one.until(lambda: _closed(mirror, deal))


@story
async def test_the_mirror_outlives_its_ledger(one: Followed) -> None:
    stage, mirror = one.stage, one.mirror
    async with one.served():
        await stage.vaults(NUMBERS)
        await stage.advance(4)
        await one.until(lambda: mirror.state.epoch == 4)
    before = mirror.registry(4)
    await stage.advance(2)
    assert mirror.state.epoch == 4
    assert mirror.registry(4) == before
    fresh = EmbeddedLedger(one.book, stage.clock)
    stage.embedded = stage.ledger = fresh
    async with one.served():
        await one.until(lambda: mirror.state.epoch == 6)
        assert mirror.reachable
    await fresh.close()


@story
async def test_an_unknown_deal_is_looked_up_or_said_to_be_out_of_reach(
    one: Followed,
) -> None:
    nothing = DealId(b"\x01" * 32)
    with pytest.raises(RefusedError) as refused:
        await one.mirror.find_deal(nothing)
    assert refused.value.kind is Refusal.UNREADY
    async with one.served():
        await one.until(lambda: one.mirror.reachable)
        assert await one.mirror.find_deal(nothing) is None


def _closed(mirror: LedgerMirror, deal: DealId) -> bool:
    found = mirror.deal(deal)
    return found is not None and found.closed_epoch is not None
