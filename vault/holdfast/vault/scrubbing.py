"""Scrubbing: every shard is read and verified in turn, before an audit asks for it."""

import asyncio
from collections.abc import AsyncIterator
from typing import Final

from holdfast.protocol.frozen import frozen
from holdfast.vault.holdings_driver import HoldingsDriver
from holdfast.vault.holdings_queries import Scrubbed
from holdfast.vault.shard_files import ShardDamagedError
from holdfast.vault.workers import to_the_end

REMEMBER_EVERY: Final = 256
SHARDS_A_STEP: Final = 32


@frozen
class Progress:
    """How far one round is, in shards; `damaged` was news."""

    total: int
    verified: int
    damaged: int


class Scrubbing:
    """Goes round through all shards; a restart goes on about where it was."""

    def __init__(self, driver: HoldingsDriver) -> None:
        self._driver = driver
        self._at: Scrubbed | None = None
        self._since_remembered = 0
        self._turn = asyncio.Lock()

    async def scrub(self, shards: int) -> int:
        """Verify the next `shards` shards; return how much damage was news."""
        async with self._turn:
            return await self._scrub(shards)

    async def scrub_all(self) -> AsyncIterator[Progress]:
        """Verify every shard once, and say how far it has come."""
        store = self._driver.store
        total = await store.workers.journal(store.queries.shards)
        verified = damaged = 0
        yield Progress(total, verified, damaged)
        while verified < total:
            following = min(SHARDS_A_STEP, total - verified)
            damaged += await self.scrub(following)
            verified += following
            yield Progress(total, verified, damaged)
            await store.workers.rest()

    async def _scrub(self, shards: int) -> int:
        store = self._driver.store
        if self._at is None:
            self._at = await store.workers.journal(store.queries.scrubbed)
        found = 0
        following = await store.workers.journal(
            store.queries.next_to_scrub, self._at, shards
        )
        for deal, index, chunk in following:
            try:
                await store.workers.shards(store.files.read, deal, chunk, index)
            except ShardDamagedError:
                found += await to_the_end(self._driver.damaged(deal, (chunk,)))
            self._at = Scrubbed(deal, chunk)
        self._since_remembered += len(following)
        if self._since_remembered >= REMEMBER_EVERY:
            await self.remember()
        return found

    async def remember(self) -> None:
        """Journal how far it has come."""
        if self._at and self._since_remembered:
            store = self._driver.store
            await store.workers.journal(store.journal.scrubbed, self._at)
            self._since_remembered = 0
