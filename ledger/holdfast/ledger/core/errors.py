"""Why the ledger refuses an operation: one class for each reason, with its data.

The text says what is wrong and what to do next. `code` names the reason for good,
on the wire and in logs; nobody compares texts. `blame` sorts the reasons roughly,
as status codes do.
"""

from enum import Enum
from typing import ClassVar

from holdfast.protocol.errors import HoldfastError
from holdfast.protocol.frozen import carrying
from holdfast.protocol.units import GRAINS_PER_HOLD, AccountId, Grains


class Blame(Enum):
    """What kind of reason it is."""

    STATE = 1
    UNKNOWN = 2
    EXISTS = 3
    STRANGER = 4
    SIGNATURE = 5
    INPUT = 6
    WORLD = 7


class LedgerError(HoldfastError):
    """The ledger refused, or could not be asked."""

    code: ClassVar[str] = "ledger"
    blame: ClassVar[Blame] = Blame.STATE


def hold(grains: Grains) -> str:
    """Return an amount as people read it: "12.5 HOLD"."""
    whole, rest = divmod(grains, GRAINS_PER_HOLD)
    decimals = f".{rest:09d}".rstrip("0") if rest else ""
    return f"{whole}{decimals} HOLD"


@carrying
class AddressTextError(LedgerError):
    """The text is not an account's address."""

    text: str
    code = "address_text"
    blame = Blame.INPUT

    def __str__(self) -> str:
        return (
            f"{self.text!r} is not an account: 0x and 40 hex digits, "
            "copied exactly as they were shown"
        )


@carrying
class NotStartedError(LedgerError):
    """The network's first epoch has not begun."""

    genesis_seconds: int
    code = "not_started"

    def __str__(self) -> str:
        return (
            f"the network starts at second {self.genesis_seconds} (Unix time); "
            "try again then"
        )


@carrying
class OperationSignatureError(LedgerError):
    """The operation is not signed by the account it names."""

    account: AccountId
    code = "operation_signature"
    blame = Blame.SIGNATURE

    def __str__(self) -> str:
        return (
            f"the operation is not signed by account 0x{self.account.hex()} for this "
            "network; sign it with that account's key"
        )


@carrying
class NonceError(LedgerError):
    """The account's next operation must carry another nonce."""

    account: AccountId
    expected: int
    given: int
    code = "nonce"

    def __str__(self) -> str:
        return (
            f"the next operation of account 0x{self.account.hex()} has nonce "
            f"{self.expected}, not {self.given}; sign it again with that one"
        )


@carrying
class AmountRefusedError(LedgerError):
    """An amount that cannot be moved: nothing, or more than there can be."""

    amount: Grains
    code = "amount_refused"
    blame = Blame.INPUT

    def __str__(self) -> str:
        return f"{self.amount} grains cannot be moved; name an amount above zero"


@carrying
class BalanceTooLowError(LedgerError):
    """The account has less than the operation takes."""

    account: AccountId
    needed: Grains
    has: Grains
    code = "balance_too_low"

    def __str__(self) -> str:
        return (
            f"account 0x{self.account.hex()} has {hold(self.has)} and this takes "
            f"{hold(self.needed)}; send it {hold(self.needed - self.has)} or more"
        )


@carrying
class FaucetClosedError(LedgerError):
    """Tokens are given away in development networks only."""

    code = "faucet_closed"

    def __str__(self) -> str:
        return "only development networks have a faucet; ask somebody for a transfer"


@carrying
class FaucetUsedError(LedgerError):
    """The faucet gives to each account once."""

    account: AccountId
    code = "faucet_used"
    blame = Blame.EXISTS

    def __str__(self) -> str:
        return (
            f"the faucet has already given to account 0x{self.account.hex()}; "
            "use another account or a transfer"
        )


@carrying
class SupplyExhaustedError(LedgerError):
    """No more tokens can exist."""

    minted: Grains
    code = "supply_exhausted"

    def __str__(self) -> str:
        return f"{hold(self.minted)} exist, and no more can; ask for a transfer"


@carrying
class NotOwnerError(LedgerError):
    """Only the owner of a vault or deal may do this."""

    thing: bytes
    owner: AccountId
    account: AccountId
    code = "not_owner"
    blame = Blame.STRANGER

    def __str__(self) -> str:
        return (
            f"{self.thing.hex()} belongs to account 0x{self.owner.hex()}, not to "
            f"0x{self.account.hex()}; use its owner's key"
        )


@carrying
class TickRefusedError(LedgerError):
    """The operator's clock named an epoch that is not the next or a later one."""

    epoch: int
    last_epoch: int
    code = "tick_refused"

    def __str__(self) -> str:
        return (
            f"epoch {self.epoch} cannot begin now after epoch {self.last_epoch}; "
            "set the clock of the ledger's machine"
        )
