"""What happened when an entry was applied: facts for logs and for whoever compares.

Balances and rows are the ledger's state; these are only the reasons they changed.
"""

from dataclasses import dataclass

from holdfast.protocol.units import AccountId, DealId, Digest, Grains, VaultId


@dataclass(frozen=True, slots=True)
class Minted:
    """New grains came to an account, at genesis or from the faucet."""

    account: AccountId
    amount: Grains


@dataclass(frozen=True, slots=True)
class EpochBegan:
    """An epoch began, with its beacon."""

    epoch: int
    beacon: Digest


@dataclass(frozen=True, slots=True)
class Transferred:
    """Grains moved between accounts."""

    source: AccountId
    to: AccountId
    amount: Grains


@dataclass(frozen=True, slots=True)
class Staked:
    """A vault was registered, or its stake grew."""

    vault: VaultId
    amount: Grains


@dataclass(frozen=True, slots=True)
class Unbonded:
    """A vault left the registry."""

    vault: VaultId


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """A stake went back to its account."""

    vault: VaultId
    amount: Grains


@dataclass(frozen=True, slots=True)
class DealOpened:
    """A deal began, with this much in escrow."""

    deal: DealId
    escrow: Grains


@dataclass(frozen=True, slots=True)
class DealFunded:
    """A deal's escrow grew."""

    deal: DealId
    amount: Grains


@dataclass(frozen=True, slots=True)
class DealExtended:
    """A deal got a later end or a larger capacity."""

    deal: DealId
    amount: Grains


@dataclass(frozen=True, slots=True)
class DealClosed:
    """A deal's owner ended it early."""

    deal: DealId
    last_epoch: int


@dataclass(frozen=True, slots=True)
class DealRefunded:
    """What a deal did not spend went back to its owner."""

    deal: DealId
    amount: Grains


@dataclass(frozen=True, slots=True)
class HolderReplaced:
    """`vault` took the place of `lost` in a deal."""

    deal: DealId
    index: int
    lost: VaultId
    vault: VaultId


@dataclass(frozen=True, slots=True)
class PeriodSettled:
    """A period was settled; the amounts are what was added by it."""

    period: int
    earned: Grains
    spent: Grains


@dataclass(frozen=True, slots=True)
class VaultEjected:
    """A vault was thrown out and lost this much of its stake."""

    vault: VaultId
    slashed: Grains


@dataclass(frozen=True, slots=True)
class Claimed:
    """A vault's earnings were paid out."""

    vault: VaultId
    payout: AccountId
    amount: Grains


Event = (
    Minted
    | EpochBegan
    | Transferred
    | Staked
    | Unbonded
    | Withdrawn
    | DealOpened
    | DealFunded
    | DealExtended
    | DealClosed
    | DealRefunded
    | HolderReplaced
    | PeriodSettled
    | VaultEjected
    | Claimed
)
