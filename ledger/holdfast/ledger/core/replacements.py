"""Replacements: a vault that rebuilt a lost holder's shards takes its place.

The committee decided who: the settlement's tree names the replacement, and whoever
shows that leaf puts it into effect. A vault that has left never returns, so a leaf
takes effect once, however often and in whichever settlement it is shown.
"""

from dataclasses import replace

from holdfast.ledger.core.deal_errors import DealEndedError
from holdfast.ledger.core.deals import commit
from holdfast.ledger.core.events import HolderReplaced
from holdfast.ledger.core.operations import Replace
from holdfast.ledger.core.proofs import check_proof
from holdfast.ledger.core.replacement_errors import (
    ReplacementFault,
    ReplacementRefusedError,
    SlotTakenError,
)
from holdfast.ledger.core.settlement_errors import ProofFault, ProofRefusedError
from holdfast.ledger.core.state import Draft
from holdfast.ledger.core.values import Listing
from holdfast.protocol.deal import PAST_MAX, Deal, Holder, PastHolder
from holdfast.protocol.settlement import Replacement
from holdfast.protocol.units import VaultId

OPEN = frozenset({Listing.EJECTED, Listing.UNBONDING})
"""How a holder is listed whose places others may take."""


def replace_holder(draft: Draft, operation: Replace) -> None:
    """Put the replacement's vault in the lost holder's place, at its price."""
    change = operation.replacement
    deal = _running(draft, change)
    _check_slot(draft, deal, change)
    _check_leaf(draft, operation)
    _check_successor(draft, deal, change)
    _move_bytes(draft, deal, change)
    draft.put_deal(with_successor(deal, change.index, change.vault, draft.epoch))
    draft.say(HolderReplaced(deal.id, change.index, change.lost, change.vault))


def with_successor(deal: Deal, index: int, vault: VaultId, epoch: int) -> Deal:
    """Return the deal as it is when `vault` follows holder `index` in `epoch`."""
    before = deal.holders[index]
    past = PastHolder(index, before.vault, before.price, before.since_epoch, epoch)
    holders = list(deal.holders)
    holders[index] = Holder(vault, before.price, epoch)
    kept = (*deal.past, past)[-PAST_MAX:]
    return replace(deal, holders=tuple(holders), past=kept)


def _running(draft: Draft, change: Replacement) -> Deal:
    """Return the deal, which still runs though its owner may have closed it."""
    deal = draft.deal(change.deal)
    last = deal.last_epoch(draft.params)
    if deal.refunded or draft.epoch >= last:
        raise DealEndedError(deal.id, last)
    return deal


def _check_slot(draft: Draft, deal: Deal, change: Replacement) -> None:
    if change.index >= deal.n:
        raise _refused(change, ReplacementFault.INDEX)
    holder = deal.holders[change.index]
    if holder.vault != change.lost:
        raise SlotTakenError(deal.id, change.index, holder.vault)
    if draft.vault(change.lost).listing not in OPEN:
        raise _refused(change, ReplacementFault.NOT_LOST)


def _check_leaf(draft: Draft, operation: Replace) -> None:
    leaf = operation.replacement.leaf()
    if operation.proof.total != leaf:
        raise ProofRefusedError(leaf.id, ProofFault.OTHER_LEAF)
    check_proof(draft, operation.proof)


def _check_successor(draft: Draft, deal: Deal, change: Replacement) -> None:
    row = draft.vault(change.vault)
    if row.listing is not Listing.ACTIVE:
        raise _refused(change, ReplacementFault.NOT_ACTIVE)
    if deal.index_of(row.vault) is not None:
        raise _refused(change, ReplacementFault.SAME_VAULT)
    others = (holder.vault for holder in deal.holders if holder.vault != change.lost)
    payouts = {draft.vault(vault).payout for vault in others}
    if row.payout in payouts and not draft.params.development:
        raise _refused(change, ReplacementFault.SAME_PAYOUT)


def _move_bytes(draft: Draft, deal: Deal, change: Replacement) -> None:
    """Let the successor's stake vouch for the deal's capacity instead of the lost's."""
    commit(draft, (change.vault,), deal.capacity)
    lost = draft.vault(change.lost)
    draft.put_vault(
        replace(
            lost,
            committed_bytes=lost.committed_bytes - deal.capacity,
            released_epoch=max(lost.released_epoch, draft.epoch),
        )
    )


def _refused(change: Replacement, fault: ReplacementFault) -> ReplacementRefusedError:
    return ReplacementRefusedError(change.deal, change.index, change.vault, fault)
