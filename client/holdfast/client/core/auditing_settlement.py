"""An auditor's verdict on a settlement: who signed it, and whether its sums hold.

The committee is drawn anew from the registry and the beacon. The totals are a list
that some vault shows; they count when they make the certified root.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

from holdfast.ledger.core.followed import LedgerState
from holdfast.protocol.errors import ProtocolError
from holdfast.protocol.frozen import frozen
from holdfast.protocol.placement import majority
from holdfast.protocol.settlement import (
    DEAL_LEAF,
    REPLACEMENT_LEAF,
    TOTAL,
    VAULT_LEAF,
    Certificate,
    Statement,
    Total,
    TotalProof,
)
from holdfast.protocol.settlement_tree import SettlementTree, root_from_path
from holdfast.protocol.units import DealId, Grains, VaultId

Leaves = tuple[Total, ...]


@frozen
class SettlementFinding:
    """What holds of one settlement; `faults` are sentences, none when all does.

    `leaves` are the totals behind the root, None while nobody shows them; `slashed`
    is what ejected vaults lost in all, which may be paid out beside what was spent.
    """

    certificate: Certificate
    committee: int
    signers: tuple[VaultId, ...]
    slashed: Grains
    leaves: Leaves | None
    faults: tuple[str, ...]

    @property
    def statement(self) -> Statement:
        """What the committee stated."""
        return self.certificate.statement

    @property
    def holds(self) -> bool:
        """Whether nothing is wrong with it."""
        return not self.faults


def judge_settlement(
    ledger: LedgerState, certificate: Certificate, leaves: Leaves | None
) -> SettlementFinding:
    """Return the finding on a settlement and on the totals shown for it, if any."""
    members = ledger.committee(certificate.statement.period + 1)
    slashed = slashed_total(ledger)
    shown = leaves if leaves is not None and makes(certificate, leaves) else None
    faults = [
        *faults_of_signers(ledger, certificate, members),
        *_faults_of_sums(certificate.statement, slashed),
        *(_faults_of_leaves(ledger, certificate.statement, shown) if shown else ()),
    ]
    ranks = [rank for rank in certificate.ranks() if rank < len(members)]
    return SettlementFinding(
        certificate,
        len(members),
        tuple(members[rank] for rank in ranks),
        slashed,
        shown,
        tuple(faults),
    )


def makes(certificate: Certificate, leaves: Leaves) -> bool:
    """Return whether these leaves are the ones that the certificate names."""
    statement = certificate.statement
    if len(leaves) != statement.count:
        return False
    tree = SettlementTree([TOTAL.encode(leaf) for leaf in leaves])
    return tree.root == statement.root


def slashed_total(ledger: LedgerState) -> Grains:
    """Return what all vaults ever lost of their stakes, as the ledger has it."""
    rows = (ledger.row(vault) for vault in ledger.vaults())
    return sum(row.slashed for row in rows if row)


def totals_of(leaves: Leaves, party: int) -> Mapping[bytes, Grains]:
    """Return the totals of one party, by id."""
    return {leaf.id: leaf.grains for leaf in leaves if leaf.party == party}


def proved_total(
    certificate: Certificate, party: int, key: bytes, proofs: Sequence[TotalProof]
) -> Grains | None:
    """Return a total that proofs show under the certified root; 0 where it has none.

    An absent leaf is shown by the two that stand beside its place, or by the one at
    the end. Returns None where the proofs show neither.
    """
    leads = [proof for proof in proofs if _leads(certificate.statement, proof)]
    wanted = (party, key)
    for proof in leads:
        if (proof.total.party, proof.total.id) == wanted:
            return proof.total.grains
    count = certificate.statement.count
    before = {p.index for p in leads if (p.total.party, p.total.id) < wanted}
    after = {p.index for p in leads if (p.total.party, p.total.id) > wanted}
    absent = (
        count == 0
        or (count - 1) in before
        or 0 in after
        or any(index + 1 in after for index in before)
    )
    return 0 if absent else None


def _leads(statement: Statement, proof: TotalProof) -> bool:
    if proof.count != statement.count:
        return False
    leaf = TOTAL.encode(proof.total)
    try:
        root = root_from_path(leaf, proof.index, proof.count, proof.path)
    except ProtocolError:
        return False
    return root == statement.root


def faults_of_signers(
    ledger: LedgerState, certificate: Certificate, members: tuple[VaultId, ...]
) -> Iterator[str]:
    """Yield why a majority of the committee did not sign this, if so."""
    statement = certificate.statement
    if statement.network != ledger.network_id:
        yield "it is a statement of another network"
    if not members:
        yield f"nobody was drawn to settle period {statement.period}"
        return
    ranks = certificate.ranks()
    if any(rank >= len(members) for rank in ranks):
        yield "it names signers that are not in the committee"
        return
    if len(ranks) < majority(len(members)):
        yield f"{len(ranks)} of {len(members)} members signed, which is no majority"
    if not ledger.is_certified(certificate):
        yield "its signature is not that of the members it names"


def _faults_of_sums(statement: Statement, slashed: Grains) -> Iterator[str]:
    over = statement.earned_total - statement.spent_total - slashed
    if over > 0:
        yield f"vaults earned {over} grains more than deals spent and stakes lost"


def _faults_of_leaves(
    ledger: LedgerState, statement: Statement, leaves: Leaves
) -> Iterator[str]:
    names = [(leaf.party, leaf.id) for leaf in leaves]
    if any(a >= b for a, b in pairwise(names)):
        yield "the totals are not in their order, or one stands twice"
    parties = {VAULT_LEAF, DEAL_LEAF, REPLACEMENT_LEAF}
    if any(leaf.party not in parties for leaf in leaves):
        yield "a total is of no vault, deal or replacement"
    earned, spent = totals_of(leaves, VAULT_LEAF), totals_of(leaves, DEAL_LEAF)
    if sum(earned.values()) != statement.earned_total:
        yield "what the vaults earned does not add up to the sum that was signed"
    if sum(spent.values()) != statement.spent_total:
        yield "what the deals spent does not add up to the sum that was signed"
    yield from _faults_of_vaults(ledger, earned)
    yield from _faults_of_deals(ledger, spent)


def _faults_of_vaults(
    ledger: LedgerState, earned: Mapping[bytes, Grains]
) -> Iterator[str]:
    for vault, grains in earned.items():
        row = ledger.row(VaultId(vault))
        if row is None:
            yield f"vault {vault.hex()[:12]} earns and was never registered"
        elif row.claimed > grains:
            over = row.claimed - grains
            yield f"vault {vault.hex()[:12]} was paid {over} grains it never earned"


def _faults_of_deals(
    ledger: LedgerState, spent: Mapping[bytes, Grains]
) -> Iterator[str]:
    for key, grains in spent.items():
        deal = ledger.deal(DealId(key))
        if deal is None or deal.refunded:
            continue  # not mirrored here, or its escrow is gone already
        if grains > deal.escrow:
            over = grains - deal.escrow
            yield f"deal {key.hex()[:12]} spent {over} grains more than its escrow"
