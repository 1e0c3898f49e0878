"""The ledger's tables in memory: what the rules read between two commits.

Vaults, deals and beacons also stand in the order of their last change, so that
what a follower missed is found without looking at everything else.
"""

import heapq
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from itertools import islice

from holdfast.ledger.core.change_log import ChangeLog
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
        self._owned: dict[AccountId, list[tuple[int, DealId]]] = {}
        self._held: dict[VaultId, ChangeLog[DealId]] = {}
        self._vault_log: ChangeLog[VaultId] = ChangeLog()
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

    def deals_owned(
        self, owner: AccountId, skip: int = 0, limit: int | None = None
    ) -> tuple[DealRow, ...]:
        """Return an owner's deals, oldest first, or a piece of them."""
        owned = self._owned.get(owner, [])
        piece = owned[skip:] if limit is None else owned[skip : skip + limit]
        return tuple(self._deals[deal] for _, deal in piece)

    def deals_held(self, vault: VaultId) -> Iterable[Deal]:
        """Return every deal that names the vault as a holder."""
        rows = (row.deal for row in self._held_after(vault, -1))
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

    def vaults_changed(
        self, after: int, limit: int | None = None
    ) -> list[RegisteredVault]:
        """Return the registry rows changed after a sequence, in that order."""
        changed = islice(self._vault_log.after(after), limit)
        return [self._vaults[vault] for vault in changed]

    def beacons_changed(self, after: int, limit: int | None = None) -> list[BeaconRow]:
        """Return the beacons made after a sequence, in that order."""
        start = bisect_right(self._beacons, after, key=lambda row: row.changed)
        return self._beacons[start:][:limit]

    def deals_changed(
        self, vaults: Iterable[VaultId], after: int, limit: int | None = None
    ) -> list[DealRow]:
        """Return the deals that any of the vaults hold or held, changed after."""
        logs = [
            self._held_after(vault, after)
            for vault in vaults
            if vault in self._held and self._held[vault].has_news(after)
        ]
        merged = heapq.merge(*logs, key=lambda row: (row.changed, row.number))
        return list(islice(_once(merged), limit))

    def _held_after(self, vault: VaultId, after: int) -> Iterator[DealRow]:
        log = self._held.get(vault)
        return (self._deals[deal] for deal in log.after(after)) if log else iter(())

    def _take_vault(self, row: RegisteredVault) -> None:
        self._vaults.pop(row.vault, None)
        self._vaults[row.vault] = row
        self._vault_log.note(row.vault, row.changed)
        self._bls_keys[row.bls_key] = row.vault

    def _take_deal(self, row: DealRow) -> None:
        self._deals[row.deal.id] = row
        owned = self._owned.setdefault(row.deal.owner, [])
        place = (row.number, row.deal.id)
        at = bisect_left(owned, place)
        if owned[at : at + 1] != [place]:
            owned.insert(at, place)
        # Who was replaced goes on hearing of the deal that it was paid for.
        vaults = [holder.vault for holder in row.deal.holders]
        for vault in (*vaults, *(past.vault for past in row.deal.past)):
            self._held.setdefault(vault, ChangeLog()).note(row.deal.id, row.changed)


def _once(rows: Iterable[DealRow]) -> Iterator[DealRow]:
    """Yield each row once; the same ones follow each other."""
    before: DealRow | None = None
    for row in rows:
        if row is not before:
            yield row
        before = row
