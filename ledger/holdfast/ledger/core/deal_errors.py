"""Why the ledger refuses to open or change a deal."""

from enum import StrEnum

from holdfast.ledger.core.errors import Blame, LedgerError
from holdfast.protocol.frozen import carrying
from holdfast.protocol.units import DealId, VaultId


@carrying
class UnknownDealError(LedgerError):
    """The ledger has no such deal."""

    deal: DealId
    code = "unknown_deal"
    blame = Blame.UNKNOWN

    def __str__(self) -> str:
        return f"there is no deal {self.deal.hex()}; check the id and the network"


@carrying
class DealExistsError(LedgerError):
    """The owner has used this nonce for a deal already."""

    deal: DealId
    code = "deal_exists"
    blame = Blame.EXISTS

    def __str__(self) -> str:
        return f"deal {self.deal.hex()} is open already; use it, or another nonce"


class TermsFault(StrEnum):
    """What is wrong with a deal's terms."""

    HOLDERS = "k must be at least 1 and at most the number of holders"
    CAPACITY = "the capacity must be above zero and at most 64 GiB"
    END = "the end must be a later epoch, at most 2^32 epochs away"
    SHRINKS = "neither capacity nor end can shrink"
    UNCHANGED = "neither capacity nor end grows"


@carrying
class TermsRefusedError(LedgerError):
    """A deal cannot have these terms."""

    deal: DealId
    fault: TermsFault
    code = "terms_refused"
    blame = Blame.INPUT

    def __str__(self) -> str:
        return f"deal {self.deal.hex()} is refused: {self.fault.value}"


class QuoteFault(StrEnum):
    """What is wrong with a quote."""

    NOT_ACTIVE = "its vault is not active"
    SIGNATURE = "its vault did not sign it"
    OTHER_TERMS = "it is for another deal, capacity or end"
    EXPIRED = "it is no longer valid"
    PRICE = "its price is impossible, or not the deal's"
    HOLDER = "it is not from the deal's holder of that index"
    SAME_VAULT = "its vault holds another index"
    SAME_PAYOUT = "its payout account is paid for another index"


@carrying
class QuoteRefusedError(LedgerError):
    """One of a deal's quotes does not hold."""

    index: int
    vault: VaultId
    fault: QuoteFault
    code = "quote_refused"

    def __str__(self) -> str:
        return (
            f"quote {self.index} of vault {self.vault.hex()} is refused: "
            f"{self.fault.value}; ask it or another vault for a new quote"
        )


@carrying
class DealEndedError(LedgerError):
    """The deal has ended or is closed."""

    deal: DealId
    last_epoch: int
    code = "deal_ended"

    def __str__(self) -> str:
        return (
            f"deal {self.deal.hex()} is closed; it is not paid from epoch "
            f"{self.last_epoch} on; open a new one"
        )


@carrying
class AlreadyRefundedError(LedgerError):
    """What the deal did not spend went back to its owner before."""

    deal: DealId
    code = "already_refunded"
    blame = Blame.EXISTS

    def __str__(self) -> str:
        return f"deal {self.deal.hex()} was refunded before; nothing is left in it"
