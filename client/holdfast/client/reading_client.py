"""The part of the SDK that only reads: what lists backups starts with this alone.

Imports are most of what a short command takes. `AsyncClient` adds the rest.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Final, Self, TypeVar

from holdfast.client.bandwidth import NO_LIMITS, Bandwidth
from holdfast.client.core.owner_keys import OwnerKeys
from holdfast.client.core.snapshot import NamedSnapshot
from holdfast.client.core.tree import Node
from holdfast.client.deal_book import DealBook
from holdfast.client.gas_book import add_gas
from holdfast.client.journal import Journal
from holdfast.client.network_directory import NetworkDirectory, Seed
from holdfast.client.profile import Profile
from holdfast.client.repository import Repository
from holdfast.client.snapshot_listing import nodes_below
from holdfast.client.stoppable_call import to_the_end
from holdfast.client.storage import Storage
from holdfast.ledger.core.account_key import AccountKey
from holdfast.ledger.joining import join
from holdfast.ledger.port import Ledger, LedgerAccount
from holdfast.protocol.units import AccountId, ChunkId, DealId, Grains

T = TypeVar("T")

TRANSACTIONS: Final = "transactions.db"
"""What was sent to a chain and may have got lost; only networks on chains have it."""


class AsyncReader:
    """An owner's client that only reads; made and closed as AsyncClient is."""

    def __init__(self, book: DealBook, home: Path) -> None:
        self._book = book
        self._home = home
        self._storage = Storage(book, home / "cache" / "state")
        self._turn = asyncio.Lock()

    @classmethod
    async def connect(
        cls, profile: Profile, keys: OwnerKeys, limits: Bandwidth = NO_LIMITS
    ) -> Self:
        """Return a client of the profile's network.

        Raises LedgerUnreachableError, WrongNetworkError or JournalError.
        """
        ledger = await join(profile.network, sent=profile.home / TRANSACTIONS)
        try:
            account = ledger.open_account(AccountKey.from_secret(keys.account_secret))
            seeds = [Seed(s.endpoint, s.certificate) for s in profile.network.seeds]
            return await cls.over(ledger, account, seeds, keys, profile.home, limits)
        except BaseException:
            await ledger.close()
            raise

    @classmethod
    async def over(
        cls,
        ledger: Ledger,
        account: LedgerAccount,
        seeds: Sequence[Seed],
        keys: OwnerKeys,
        home: Path,
        limits: Bandwidth = NO_LIMITS,
    ) -> Self:
        """Return a client on any ledger; it is closed with the client."""
        journal = await asyncio.to_thread(Journal, home / "cache" / "network.db")
        directory = NetworkDirectory(ledger, seeds, journal, bandwidth=limits)
        await directory.start()
        return cls(DealBook(directory, account, keys, journal), home)

    async def __aenter__(self) -> Self:
        """Return itself."""
        return self

    async def __aexit__(self, *_error: object) -> None:
        """Close."""
        await self.close()

    async def close(self) -> None:
        """Let go of all connections."""
        await asyncio.to_thread(add_gas, self._home, self._book.account)
        await self._storage.close()
        await self._book.directory.close()
        await self._book.directory.ledger.close()
        await asyncio.to_thread(self._book.journal.close)

    @property
    def account(self) -> AccountId:
        """The account that pays."""
        return self._book.account.id

    async def balance(self) -> Grains:
        """Return the account's free balance in grains."""
        return (await self._book.directory.ledger.account(self.account)).balance

    async def read(self, work: Callable[[Repository], T]) -> T:
        """Have `work` read the newest state of the repository, in a thread."""
        repository = await self._repository()
        return await to_the_end(partial(work, repository), repository.stop)

    async def with_storage(self, work: Callable[[Storage], Awaitable[T]]) -> T:
        """Have `work` ask the ledger and the holders itself, alone."""
        async with self._turn:
            return await work(self._storage)

    async def chunks_by_deal(self) -> Mapping[DealId, Mapping[ChunkId, int]]:
        """Return the chunks that each deal holds, with their bytes of ciphertext."""
        async with self._turn:
            return (await self._storage.look()).lengths_by_deal()

    async def snapshots(self) -> tuple[NamedSnapshot, ...]:
        """Return all snapshots, oldest first."""
        return (await self._repository()).snapshots

    async def ls(
        self, snapshot: str, path: str = "/"
    ) -> tuple[tuple[bytes, Node], ...]:
        """Return (absolute path, node) of everything at and below `path`."""
        return await self.read(partial(nodes_below, snapshot=snapshot, path=path))

    async def _repository(self) -> Repository:
        async with self._turn:
            return await self._storage.repository(await self._storage.look())
