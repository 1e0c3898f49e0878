"""The ledger inside this process: the port on top of a book.

Nothing here waits except `sync`, which waits for news: an operation is decided and
durable within one turn of the event loop.
"""

import asyncio
import secrets
import time
from collections.abc import Callable

from holdfast.ledger.book import Book
from holdfast.ledger.core.account_key import AccountKey
from holdfast.ledger.core.chain import Entry
from holdfast.ledger.core.operations import Operation, SignedOperation
from holdfast.ledger.core.periods import committee
from holdfast.ledger.core.rules import Outcome
from holdfast.ledger.core.values import Account, Applied, Beacon
from holdfast.ledger.following import (
    all_after,
    deals_after,
    is_empty,
    registry_after,
)
from holdfast.ledger.port import (
    BEACONS_MAX,
    WAIT_SECONDS_MAX,
    DealChanges,
    RegistryChanges,
    SyncChanges,
    Tip,
)
from holdfast.protocol.deal import Deal
from holdfast.protocol.network import NetworkParams
from holdfast.protocol.settlement import Certificate
from holdfast.protocol.units import AccountId, DealId, NetworkId, VaultId

Clock = Callable[[], float]


class EmbeddedLedger:
    """A ledger that this process keeps; `clock` returns Unix seconds.

    `waiting` is how many followers wait for news.
    """

    def __init__(self, book: Book, clock: Clock = time.time) -> None:
        self._book = book
        self._clock = clock
        self._news = asyncio.Event()
        self._closed = False
        self.waiting = 0
        book.listen(self._tell)

    @property
    def params(self) -> NetworkParams:
        """The network's parameters."""
        return self._book.state.params

    @property
    def network_id(self) -> NetworkId:
        """The network's id."""
        return self.params.network_id

    @property
    def accounts_certify(self) -> bool:
        """No: whoever runs this ledger verifies BLS signatures."""
        return False

    @property
    def health(self) -> None:
        """Nothing: this ledger is on no chain."""
        return

    def open_account(self, key: AccountKey) -> "LocalAccount":
        """Return the account of a key, ready to write."""
        return LocalAccount(self, key)

    def begin_epoch(self) -> bool:
        """Begin the epoch that the clock says, unless it has begun; tell which."""
        return self._book.tick(secrets.token_bytes(32), int(self._clock()))

    def submit_signed(self, signed: SignedOperation) -> Applied:
        """Apply a signed operation, or raise the LedgerError that refuses it."""
        return self._book.submit(signed, int(self._clock()))

    def nonce(self, account: AccountId) -> int:
        """Return the nonce of an account's next operation."""
        return self._book.state.account(account).nonce

    async def tip(self) -> Tip:
        """Return where the ledger stands."""
        return self._tip()

    async def beacons(self, first_epoch: int) -> tuple[Beacon, ...]:
        """Return the final beacons from `first_epoch` on, ascending, at most 1,024."""
        return self._book.state.beacons_from(first_epoch, BEACONS_MAX)

    async def registry(self, after: int) -> RegistryChanges:
        """Return at most 4,096 registry rows changed after sequence `after`."""
        return registry_after(self._book.state, after)

    async def account(self, account: AccountId) -> Account:
        """Return an account; one never heard of has nothing."""
        return self._book.state.account(account)

    async def deals(self, deals: tuple[DealId, ...]) -> tuple[Deal, ...]:
        """Return those of the deals that exist."""
        rows = (self._book.state.deal(deal) for deal in deals)
        return tuple(row.deal for row in rows if row is not None)

    async def deals_of(self, owner: AccountId) -> tuple[Deal, ...]:
        """Return all deals of an owner, oldest first."""
        return self.deals_owned(owner)

    def deals_owned(
        self, owner: AccountId, skip: int = 0, limit: int | None = None
    ) -> tuple[Deal, ...]:
        """Return an owner's deals, oldest first, or a piece of them."""
        rows = self._book.state.deals_owned(owner, skip, limit)
        return tuple(row.deal for row in rows)

    async def deals_held(self, vaults: tuple[VaultId, ...], after: int) -> DealChanges:
        """Return deals that any of these vaults hold or held, changed after."""
        return deals_after(self._book.state, vaults, after)

    async def sync(
        self, vaults: tuple[VaultId, ...], after: int, wait_seconds: float = 0.0
    ) -> SyncChanges:
        """Return what changed after a sequence; wait for something if need be."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + min(wait_seconds, WAIT_SECONDS_MAX)
        while True:
            news = self._news
            changes = all_after(self._book.state, self._tip(), vaults, after)
            left = deadline - loop.time()
            if not is_empty(changes) or left <= 0 or self._closed:
                return changes
            self.waiting += 1
            try:
                await asyncio.wait_for(news.wait(), left)
            except TimeoutError:
                continue
            finally:
                self.waiting -= 1

    async def settlement(self) -> Certificate | None:
        """Return the newest settlement, or None before the first."""
        settled = self._book.state.settled
        return None if settled is None else settled.certificate

    async def committee(self, period: int) -> tuple[VaultId, ...]:
        """Return the period's committee by rank; empty before it is drawn."""
        members = committee(self._book.state, period) or ()
        return tuple(member.vault for member in members)

    def release(self) -> None:
        """Let everybody go who waits for news; the ledger is about to stop."""
        self._closed = True
        self._news.set()

    async def close(self) -> None:
        """Let go of the book's files."""
        self.release()
        self._book.close()

    def _tip(self) -> Tip:
        head = self._book.state.head
        return Tip(head.sequence, head.epoch, self._clock())

    def _tell(self, _entry: Entry, _outcome: Outcome) -> None:
        self._news.set()
        if not self._closed:
            self._news = asyncio.Event()


class LocalAccount:
    """An account that writes to a ledger in this process."""

    def __init__(self, ledger: EmbeddedLedger, key: AccountKey) -> None:
        self._ledger = ledger
        self._key = key

    @property
    def id(self) -> AccountId:
        """The account's address."""
        return self._key.id

    async def submit(self, operation: Operation) -> Applied:
        """Sign and apply an operation, or raise the LedgerError that refuses it."""
        nonce = self._ledger.nonce(self.id)
        signed = self._key.sign(self._ledger.params, nonce, operation)
        return self._ledger.submit_signed(signed)
