"""Who may fetch whole shards as a holder: the rules, top down (design §5, §6)."""

from holdfast.protocol.checkpoint import Checkpoint, Entry, check_standing, entry_leaf
from holdfast.protocol.repair import (
    SIBLING_REQUEST,
    SiblingRequest,
    SignedSiblingRequest,
)
from holdfast.protocol.sums import root_from_path
from holdfast.vault.core.checkpointing import STANDING_EPOCHS_MAX
from holdfast.vault.core.myself import Myself
from holdfast.vault.core.refusals import Refusal, RefusedError


def check_sibling(
    me: Myself, request: SignedSiblingRequest, now: float, deadline: float
) -> Entry:
    """Return the entry whose missing spans may be fetched now.

    Raises ProtocolError. `deadline` is that of the current epoch's answers, 0
    before its beacon is known.
    """
    value = request.value
    if value.sibling != me.id or value.epoch != me.epoch_at(now):
        raise RefusedError(
            Refusal.DENIED, "the request is for another vault, or of another epoch"
        )
    if not deadline or now < deadline:
        raise RefusedError(
            Refusal.UNTIMELY, "siblings are served after the answer deadline only"
        )
    checkpoint = _check_standing(me, request)
    _check_entry(checkpoint, value)
    _check_holders(me, checkpoint, value.entry.entry)
    return value.entry.entry


def _check_standing(me: Myself, request: SignedSiblingRequest) -> Checkpoint:
    standing = request.value.standing
    stated = standing.checkpoint.value
    if not request.value.epoch - STANDING_EPOCHS_MAX <= stated.epoch:
        raise RefusedError(Refusal.DENIED, "the checkpoint is too old")
    group = me.ledger.group(stated.vault, stated.epoch)
    if stated.epoch > request.value.epoch or not group:
        raise RefusedError(Refusal.DENIED, "the checkpoint's group is not known")
    identities = me.ledger.identities()
    SIBLING_REQUEST.verify(request, me.network, identities[stated.vault])
    drawn = me.ledger.stand_ins(stated.vault, stated.epoch, for_answer=False)
    return check_standing(standing, me.network, group, identities, drawn)


def _check_entry(checkpoint: Checkpoint, request: SiblingRequest) -> None:
    proof = request.entry
    leaf = entry_leaf(proof.entry)
    root, _ = root_from_path(leaf, proof.place, checkpoint.count, proof.path)
    if (root.hash, root.sum) != (checkpoint.root, checkpoint.present_bytes):
        raise RefusedError(Refusal.DENIED, "the entry is not part of the checkpoint")


def _check_holders(me: Myself, checkpoint: Checkpoint, entry: Entry) -> None:
    deal = me.ledger.deal(entry.deal)
    if deal is None:
        raise RefusedError(Refusal.UNKNOWN, "the ledger knows no such deal")
    if deal.index_of(checkpoint.vault) != entry.index or deal.index_of(me.id) is None:
        raise RefusedError(
            Refusal.DENIED, "one of the two vaults does not hold this deal"
        )
