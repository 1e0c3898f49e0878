"""Why the ledger refuses a settlement, or a claim or refund against one."""

from enum import StrEnum

from holdfast.ledger.core.errors import Blame, LedgerError, hold
from holdfast.protocol.frozen import carrying
from holdfast.protocol.units import Grains, VaultId


@carrying
class UnsettledError(LedgerError):
    """Something has to wait for a settlement."""

    period: int
    code = "unsettled"

    def __str__(self) -> str:
        return f"period {self.period} is not settled yet; try again when it is"


class SettlementFault(StrEnum):
    """What is wrong with a certificate."""

    NETWORK = "it is for another network"
    PERIOD = "only the period before the current one can be settled"
    COMMITTEE = "no committee was drawn for it"
    SIGNERS = "its signers are not members of the committee"
    MAJORITY = "its signers are no majority of the committee"
    SIGNATURE = "its signature does not fit its signers"
    TOTALS_SHRINK = "a total is lower than in the settlement before"
    OVERPAID = "it pays more than deals spent and ejected vaults lost"
    ESCROW = "deals spend more than is in escrow"
    EJECTIONS = "it ejects a vault that is unknown, ejected, or named twice"


@carrying
class SettlementRefusedError(LedgerError):
    """A certificate does not settle its period."""

    period: int
    fault: SettlementFault
    code = "settlement_refused"

    def __str__(self) -> str:
        return (
            f"the settlement of period {self.period} is refused: {self.fault.value}; "
            "the committee has to certify another"
        )


@carrying
class AlreadySettledError(LedgerError):
    """Another statement settled this period or a later one."""

    period: int
    settled: int
    code = "already_settled"
    blame = Blame.EXISTS

    def __str__(self) -> str:
        return (
            f"period {self.period} cannot be settled: everything up to period "
            f"{self.settled} is; read that settlement instead"
        )


class ProofFault(StrEnum):
    """What is wrong with the proof of a total."""

    OTHER_LEAF = "it is for another vault, deal or replacement"
    OTHER_TREE = "it does not lead to the newest settlement's root"
    ABSENCE = "it does not show that the deal has no leaf"


@carrying
class ProofRefusedError(LedgerError):
    """A total is not proved against the newest settlement."""

    id: bytes
    fault: ProofFault
    code = "proof_refused"

    def __str__(self) -> str:
        return (
            f"the proof for {self.id.hex()} is refused: {self.fault.value}; "
            "ask a committee member for a proof from the newest settlement"
        )


@carrying
class NothingToClaimError(LedgerError):
    """Everything that the settlement says a vault earned was claimed."""

    vault: VaultId
    claimed: Grains
    code = "nothing_to_claim"
    blame = Blame.EXISTS

    def __str__(self) -> str:
        return (
            f"all {hold(self.claimed)} that vault {self.vault.hex()} has earned by the "
            "newest settlement are claimed; wait for the next one"
        )


@carrying
class OverdrawnError(LedgerError):
    """A settlement's leaves add up to more than its certified totals."""

    wanted: Grains
    available: Grains
    code = "overdrawn"

    def __str__(self) -> str:
        return (
            f"{hold(self.wanted)} are asked for, but the certified totals leave "
            f"{hold(self.available)}; the settlement is wrong, tell its committee"
        )
