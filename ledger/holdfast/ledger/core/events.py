"""What happened when an entry was applied: facts for logs and for whoever compares.

Balances and rows are the ledger's state; these are only the reasons they changed.
"""

from holdfast.protocol.frozen import frozen
from holdfast.protocol.units import AccountId, DealId, Digest, Grains, VaultId


@frozen
class Minted:
    """New grains came to an account, at genesis or from the faucet."""

    account: AccountId
    amount: Grains


@frozen
class EpochBegan:
    """An epoch began, with its beacon."""

    epoch: int
    beacon: Digest


@frozen
class Transferred:
    """Grains moved between accounts."""

    source: AccountId
    to: AccountId
    amount: Grains


@frozen
class Staked:
    """A vault was registered, or its stake grew."""

    vault: VaultId
    amount: Grains


@frozen
class Unbonded:
    """A vault left the registry."""

    vault: VaultId


@frozen
class Withdrawn:
    """A stake went back to its account."""

    vault: VaultId
    amount: Grains


@frozen
class DealOpened:
    """A deal began, with this much in escrow."""

    deal: DealId
    escrow: Grains


@frozen
class DealFunded:
    """A deal's escrow grew."""

    deal: DealId
    amount: Grains


@frozen
class DealExtended:
    """A deal got a later end or a larger capacity."""

    deal: DealId
    amount: Grains


@frozen
class DealClosed:
    """A deal's owner ended it early."""

    deal: DealId
    last_epoch: int


@frozen
class DealRefunded:
    """What a deal did not spend went back to its owner."""

    deal: DealId
    amount: Grains


@frozen
class HolderReplaced:
    """`vault` took the place of `lost` in a deal."""

    deal: DealId
    index: int
    lost: VaultId
    vault: VaultId


@frozen
class PeriodSettled:
    """A period was settled; the amounts are what was added by it."""

    period: int
    earned: Grains
    spent: Grains


@frozen
class VaultEjected:
    """A vault was thrown out and lost this much of its stake."""

    vault: VaultId
    slashed: Grains


@frozen
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
