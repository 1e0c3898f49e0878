"""What every ledger offers, whatever keeps its books: the port others depend on.

Reading needs no account. Writing is done through a `LedgerAccount`, which signs
each operation, numbers it and survives repeats. All times are epochs or seconds
of the ledger's own clock.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from holdfast.ledger.core.operations import Operation
from holdfast.protocol.deal import Deal
from holdfast.protocol.network import NetworkParams
from holdfast.protocol.settlement import Certificate
from holdfast.protocol.units import (
    AccountId,
    DealId,
    Digest,
    Grains,
    NetworkId,
    VaultId,
)


@dataclass(frozen=True, slots=True)
class Tip:
    """Where the ledger stands: its newest entry, and the epoch and time it says."""

    sequence: int
    epoch: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Beacon:
    """One epoch's randomness, final; the void epochs have none."""

    epoch: int
    value: Digest


class Listing(Enum):
    """Where a vault stands in the registry."""

    ACTIVE = 1
    UNBONDING = 2
    WITHDRAWN = 3
    EJECTED = 4


@dataclass(frozen=True, slots=True)
class RegisteredVault:
    """A registry row; it is in Registry(e) when joined ≤ e−2 and not left ≤ e−2.

    `number` is the order of registration; `changed` the sequence of its last change.
    """

    vault: VaultId
    number: int
    identity_key: bytes
    bls_key: bytes
    account: AccountId
    payout: AccountId
    stake: Grains
    committed_bytes: int
    listing: Listing
    joined_epoch: int
    left_epoch: int | None
    claimed: Grains
    changed: int


@dataclass(frozen=True, slots=True)
class RegistryChanges:
    """Rows changed after a sequence; `upto` is what to ask after next time."""

    upto: int
    vaults: tuple[RegisteredVault, ...]


@dataclass(frozen=True, slots=True)
class DealChanges:
    """Deals changed after a sequence; `upto` is what to ask after next time."""

    upto: int
    deals: tuple[Deal, ...]


@dataclass(frozen=True, slots=True)
class Account:
    """An account's free balance and the nonce its next operation carries."""

    id: AccountId
    balance: Grains
    nonce: int


@dataclass(frozen=True, slots=True)
class Applied:
    """An operation that took effect; repeated submissions return the same."""

    sequence: int
    epoch: int


class Ledger(Protocol):
    """The questions anybody may ask. Errors: LedgerError and its kinds."""

    @property
    def params(self) -> NetworkParams:
        """The network's parameters, known since connecting."""
        ...

    @property
    def network_id(self) -> NetworkId:
        """The network's id."""
        ...

    async def tip(self) -> Tip:
        """Return where the ledger stands."""
        ...

    async def beacons(self, first_epoch: int) -> tuple[Beacon, ...]:
        """Return the final beacons from `first_epoch` on, ascending, at most 1,024."""
        ...

    async def registry(self, after: int) -> RegistryChanges:
        """Return at most 4,096 registry rows changed after sequence `after`."""
        ...

    async def account(self, account: AccountId) -> Account:
        """Return an account; one never heard of has nothing."""
        ...

    async def deals(self, deals: tuple[DealId, ...]) -> tuple[Deal, ...]:
        """Return those of at most 4,096 deals that exist."""
        ...

    async def deals_of(self, owner: AccountId) -> tuple[Deal, ...]:
        """Return all deals of an owner, oldest first."""
        ...

    async def deals_held(
        self, vaults: tuple[VaultId, ...], after: int
    ) -> DealChanges:
        """Return deals with any of these vaults among the holders, changed after."""
        ...

    async def settlement(self) -> Certificate | None:
        """Return the newest settlement, or None before the first."""
        ...

    async def committee(self, period: int) -> tuple[VaultId, ...]:
        """Return the period's committee by rank; empty before it is drawn."""
        ...

    async def close(self) -> None:
        """Let go of connections and files."""
        ...


class LedgerAccount(Protocol):
    """One account that writes."""

    @property
    def id(self) -> AccountId:
        """The account's address."""
        ...

    async def submit(self, operation: Operation) -> Applied:
        """Sign and apply an operation, or raise the LedgerError that refuses it."""
        ...
