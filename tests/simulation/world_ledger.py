"""The ledger of a small world: what vaults read of it, and who may settle."""

from collections import Counter
from dataclasses import dataclass, field

from holdfast.ledger.core.followed import LedgerNews, LedgerState
from holdfast.ledger.core.operations import Claim, Operation, Settle
from holdfast.ledger.core.values import Beacon, RegisteredVault
from holdfast.protocol import bls, placement
from holdfast.protocol.deal import Deal
from holdfast.protocol.network import NetworkParams
from holdfast.protocol.settlement import Certificate
from holdfast.protocol.units import DealId, VaultId

GENESIS = 1_000_000


def sim_params(**changes: int) -> NetworkParams:
    values: dict[str, int] = {
        "epoch_seconds": 60,
        "period_epochs": 4,
        "group_size": 8,
        "leaves_per_audit": 8,
        "faucet_grains": 1,
        "rebuild_price": 1,
    }
    values.update(changes)
    return NetworkParams("simulation", 31337, GENESIS, **values)


@dataclass
class SimLedger:
    """The ledger: what vaults read of it, and settlements."""

    params: NetworkParams
    rows: dict[VaultId, RegisteredVault] = field(default_factory=dict)
    beacons: dict[int, Beacon] = field(default_factory=dict)
    deals: dict[DealId, Deal] = field(default_factory=dict)
    settlements: list[Certificate] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    claimed: Counter[VaultId] = field(default_factory=Counter)
    epoch: int = -1
    down: bool = False

    def news(self) -> LedgerNews:
        return LedgerNews(
            0,
            self.epoch,
            tuple(self.beacons.values()),
            tuple(self.rows.values()),
            tuple(self.deals.values()),
            self.settlements[-1] if self.settlements else None,
        )

    def submit(self, operation: Operation) -> str | None:
        if self.down:
            return "nobody answers"
        match operation:
            case Settle(certificate):
                fault = self._fault_of(certificate)
                if fault is None:
                    self.settlements.append(certificate)
                else:
                    self.refused.append(fault)
                return fault
            case Claim(proof):
                vault = VaultId(proof.total.id)
                self.claimed[vault] = proof.total.grains
                return None
            case _:
                return "unknown operation"

    def committee(self, period: int) -> tuple[VaultId, ...]:
        state = LedgerState(self.params)
        state.absorb(self.news())
        return state.committee(period)

    def _fault_of(self, certificate: Certificate) -> str | None:
        statement = certificate.statement
        current = self.params.period_of(self.epoch)
        newest = self.settlements[-1].statement if self.settlements else None
        if statement.period != current - 1:
            return "wrong period"
        if newest and newest.period >= statement.period:
            return "settled already"
        members = self.committee(current)
        ranks = certificate.ranks()
        if len(ranks) < placement.majority(len(members)):
            return "no majority"
        keys = [self.rows[members[rank]].bls_key for rank in ranks]
        if not bls.aggregate_verify_same(
            keys, statement.digest(), certificate.signature
        ):
            return "wrong signature"
        if newest and statement.earned_total < newest.earned_total:
            return "totals shrink"
        if statement.earned_total != statement.spent_total:
            return "totals differ"
        return None
