"""The rows of the ledger's tables: what its rules read and change.

`changed` is the sequence of the journal entry that wrote a row last; whoever
follows the ledger asks for the rows changed since.
"""

from enum import Enum

from holdfast.protocol.deal import Deal
from holdfast.protocol.frozen import frozen
from holdfast.protocol.settlement import Certificate
from holdfast.protocol.units import AccountId, Digest, Grains, VaultId

BEFORE_GENESIS = -1


@frozen
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


@frozen
class RegisteredVault:
    """A registry row; it is in Registry(e) when joined ≤ e-2 and not left ≤ e-2.

    `number` is the order of registration; `changed` the sequence of its last change.
    `slashed` is what the stake lost; `released_epoch` the newest epoch in which
    another vault took over one of its deals, 0 before the first.
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
    slashed: Grains = 0
    released_epoch: int = 0


@frozen
class Account:
    """An account's free balance and the nonce its next operation carries.

    `fed` says that the faucet has given to it.
    """

    id: AccountId
    balance: Grains
    nonce: int
    fed: bool = False


@frozen
class Applied:
    """An operation that took effect; repeated submissions return the same."""

    sequence: int
    epoch: int


@frozen
class DealRow:
    """A deal with the order of its opening and its last change."""

    deal: Deal
    number: int
    changed: int


@frozen
class BeaconRow:
    """A beacon and the sequence of the tick that made it."""

    beacon: Beacon
    changed: int


@frozen
class Settled:
    """The settlement of one period, and when the ledger took it."""

    certificate: Certificate
    applied: Applied

    @property
    def period(self) -> int:
        """The period that it settles."""
        return self.certificate.statement.period


@frozen
class Books:
    """Where every grain is that is neither a balance nor a stake, and the counters.

    `escrowed` is locked in deals and not certified as spent. `spent`, `slashed`,
    `earned` and `claimed` are totals since genesis; `payable` waits for claims.
    """

    minted: Grains = 0
    escrowed: Grains = 0
    spent: Grains = 0
    slashed: Grains = 0
    earned: Grains = 0
    claimed: Grains = 0
    vaults: int = 0
    deals: int = 0

    @property
    def payable(self) -> Grains:
        """What was spent or slashed and has not been claimed."""
        return self.spent + self.slashed - self.claimed


@frozen
class Head:
    """The newest journal entry, and the epoch that the last tick began."""

    sequence: int
    seconds: int
    epoch: int
    hash: Digest


START = Head(BEFORE_GENESIS, 0, BEFORE_GENESIS, Digest(bytes(32)))


@frozen
class Changes:
    """The rows that one entry writes."""

    head: Head
    books: Books
    accounts: tuple[Account, ...] = ()
    vaults: tuple[RegisteredVault, ...] = ()
    deals: tuple[DealRow, ...] = ()
    beacon: BeaconRow | None = None
    settled: Settled | None = None
