"""What the rules read, and the draft in which a rule collects what it changes."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Protocol

from holdfast.ledger.core.chain import Entry
from holdfast.ledger.core.deal_errors import UnknownDealError
from holdfast.ledger.core.errors import AmountRefusedError, BalanceTooLowError
from holdfast.ledger.core.events import Event
from holdfast.ledger.core.registry_errors import UnknownVaultError
from holdfast.ledger.core.values import (
    Account,
    Beacon,
    BeaconRow,
    Books,
    Changes,
    DealRow,
    Head,
    RegisteredVault,
    Settled,
)
from holdfast.protocol.deal import Deal
from holdfast.protocol.network import NetworkParams
from holdfast.protocol.units import (
    SUPPLY_MAX,
    AccountId,
    DealId,
    Digest,
    Grains,
    VaultId,
)


class State(Protocol):
    """The ledger's tables, as of the newest entry."""

    @property
    def params(self) -> NetworkParams:
        """The network's parameters."""
        ...

    @property
    def accounts_certify(self) -> bool:
        """Whether accounts sign the network's certificates, and not BLS keys."""
        ...

    @property
    def head(self) -> Head:
        """The newest entry."""
        ...

    @property
    def books(self) -> Books:
        """The pools and counters."""
        ...

    @property
    def settled(self) -> Settled | None:
        """The newest settlement."""
        ...

    def account(self, account: AccountId) -> Account:
        """Return an account; one never heard of has nothing."""
        ...

    def vault(self, vault: VaultId) -> RegisteredVault | None:
        """Return a registry row."""
        ...

    def vaults(self) -> Iterable[RegisteredVault]:
        """Return the whole registry."""
        ...

    def vault_of_bls_key(self, bls_key: bytes) -> VaultId | None:
        """Return the vault registered with this BLS key."""
        ...

    def deal(self, deal: DealId) -> DealRow | None:
        """Return a deal."""
        ...

    def deals_held(self, vault: VaultId) -> Iterable[Deal]:
        """Return every deal, ended ones too, that names the vault as a holder."""
        ...

    def beacon(self, epoch: int) -> Digest | None:
        """Return the beacon of an epoch, unless it is void or to come."""
        ...


class Draft:
    """The state as one entry leaves it: reads see what was changed before."""

    def __init__(self, state: State, entry: Entry) -> None:
        self.state = state
        self.entry = entry
        self.epoch = state.head.epoch
        self.books = state.books
        self.settled = state.settled
        self.events: list[Event] = []
        self._accounts: dict[AccountId, Account] = {}
        self._vaults: dict[VaultId, RegisteredVault] = {}
        self._deals: dict[DealId, DealRow] = {}
        self._beacon: BeaconRow | None = None

    @property
    def params(self) -> NetworkParams:
        """The network's parameters."""
        return self.state.params

    def changes(self) -> Changes:
        """Return every row that was changed."""
        new_settlement = self.settled is not self.state.settled
        return Changes(
            Head(self.entry.sequence, self.entry.seconds, self.epoch, self.entry.hash),
            self.books,
            tuple(self._accounts.values()),
            tuple(self._vaults.values()),
            tuple(self._deals.values()),
            self._beacon,
            self.settled if new_settlement else None,
        )

    def account(self, account: AccountId) -> Account:
        """Return an account."""
        return self._accounts.get(account) or self.state.account(account)

    def put_account(self, account: Account) -> None:
        """Write an account."""
        assert account.balance >= 0
        self._accounts[account.id] = account

    def credit(self, account: AccountId, amount: Grains) -> None:
        """Add to an account what was taken elsewhere."""
        assert amount >= 0
        row = self.account(account)
        self.put_account(replace(row, balance=row.balance + amount))

    def debit(self, account: AccountId, amount: Grains) -> None:
        """Take from an account what goes elsewhere, or raise BalanceTooLowError."""
        assert amount >= 0
        row = self.account(account)
        if amount > row.balance:
            raise BalanceTooLowError(account, amount, row.balance)
        self.put_account(replace(row, balance=row.balance - amount))

    def find_vault(self, vault: VaultId) -> RegisteredVault | None:
        """Return a registry row, or None."""
        return self._vaults.get(vault) or self.state.vault(vault)

    def vault(self, vault: VaultId) -> RegisteredVault:
        """Return a registry row, or raise UnknownVaultError."""
        row = self.find_vault(vault)
        if row is None:
            raise UnknownVaultError(vault)
        return row

    def put_vault(self, row: RegisteredVault) -> None:
        """Write a registry row."""
        assert row.stake >= 0
        assert row.committed_bytes >= 0
        self._vaults[row.vault] = replace(row, changed=self.entry.sequence)

    def find_deal(self, deal: DealId) -> DealRow | None:
        """Return a deal, or None."""
        return self._deals.get(deal) or self.state.deal(deal)

    def deal(self, deal: DealId) -> Deal:
        """Return a deal, or raise UnknownDealError."""
        row = self.find_deal(deal)
        if row is None:
            raise UnknownDealError(deal)
        return row.deal

    def put_deal(self, deal: Deal) -> None:
        """Write a deal; a new one gets the next number."""
        row = self.find_deal(deal.id)
        number = self.books.deals if row is None else row.number
        if row is None:
            self.books = replace(self.books, deals=number + 1)
        self._deals[deal.id] = DealRow(deal, number, self.entry.sequence)

    def put_beacon(self, beacon: Beacon) -> None:
        """Write the beacon of the epoch that begins."""
        self.epoch = beacon.epoch
        self._beacon = BeaconRow(beacon, self.entry.sequence)

    def say(self, event: Event) -> None:
        """Record what happened."""
        self.events.append(event)


def require_amount(amount: Grains) -> Grains:
    """Return an amount that can be moved, or raise AmountRefusedError."""
    if not 0 < amount <= SUPPLY_MAX:
        raise AmountRefusedError(amount)
    return amount
