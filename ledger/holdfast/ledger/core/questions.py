"""Gathers from the ledger's state what an answer is judged by."""

from holdfast.ledger.core.followed import LedgerState
from holdfast.protocol.answer import Answer
from holdfast.protocol.judgement import Question
from holdfast.protocol.units import VaultId


def question_of(ledger: LedgerState, answer: Answer) -> Question | None:
    """Return the question, or None while the beacon or the group is not known.

    Deals that are not mirrored are left out: the judgement then names them.
    """
    checkpoint = answer.checkpoint
    beacon = ledger.beacon(answer.epoch)
    group = ledger.group(checkpoint.vault, checkpoint.epoch)
    if beacon is None or not group:
        return None
    known = ledger.identities()
    stand_ins: tuple[VaultId, ...] = ()
    # Stand-ins are drawn only for the few checkpoints that they acknowledged.
    if any(one.signer not in group for one in answer.standing.acknowledgements):
        vault, epoch = checkpoint.vault, checkpoint.epoch
        stand_ins = ledger.stand_ins(vault, epoch, for_answer=False)
    named = (*group, *stand_ins, checkpoint.vault)
    deals = {proof.entry.deal for proof in answer.entries}
    keys = {deal: ledger.deal_key(deal) for deal in deals}
    return Question(
        network=ledger.network_id,
        epoch=answer.epoch,
        beacon=beacon,
        vault=checkpoint.vault,
        leaves=ledger.params.leaves_per_audit,
        group=group,
        stand_ins=stand_ins,
        identities={vault: known[vault] for vault in named if vault in known},
        deal_keys={deal: key for deal, key in keys.items() if key is not None},
    )
