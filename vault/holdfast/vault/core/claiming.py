"""Claims what the vault has earned, when it is worth an operation."""

from holdfast.ledger.core.operations import Claim
from holdfast.ledger.core.values import Listing
from holdfast.protocol.errors import ProofError
from holdfast.protocol.settlement import TOTAL, VAULT_LEAF, Statement, TotalProof
from holdfast.protocol.settlement_tree import root_from_path
from holdfast.protocol.units import Grains, VaultId
from holdfast.vault.core.books import Books
from holdfast.vault.core.effects import Call, Effect, Log, Submit
from holdfast.vault.core.events import OperationEnded
from holdfast.vault.core.messages import AskProof, Proven
from holdfast.vault.core.myself import Myself
from holdfast.vault.core.outbox import Outbox
from holdfast.vault.core.timing import call_seconds, retry_seconds
from holdfast.vault.core.who_settled import who_settled


class Claiming:
    """The machine of claims: at most one for each settlement."""

    def __init__(self, me: Myself, books: Books, least_grains: Grains) -> None:
        self._me = me
        self._books = books
        self._least = least_grains
        self._period = -1
        self._outbox = Outbox((), 1.0)
        self._looked = True
        self.earned: Grains = 0

    def step(self, now: float) -> list[Effect]:
        """Look at each new settlement once; ask a signer when we lack its totals."""
        settled = self._me.ledger.settled_period
        if settled > self._period:
            self._period, self._looked = settled, False
            self._outbox = Outbox(who_settled(self._me), retry_seconds(self._me.params))
        if self._looked:
            return []
        if (base := self._books.base()) is not None:
            return self._claim(base.prove(VAULT_LEAF, self._me.id))
        request = AskProof(VAULT_LEAF, self._me.id)
        seconds = call_seconds(self._me.params)
        asked = self._outbox.due(now, at_most=1)
        return [Call(peer, request, seconds) for peer in asked]

    def proven(self, peer: VaultId, reply: Proven) -> list[Effect]:
        """Claim with the proof that a signer sent, if it leads to the settlement."""
        settlement = self._me.ledger.settlement
        self._outbox.settle(peer)
        if settlement is None or self._looked:
            return []
        if any(not leads_to(proof, settlement.statement) for proof in reply.proofs):
            return []
        return self._claim(reply.proofs)

    def unproven(self, now: float, peer: VaultId) -> list[Effect]:
        """Ask that signer again later."""
        self._outbox.fail(peer, now)
        return []

    def ended(self, event: OperationEnded) -> list[Effect]:
        """Tell the operator; what failed is part of the next claim."""
        fields = {"earned": self.earned, "reason": event.fault or ""}
        text = "claimed earnings" if event.fault is None else "a claim failed"
        return [Log(text, fields, warning=event.fault is not None)]

    def _claim(self, proofs: tuple[TotalProof, ...]) -> list[Effect]:
        self._looked = True
        row = self._me.ledger.row(self._me.id)
        ours = [p for p in proofs if p.total.id == self._me.id]
        if row is None or not ours or ours[0].total.party != VAULT_LEAF:
            return []
        self.earned = ours[0].total.grains
        owed = self.earned - row.claimed
        least = self._least if row.listing is Listing.ACTIVE else 1
        if owed < max(least, 1) or row.listing is Listing.WITHDRAWN:
            return []
        return [Submit(Claim(ours[0]))]


def leads_to(proof: TotalProof, statement: Statement) -> bool:
    """Return whether a proof leads to a statement's root."""
    leaf = TOTAL.encode(proof.total)
    try:
        root = root_from_path(leaf, proof.index, proof.count, proof.path)
    except ProofError:
        return False
    return root == statement.root and proof.count == statement.count
