"""Leaves of the newest settlement's tree, proved to the ledger."""

from typing import Final

from holdfast.ledger.core.settlement_errors import ProofFault, ProofRefusedError
from holdfast.ledger.core.state import Draft
from holdfast.protocol.errors import ProofError
from holdfast.protocol.settlement import TOTAL, TotalProof
from holdfast.protocol.settlement_tree import EMPTY_ROOT, root_from_path

NO_LEAVES: Final = (EMPTY_ROOT, 0)


def certified(draft: Draft) -> tuple[bytes, int]:
    """Return the newest settlement's root and number of leaves."""
    if draft.settled is None:
        return NO_LEAVES
    statement = draft.settled.certificate.statement
    return statement.root, statement.count


def check_proof(draft: Draft, proof: TotalProof) -> None:
    """Raise ProofRefusedError unless the leaf stands in the newest settlement."""
    leaf = TOTAL.encode(proof.total)
    try:
        found = root_from_path(leaf, proof.index, proof.count, proof.path)
    except ProofError as error:
        raise ProofRefusedError(proof.total.id, ProofFault.OTHER_TREE) from error
    if (found, proof.count) != certified(draft):
        raise ProofRefusedError(proof.total.id, ProofFault.OTHER_TREE)
