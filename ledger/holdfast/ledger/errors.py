"""All errors of the ledger in one place: why it refuses, and why it cannot be asked."""

from holdfast.ledger.chain_errors import (
    AnvilMissingError,
    ChainExtraMissingError,
    ChainRefusedError,
    GasMissingError,
    PrecompilesMissingError,
    RandomnessMissingError,
    RefundsOpenError,
    TransactionPendingError,
    WrongChainError,
)
from holdfast.ledger.core.deal_errors import (
    AlreadyRefundedError,
    DealEndedError,
    DealExistsError,
    QuoteFault,
    QuoteRefusedError,
    TermsFault,
    TermsRefusedError,
    UnknownDealError,
)
from holdfast.ledger.core.errors import (
    AddressTextError,
    AmountRefusedError,
    BalanceTooLowError,
    Blame,
    FaucetClosedError,
    FaucetUsedError,
    LedgerError,
    NonceError,
    NotOwnerError,
    NotStartedError,
    OperationSignatureError,
    SupplyExhaustedError,
    TickRefusedError,
    hold,
)
from holdfast.ledger.core.registry_errors import (
    LeastStakeError,
    NothingToWithdrawError,
    RegistrationFault,
    RegistrationRefusedError,
    StakeLockedError,
    StakeTooLowError,
    StillActiveError,
    UnknownVaultError,
    VaultLeftError,
)
from holdfast.ledger.core.replacement_errors import (
    ReplacementFault,
    ReplacementRefusedError,
    SlotTakenError,
)
from holdfast.ledger.core.settlement_errors import (
    AlreadySettledError,
    NothingToClaimError,
    OverdrawnError,
    ProofFault,
    ProofRefusedError,
    SettlementFault,
    SettlementRefusedError,
    UnsettledError,
)
from holdfast.protocol.frozen import carrying

__all__ = [
    "AddressTextError",
    "AlreadyRefundedError",
    "AlreadySettledError",
    "AmountRefusedError",
    "AnvilMissingError",
    "BalanceTooLowError",
    "Blame",
    "ChainExtraMissingError",
    "ChainRefusedError",
    "DealEndedError",
    "DealExistsError",
    "FaucetClosedError",
    "FaucetUsedError",
    "GasMissingError",
    "LeastStakeError",
    "LedgerAnswerError",
    "LedgerError",
    "LedgerFileError",
    "LedgerUnreachableError",
    "NonceError",
    "NotOwnerError",
    "NotStartedError",
    "NothingToClaimError",
    "NothingToWithdrawError",
    "OperationSignatureError",
    "OverdrawnError",
    "PrecompilesMissingError",
    "ProofFault",
    "ProofRefusedError",
    "QuoteFault",
    "QuoteRefusedError",
    "RandomnessMissingError",
    "RefundsOpenError",
    "RegistrationFault",
    "RegistrationRefusedError",
    "ReplacementFault",
    "ReplacementRefusedError",
    "SettlementFault",
    "SettlementRefusedError",
    "SlotTakenError",
    "StakeLockedError",
    "StakeTooLowError",
    "StillActiveError",
    "SupplyExhaustedError",
    "TermsFault",
    "TermsRefusedError",
    "TickRefusedError",
    "TransactionPendingError",
    "UnknownDealError",
    "UnknownVaultError",
    "UnsettledError",
    "VaultLeftError",
    "WrongChainError",
    "WrongNetworkError",
    "hold",
]


@carrying
class LedgerUnreachableError(LedgerError):
    """The ledger did not answer in time, however often it was asked."""

    endpoint: str
    code = "unreachable"
    blame = Blame.WORLD

    def __str__(self) -> str:
        return (
            f"the ledger at {self.endpoint} does not answer; check that it runs and "
            "that the network file names its address and certificate"
        )


@carrying
class LedgerAnswerError(LedgerError):
    """The ledger answered with something that this program does not understand."""

    endpoint: str
    reason: str
    code = "answer"
    blame = Blame.WORLD

    def __str__(self) -> str:
        return (
            f"the ledger at {self.endpoint} answered {self.reason!r}; "
            "use the same version of Holdfast on both sides"
        )


@carrying
class WrongNetworkError(LedgerError):
    """The ledger keeps another network's books."""

    expected: bytes
    found: bytes
    code = "wrong_network"
    blame = Blame.WORLD

    def __str__(self) -> str:
        return (
            f"the ledger keeps network {self.found.hex()}, not {self.expected.hex()}; "
            "use the network file that belongs to it"
        )


@carrying
class LedgerFileError(LedgerError):
    """The ledger's files cannot be read or written."""

    path: str
    reason: str
    code = "file"
    blame = Blame.WORLD

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"
