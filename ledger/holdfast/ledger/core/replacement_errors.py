"""Why the ledger refuses to put another vault in a holder's place."""

from enum import StrEnum

from holdfast.ledger.core.errors import Blame, LedgerError
from holdfast.protocol.frozen import carrying
from holdfast.protocol.units import DealId, VaultId


@carrying
class SlotTakenError(LedgerError):
    """The place is not the lost holder's any more; `holder` has it.

    When `holder` is the vault that was to get the place, it has got it before.
    """

    deal: DealId
    index: int
    holder: VaultId
    code = "slot_taken"
    blame = Blame.EXISTS

    def __str__(self) -> str:
        return (
            f"vault {self.holder.hex()} holds index {self.index} of deal "
            f"{self.deal.hex()}; nothing is left to do for any other"
        )


class ReplacementFault(StrEnum):
    """What is wrong with a replacement."""

    INDEX = "the deal has no such index"
    NOT_LOST = "the holder was neither ejected nor is it leaving"
    NOT_ACTIVE = "the vault that would follow is not active"
    SAME_VAULT = "the vault that would follow holds another index"
    SAME_PAYOUT = "its payout account is paid for another index"


@carrying
class ReplacementRefusedError(LedgerError):
    """A vault cannot take a holder's place."""

    deal: DealId
    index: int
    vault: VaultId
    fault: ReplacementFault
    code = "replacement_refused"

    def __str__(self) -> str:
        return (
            f"vault {self.vault.hex()} cannot take index {self.index} of deal "
            f"{self.deal.hex()}: {self.fault.value}; the next candidate may take it"
        )
