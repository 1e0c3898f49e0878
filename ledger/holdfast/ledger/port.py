"""What every ledger offers, whatever keeps its books: the port others depend on.

Reading needs no account. Writing is done through a `LedgerAccount`, which signs
each operation, numbers it and survives repeats. All times are epochs or seconds
of the ledger's own clock.
"""

from typing import Final, Protocol

from holdfast.ledger.core.operations import Operation
from holdfast.ledger.core.values import (
    Account,
    Applied,
    Beacon,
    Listing,
    RegisteredVault,
)
from holdfast.protocol.deal import Deal
from holdfast.protocol.frozen import frozen
from holdfast.protocol.network import NetworkParams
from holdfast.protocol.settlement import Certificate
from holdfast.protocol.units import AccountId, DealId, NetworkId, VaultId

__all__ = [
    "Account",
    "Applied",
    "Beacon",
    "DealChanges",
    "Ledger",
    "LedgerAccount",
    "Listing",
    "RegisteredVault",
    "RegistryChanges",
    "SyncChanges",
    "Tip",
]

BEACONS_MAX: Final = 1024
VAULTS_MAX: Final = 4096
DEALS_MAX: Final = 4096
DEALS_PAGE: Final = 512
VAULTS_ASKED_MAX: Final = 16_384
WAIT_SECONDS_MAX: Final = 60.0


@frozen
class Tip:
    """Where the ledger stands: its newest entry, its epoch, and the time on its clock.

    The epoch is that of the newest tick, so it is a moment behind the clock.
    """

    sequence: int
    epoch: int
    seconds: float


@frozen
class RegistryChanges:
    """Rows changed after a sequence; `upto` is what to ask after next time."""

    upto: int
    vaults: tuple[RegisteredVault, ...]


@frozen
class DealChanges:
    """Deals changed after a sequence; `upto` is what to ask after next time."""

    upto: int
    deals: tuple[Deal, ...]


@frozen
class SyncChanges:
    """All that a follower of some vaults missed after a sequence, or a part of it.

    `upto` is what to ask after next time; while `more` is true, ask at once.
    `settlement` is the newest one if it is new.
    """

    tip: Tip
    upto: int
    more: bool
    beacons: tuple[Beacon, ...]
    vaults: tuple[RegisteredVault, ...]
    deals: tuple[Deal, ...]
    settlement: Certificate | None


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

    @property
    def accounts_certify(self) -> bool:
        """Whether accounts sign the network's certificates, and not BLS keys."""
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

    async def deals_held(self, vaults: tuple[VaultId, ...], after: int) -> DealChanges:
        """Return deals that any of at most 16,384 vaults hold or held, changed after.

        At most 512 at once: ask again after `upto` until none come.
        """
        ...

    async def sync(
        self, vaults: tuple[VaultId, ...], after: int, wait_seconds: float = 0.0
    ) -> SyncChanges:
        """Return everything a follower needs that changed after sequence `after`.

        That is beacons, registry rows, deals that `vaults` (16,384 at most) hold or
        held, and the settlement; the first call asks after 0. When there is nothing
        new, the answer waits for the first change, at most `wait_seconds` (60).
        """
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
