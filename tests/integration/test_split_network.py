"""A network of real vaults is split for longer than the grace period, and healed."""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from holdfast.client.core.owner_keys import OwnerKeys
from holdfast.client.deal_book import DealBook
from holdfast.client.journal import Journal
from holdfast.client.local_layout import LocalVault
from holdfast.client.network_directory import NetworkDirectory, Seed
from holdfast.client.upload import Upload
from holdfast.client.upload_options import UploadOptions
from holdfast.ledger.core.account_key import AccountKey
from holdfast.ledger.core.operations import Faucet
from holdfast.ledger.core.values import Listing, RegisteredVault
from holdfast.ledger.network_file import NetworkFile
from holdfast.ledger.remote import RemoteLedger
from holdfast.protocol.deal import Deal
from holdfast.protocol.units import KIB
from holdfast.vault.status import status_of
from split_network import SplitNetwork, split_network

VAULTS = 10
EPOCH_SECONDS = 5
SPLIT_EPOCHS = 6
"""Longer than the 4 epochs after which an unreachable vault has a case."""

PATIENCE_SECONDS = 240.0
CHUNKS = 6
OWNER = OwnerKeys(b"\7" * 32)


class Watched:
    """The split network with a deal in it, and what the ledger says of both."""

    def __init__(self, split: SplitNetwork, ledger: RemoteLedger) -> None:
        self.network = split.network
        self.split = split
        self.ledger = ledger

    async def store(self, home: Path) -> Deal:
        """Store a few chunks in a deal of 2-of-4."""
        account = self.ledger.open_account(AccountKey.from_secret(OWNER.account_secret))
        await account.submit(Faucet())
        journal = Journal(home / "owner.db")
        file = NetworkFile.load(self.network.network_file)
        seeds = [Seed(seed.endpoint, seed.certificate) for seed in file.seeds]
        directory = NetworkDirectory(self.ledger, seeds, journal)
        try:
            await directory.start()
            book = DealBook(directory, account, OWNER, journal)
            options = UploadOptions(k=2, n=4, epochs=720)
            async with Upload(book, options) as upload:
                for _ in range(CHUNKS):
                    await asyncio.to_thread(upload.add, os.urandom(100 * KIB))
                return await upload.commit(bytes(256), [bytes(256)])
        finally:
            await directory.close()
            journal.close()

    async def epoch(self) -> int:
        return (await self.ledger.tip()).epoch

    async def rows(self) -> dict[str, RegisteredVault]:
        """Return every vault's row of the registry, by its id."""
        rows = (await self.ledger.registry(0)).vaults
        return {row.vault.hex(): row for row in rows}

    async def proved(self, vault: LocalVault) -> int:
        """Return the newest epoch that a vault says it proved."""
        said = (await status_of(self.network.layout.vault(vault))).said
        return said.last_certified_epoch if said else -1

    async def everybody_proves(self) -> None:
        """Return when each vault has proved an epoch that has yet to come."""
        begun = await self.epoch()

        async def so() -> bool:
            vaults = self.network.plan().vaults
            newest = [await self.proved(vault) for vault in vaults]
            return min(newest) > begun

        await until(so)

    async def apart(self, *sides: tuple[LocalVault, ...]) -> list[int]:
        """Split for longer than the grace period; return what was proved meanwhile.

        That is, for each vault in the order of the plan, its newest proved epoch less
        the first epoch that was wholly in the split.
        """
        await self.split.split(*sides)
        first = await self.epoch() + 1

        async def over() -> bool:
            return await self.epoch() > first + SPLIT_EPOCHS

        await until(over)
        vaults = self.network.plan().vaults
        found = [await self.proved(vault) - first for vault in vaults]
        self.split.heal()
        return found


async def until(ask: Callable[[], Awaitable[bool]]) -> None:
    """Return when it is so; the network's own clock decides when."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not await ask():  # noqa: ASYNC110 # other processes make it so
            await asyncio.sleep(0.5)


@pytest.mark.long
@pytest.mark.skipif(sys.platform != "linux", reason="/proc tells who is calling")
def test_a_network_that_was_split_longer_than_the_grace_period_loses_nobody(
    tmp_path: Path,
) -> None:
    async def story() -> None:
        async with split_network(tmp_path / "n", VAULTS, EPOCH_SECONDS) as split:
            file = NetworkFile.load(split.network.network_file)
            ledger = await RemoteLedger.join(file)
            try:
                await play(Watched(split, ledger), tmp_path)
            finally:
                await ledger.close()

    asyncio.run(story())


async def play(watched: Watched, home: Path) -> None:
    deal = await watched.store(home)
    await watched.everybody_proves()
    before = await watched.rows()
    vaults = watched.network.plan().vaults

    # In halves nobody has a majority of neighbours: nothing is proved.
    halves = await watched.apart(vaults[:5], vaults[5:])
    assert watched.split.refused
    assert max(halves) < 0
    await watched.everybody_proves()

    # Four of ten: the six see the four as gone, but for those that have too few.
    await watched.apart(vaults[:4], vaults[4:])
    await watched.everybody_proves()
    settled = await watched.ledger.settlement()

    async def judged() -> bool:
        """Two more committees have sat over what the split looked like."""
        newest = await watched.ledger.settlement()
        last = settled.statement.period if settled else -1
        return newest is not None and newest.statement.period >= last + 2

    await until(judged)
    after = await watched.rows()
    assert {row.listing for row in after.values()} == {Listing.ACTIVE}
    assert {v: r.stake for v, r in after.items()} == {
        v: r.stake for v, r in before.items()
    }
    (found,) = await watched.ledger.deals((deal.id,))
    assert [h.vault for h in found.holders] == [h.vault for h in deal.holders]
    for holder in found.holders:
        vault = watched.network.found(holder.vault.hex())
        said = (await status_of(watched.network.layout.vault(vault))).said
        assert said
        assert (said.held_shards, said.missing_shards) == (CHUNKS, 0)
    await watched.everybody_proves()
