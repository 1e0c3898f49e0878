"""Settlements of made-up totals, and vaults that prove them."""

import hashlib
from collections.abc import Mapping
from typing import Any

from holdfast.client.core.billing import SettledPeriod
from holdfast.client.network_errors import VaultUnreachableError
from holdfast.protocol.settlement import (
    DEAL_LEAF,
    Certificate,
    Statement,
    TotalProof,
    Totals,
    prove_total,
)
from holdfast.protocol.units import DealId, Digest, NetworkId, VaultId

NETWORK = NetworkId(b"\x4e" * 32)
VAULT = VaultId(b"\x0f" * 32)


def deal_named(name: str) -> DealId:
    return DealId(hashlib.sha256(name.encode()).digest())


def totals_of(spent: Mapping[DealId, int]) -> Totals:
    return Totals({VAULT: sum(spent.values())}, dict(spent))


def certificate_of(
    period: int, spent: Mapping[DealId, int], network: NetworkId = NETWORK
) -> Certificate:
    totals = totals_of(spent)
    whole = sum(spent.values())
    statement = Statement(
        network,
        period,
        Digest(totals.tree().root),
        len(totals.leaves()),
        whole,
        whole,
    )
    return Certificate(statement, b"\xff", bytes(96))


def proof_of(spent: Mapping[DealId, int], deal: DealId) -> TotalProof:
    proof = prove_total(totals_of(spent), DEAL_LEAF, deal)
    assert proof is not None
    return proof


def settled(period: int, spent: Mapping[DealId, int]) -> SettledPeriod:
    proofs = tuple(proof_of(spent, deal) for deal in spent)
    return SettledPeriod(certificate_of(period, spent), proofs)


class Prover:
    """A vault's link that proves totals, of the settlement it was made with."""

    def __init__(self, spent: Mapping[DealId, int] | None) -> None:
        self._spent = spent

    async def prove(self, _party: int, key: DealId) -> tuple[TotalProof, ...]:
        if self._spent is None:
            raise VaultUnreachableError(VAULT, "gone")
        own = prove_total(totals_of(self._spent), DEAL_LEAF, key)
        if own is not None:
            return (own,)
        return tuple(proof_of(self._spent, deal) for deal in list(self._spent)[:1])


class SettledLedger:
    """A ledger that has one settlement beside what another says."""

    def __init__(self, ledger: Any, certificate: Certificate | None) -> None:
        self._ledger = ledger
        self.certificate = certificate

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ledger, name)

    async def settlement(self) -> Certificate | None:
        return self.certificate
