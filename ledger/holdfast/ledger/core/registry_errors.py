"""Why the ledger refuses to list a vault, or to return its stake."""

from enum import StrEnum

from holdfast.ledger.core.errors import Blame, LedgerError, hold
from holdfast.protocol.frozen import carrying
from holdfast.protocol.units import Grains, VaultId


@carrying
class UnknownVaultError(LedgerError):
    """The registry has no such vault."""

    vault: VaultId
    code = "unknown_vault"
    blame = Blame.UNKNOWN

    def __str__(self) -> str:
        return f"no vault {self.vault.hex()} is registered; check the id"


class RegistrationFault(StrEnum):
    """What is wrong with a registration."""

    CONSENT = "its identity key did not consent to it"
    POSSESSION = "the proof of possession does not fit its BLS key"
    BLS_KEY_TAKEN = "another vault has its BLS key"
    KEYS_DIFFER = "it is registered with other keys or another payout account"
    LEFT = "it has left the registry for good"


@carrying
class RegistrationRefusedError(LedgerError):
    """A vault cannot be registered like this."""

    vault: VaultId
    fault: RegistrationFault
    code = "registration_refused"

    def __str__(self) -> str:
        return (
            f"vault {self.vault.hex()} cannot be registered: {self.fault.value}; "
            "register with the vault's own keys, or make a new vault"
        )


@carrying
class LeastStakeError(LedgerError):
    """A vault is registered with less than the network asks of every vault."""

    vault: VaultId
    least: Grains
    offered: Grains
    code = "least_stake"

    def __str__(self) -> str:
        return (
            f"vault {self.vault.hex()} cannot be registered with {hold(self.offered)}: "
            f"every vault of this network stakes {hold(self.least)} or more"
        )


@carrying
class VaultLeftError(LedgerError):
    """The vault is no longer active."""

    vault: VaultId
    code = "vault_left"

    def __str__(self) -> str:
        return f"vault {self.vault.hex()} has left the registry; nothing is left to do"


@carrying
class StakeTooLowError(LedgerError):
    """A vault's stake does not cover the bytes it would vouch for."""

    vault: VaultId
    needed: Grains
    has: Grains
    code = "stake_too_low"

    def __str__(self) -> str:
        return (
            f"vault {self.vault.hex()} has staked {hold(self.has)} and needs "
            f"{hold(self.needed)} for this; stake more, or choose another vault"
        )


@carrying
class StakeLockedError(LedgerError):
    """A stake is returned only after unbonding."""

    vault: VaultId
    until_epoch: int
    code = "stake_locked"

    def __str__(self) -> str:
        return (
            f"the stake of vault {self.vault.hex()} is locked until epoch "
            f"{self.until_epoch}; withdraw it then"
        )


@carrying
class StillActiveError(LedgerError):
    """A stake is returned only after the vault has left the registry."""

    vault: VaultId
    code = "still_active"

    def __str__(self) -> str:
        return f"vault {self.vault.hex()} is still active; unbond it first"


@carrying
class NothingToWithdrawError(LedgerError):
    """The stake has been returned already."""

    vault: VaultId
    code = "nothing_to_withdraw"
    blame = Blame.EXISTS

    def __str__(self) -> str:
        return f"vault {self.vault.hex()} has no stake left; it was withdrawn or lost"
