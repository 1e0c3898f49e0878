"""Claims and refunds: a leaf of the newest settlement, proved, moves tokens.

Whoever brings the proof, a claim pays the vault's payout account and a refund the
deal's owner.
"""

from dataclasses import replace

from holdfast.ledger.core.deal_errors import AlreadyRefundedError
from holdfast.ledger.core.deals import release
from holdfast.ledger.core.events import Claimed, DealRefunded
from holdfast.ledger.core.operations import Claim, Refund
from holdfast.ledger.core.periods import require_settled
from holdfast.ledger.core.proofs import certified, check_proof
from holdfast.ledger.core.settlement_errors import (
    NothingToClaimError,
    OverdrawnError,
    ProofFault,
    ProofRefusedError,
)
from holdfast.ledger.core.state import Draft
from holdfast.protocol.deal import Deal
from holdfast.protocol.settlement import DEAL_LEAF, VAULT_LEAF, Total, TotalProof
from holdfast.protocol.units import DealId, Grains, VaultId


def claim(draft: Draft, operation: Claim) -> None:
    """Pay what a vault earned by the newest settlement and has not claimed."""
    total = operation.proof.total
    if total.party != VAULT_LEAF:
        raise ProofRefusedError(total.id, ProofFault.OTHER_LEAF)
    row = draft.vault(VaultId(total.id))
    check_proof(draft, operation.proof)
    amount = total.grains - row.claimed
    if amount <= 0:
        raise NothingToClaimError(row.vault, row.claimed)
    books = draft.books
    _check_covered(amount, books.earned - books.claimed)
    draft.books = replace(books, claimed=books.claimed + amount)
    draft.put_vault(replace(row, claimed=total.grains))
    draft.credit(row.payout, amount)
    draft.say(Claimed(row.vault, row.payout, amount))


def refund(draft: Draft, operation: Refund) -> None:
    """Return what an ended deal did not spend, and free its holders' stakes."""
    deal = draft.deal(operation.deal)
    if deal.refunded:
        raise AlreadyRefundedError(deal.id)
    require_settled(draft.state, deal.last_epoch(draft.params))
    spent = min(_proved_spent(draft, deal, operation.proof), deal.escrow)
    amount = deal.escrow - spent
    books = draft.books
    _check_covered(amount, books.escrowed)
    draft.books = replace(books, escrowed=books.escrowed - amount)
    draft.put_deal(replace(deal, escrow=spent, refunded=True))
    release(draft, deal)
    draft.credit(deal.owner, amount)
    draft.say(DealRefunded(deal.id, amount))


def _check_covered(wanted: Grains, available: Grains) -> None:
    if wanted > available:
        raise OverdrawnError(wanted, available)


def _proved_spent(draft: Draft, deal: Deal, proofs: tuple[TotalProof, ...]) -> Grains:
    """Return what the newest settlement says the deal spent, once it is proved."""
    for proof in proofs:
        check_proof(draft, proof)
    totals = [proof.total for proof in proofs]
    if len(totals) == 1 and _place(totals[0]) == (DEAL_LEAF, deal.id):
        return totals[0].grains
    if not _absent(deal.id, proofs, certified(draft)[1]):
        raise ProofRefusedError(deal.id, ProofFault.ABSENCE)
    return 0


def _absent(deal: DealId, proofs: tuple[TotalProof, ...], count: int) -> bool:
    """Tell whether the leaves shown leave no room for the deal's: they are sorted."""
    place = (DEAL_LEAF, deal)
    match proofs:
        case ():
            return count == 0
        case (only,) if only.index == 0 and place < _place(only.total):
            return True
        case (only,):
            return only.index == count - 1 and _place(only.total) < place
        case (left, right):
            between = _place(left.total) < place < _place(right.total)
            return between and right.index == left.index + 1
        case _:
            return False


def _place(total: Total) -> tuple[int, bytes]:
    return (total.party, total.id)
