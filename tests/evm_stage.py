"""A network in the middle of its life, from which tests go on."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from eth_account.signers.local import LocalAccount

from evm_network import GRAINS, TestNetwork
from evm_people import TestVault, account, address_bytes
from holdfast.protocol.deal import deal_id
from holdfast.protocol.settlement import (
    DEAL_LEAF,
    VAULT_LEAF,
    Ejection,
    Statement,
    TotalProof,
    Totals,
    prove_total,
)
from holdfast.protocol.units import GIB, AccountId, DealId

PRICE = 1_000
CAPACITY = GIB
END = 8
NONCE = b"\x01" * 32
DEAL_KEY = b"\x05" * 32
STAKE = 100 * GRAINS


@dataclass
class Stage:
    """Epoch 4, period 1: the deal has run for a period that is not settled."""

    network: TestNetwork
    vaults: list[TestVault]
    user: LocalAccount
    stranger: LocalAccount
    deal: DealId
    beacon: bytes = b""
    totals: Totals = field(default_factory=lambda: Totals({}, {}))

    @property
    def holders(self) -> list[TestVault]:
        return self.vaults[:4]

    @property
    def holder_list(self) -> list[tuple[bytes, int]]:
        return [(vault.id, PRICE + i) for i, vault in enumerate(self.holders)]

    @property
    def committee(self) -> list[TestVault]:
        return self.network.committee(self.vaults, self.beacon)

    def id_of(self, owner: LocalAccount, nonce: bytes = NONCE) -> DealId:
        return deal_id(AccountId(address_bytes(owner.address)), nonce)

    def quotes(
        self,
        deal: bytes,
        capacity: int = CAPACITY,
        end: int = END,
        valid: int = 100,
    ) -> list[Any]:
        return [
            self.network.quote(deal, vault, PRICE + i, capacity, end, valid)
            for i, vault in enumerate(self.holders)
        ]

    def open_call(
        self,
        owner: LocalAccount,
        nonce: bytes = NONCE,
        quotes: Sequence[Any] | None = None,
        *,
        k: int = 2,
        capacity: int = CAPACITY,
        end: int = END,
    ) -> Any:
        if quotes is None:
            quotes = self.quotes(self.id_of(owner, nonce), capacity, end)
        return self.network.deals.functions.open(
            nonce, DEAL_KEY, k, capacity, end, list(quotes)
        )

    def settle(
        self,
        period: int,
        totals: Totals,
        ejections: Sequence[Ejection] = (),
        name: str = "",
    ) -> Any:
        """Settle a period with everybody's signature."""
        self.totals = totals
        statement = self.network.statement(period, totals, ejections)
        call = self.network.settle_call(statement, self.committee)
        return self.network.send(call, self.stranger, name)

    def fair(self, each: int = 1_000) -> Totals:
        """Return totals in which every holder earned the same."""
        earned = {vault.id: each for vault in self.holders}
        return Totals(earned, {self.deal: len(earned) * each})

    def statement(self, **changes: Any) -> Statement:
        """Return what a fair committee says about period 0, with some changes."""
        return replace(self.network.statement(0, self.fair()), **changes)

    def refuse_settlement(self, statement: Statement, reason: str) -> None:
        """Assert that a statement is refused although everybody signed it."""
        call = self.network.settle_call(statement, self.committee)
        self.network.refused(call, self.stranger, reason)

    def claim_call(self, vault: TestVault, totals: Totals | None = None) -> Any:
        proof = self.proof(VAULT_LEAF, vault.id, totals)
        return self.network.settlement.functions.claim(
            vault.id, proof.total.grains, proof.index, list(proof.path)
        )

    def refund_call(self, proofs: Sequence[TotalProof] | None = None) -> Any:
        if proofs is None:
            proofs = [self.proof(DEAL_LEAF, self.deal)]
        return self.network.deals.functions.refund(
            self.deal, self.holder_list, [proof_argument(proof) for proof in proofs]
        )

    def proof(self, party: int, key: bytes, totals: Totals | None = None) -> TotalProof:
        proof = prove_total(totals or self.totals, party, key)
        assert proof is not None
        return proof

    def begin_epoch(self, epoch: int) -> None:
        self.beacon = self.network.begin_epoch(epoch)


def proof_argument(proof: TotalProof) -> tuple[int, bytes, int, int, list[bytes]]:
    """Return a proof as `refund` takes it."""
    total = proof.total
    return (total.party, total.id, total.grains, proof.index, list(proof.path))


def set_stage(network: TestNetwork, vaults: Sequence[TestVault]) -> Stage:
    """Bring a fresh network to epoch 4."""
    user = account(777)
    deal = deal_id(AccountId(address_bytes(user.address)), NONCE)
    stage = Stage(network, list(vaults), user, account(888), deal)
    network.begin_epoch(0)
    for vault in stage.vaults:
        network.join(vault, STAKE)
    for person in (stage.user, stage.stranger):
        network.equip(person, 10**6 * GRAINS)
    network.send(stage.open_call(stage.user), stage.user, "open a deal, n = 4")
    stage.begin_epoch(4)
    return stage
