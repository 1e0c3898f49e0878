"""The ledger's tables in memory: what the rules read between two commits.

Vaults, deals and beacons also stand in the order of their last change, so that
what a follower missed is found without looking at everything else.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from typing import TypeVar

from holdfast.ledger.core.values import (
    START,
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
from holdfast.protocol.units import AccountId, DealId, Digest, VaultId

Row = TypeVar("Row", RegisteredVault, BeaconRow, DealRow)


class MemoryState:
    """Every table as a mapping; `take` is the only way to change them."""

    def __init__(
        self, params: NetworkParams, *, accounts_certify: bool = False
    ) -> None:
        self._params = params
        self._accounts_certify = accounts_certify
        self._head = START
        self._books = Books()
        self._settled: Settled | None = None
        self._accounts: dict[AccountId, Account] = {}
        self._vaults: dict[VaultId, RegisteredVault] = {}
        self._bls_keys: dict[bytes, VaultId] = {}
        self._deals: dict[DealId, DealRow] = {}
        self._owned: dict[AccountId, dict[DealId, None]] = {}
        self._held: dict[VaultId, dict[DealId, None]] = {}
        self._beacons: list[BeaconRow] = []

    @property
    def params(self) -> NetworkParams:
        """The network's parameters."""
        return self._params

    @property
    def accounts_certify(self) -> bool:
        """Whether accounts sign the network's certificates, and not BLS keys."""
        return self._accounts_certify

    @property
    def head(self) -> Head:
        """The newest entry."""
        return self._head

    @property
    def books(self) -> Books:
        """The pools and counters."""
        return self._books

    @property
    def settled(self) -> Settled | None:
        """The newest settlement."""
        return self._settled

    def take(self, changes: Changes) -> None:
        """Write the rows that an entry changed, all of them."""
        self._head = changes.head
        self._books = changes.books
        for account in changes.accounts:
            self._accounts[account.id] = account
        for vault in changes.vaults:
            self._take_vault(vault)
        for deal in changes.deals:
            self._take_deal(deal)
        if changes.beacon is not None:
            self._beacons.append(changes.beacon)
        self._settled = changes.settled or self._settled

    def account(self, account: AccountId) -> Account:
        """Return an account; one never heard of has nothing."""
        return self._accounts.get(account) or Account(account, 0, 0)

    def accounts(self) -> Iterable[Account]:
        """Return every account that an entry named."""
        return self._accounts.values()

    def vault(self, vault: VaultId) -> RegisteredVault | None:
        """Return a registry row."""
        return self._vaults.get(vault)

    def vaults(self) -> Iterable[RegisteredVault]:
        """Return the whole registry, those that changed last at the end."""
        return self._vaults.values()

    def vault_of_bls_key(self, bls_key: bytes) -> VaultId | None:
        """Return the vault registered with this BLS key."""
        return self._bls_keys.get(bls_key)

    def deal(self, deal: DealId) -> DealRow | None:
        """Return a deal."""
        return self._deals.get(deal)

    def deals(self) -> Iterable[DealRow]:
        """Return every deal."""
        return self._deals.values()

    def deals_owned(self, owner: AccountId) -> tuple[DealRow, ...]:
        """Return an owner's deals, oldest first."""
        return tuple(self._deals[deal] for deal in self._owned.get(owner, ()))

    def deals_held(self, vault: VaultId) -> Iterable[Deal]:
        """Return every deal that names the vault as a holder."""
        rows = (self._deals[deal].deal for deal in self._held.get(vault, ()))
        return (deal for deal in rows if deal.index_of(vault) is not None)

    def beacon(self, epoch: int) -> Digest | None:
        """Return the beacon of an epoch, unless it is void or to come."""
        found = self.beacons_from(epoch, 1)
        return found[0].value if found and found[0].epoch == epoch else None

    def beacons(self) -> Iterable[BeaconRow]:
        """Return every beacon, ascending."""
        return self._beacons

    def beacons_from(self, epoch: int, limit: int) -> tuple[Beacon, ...]:
        """Return at most `limit` beacons from an epoch on, ascending."""
        start = bisect_left(self._beacons, epoch, key=lambda row: row.beacon.epoch)
        return tuple(row.beacon for row in self._beacons[start : start + limit])

    def vaults_changed(self, after: int) -> list[RegisteredVault]:
        """Return the registry rows changed after a sequence, in that order."""
        return _newer(reversed(self._vaults.values()), after)

    def beacons_changed(self, after: int) -> list[BeaconRow]:
        """Return the beacons made after a sequence, in that order."""
        return _newer(reversed(self._beacons), after)

    def deals_changed(self, vaults: Iterable[VaultId], after: int) -> list[DealRow]:
        """Return the deals that any of the vaults hold or held, changed after."""
        found: dict[DealId, DealRow] = {}
        for vault in vaults:
            held = reversed(self._held.get(vault, {}))
            rows = _newer((self._deals[deal] for deal in held), after)
            found.update((row.deal.id, row) for row in rows)
        return sorted(found.values(), key=lambda row: row.changed)

    def _take_vault(self, row: RegisteredVault) -> None:
        self._vaults.pop(row.vault, None)
        self._vaults[row.vault] = row
        self._bls_keys[row.bls_key] = row.vault

    def _take_deal(self, row: DealRow) -> None:
        self._deals[row.deal.id] = row
        self._owned.setdefault(row.deal.owner, {})[row.deal.id] = None
        # Who was replaced goes on hearing of the deal that it was paid for.
        vaults = [holder.vault for holder in row.deal.holders]
        for vault in (*vaults, *(past.vault for past in row.deal.past)):
            held = self._held.setdefault(vault, {})
            held.pop(row.deal.id, None)
            held[row.deal.id] = None


def _newer(newest_first: Iterator[Row], after: int) -> list[Row]:
    found: list[Row] = []
    for row in newest_first:
        if row.changed <= after:
            break
        found.append(row)
    found.reverse()
    return found
