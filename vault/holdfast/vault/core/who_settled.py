"""Whom to ask for the totals of the newest settlement, and for proofs of them."""

from holdfast.protocol.units import VaultId
from holdfast.vault.core.myself import Myself


def who_settled(me: Myself) -> list[VaultId]:
    """Return its signers, then the committee's other members, without ourselves.

    A signer had the totals; another member may have them too, and one that is left
    is enough for everybody to go on.
    """
    settlement = me.ledger.settlement
    if settlement is None:
        return []
    members = me.ledger.committee(settlement.statement.period + 1)
    signers = [members[rank] for rank in settlement.ranks() if rank < len(members)]
    return [one for one in dict.fromkeys((*signers, *members)) if one != me.id]
