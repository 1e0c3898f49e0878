"""What a candidate for an open slot may fetch here: the rules, top down (design §6)."""

from holdfast.ledger.core import slots
from holdfast.protocol.deal import Deal
from holdfast.protocol.errors import ProtocolError
from holdfast.protocol.faults import MissCertificate, check_miss
from holdfast.protocol.frozen import frozen
from holdfast.protocol.takeover import (
    TAKEOVER_REQUEST,
    SignedTakeoverRequest,
    TakeoverRequest,
)
from holdfast.protocol.units import VaultId
from holdfast.vault.core.myself import Myself
from holdfast.vault.core.refusals import Refusal, RefusedError
from holdfast.vault.core.takeover_turns import TakeoverTurns


@frozen
class TakeoverLeave:
    """What a candidate may have of a deal: its newest head, and whole shards.

    Who holds the index already may have the head alone: its shards it declares
    missing, and asks for them as a holder.
    """

    deal: Deal
    shards: bool


def check_takeover(
    me: Myself,
    turns: TakeoverTurns,
    request: SignedTakeoverRequest,
    now: float,
    deadline: float,
) -> TakeoverLeave:
    """Return what may be fetched now, or raise ProtocolError.

    `turns` are the candidates served lately; `deadline` is that of the current epoch's
    answers, 0 before its beacon is known.
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
    deal = me.ledger.deal(value.deal)
    if deal is None or deal.index_of(me.id) is None or value.index >= deal.n:
        raise RefusedError(Refusal.UNKNOWN, "this vault is no holder of that deal")
    identity = me.ledger.identities().get(value.candidate)
    if identity is None:
        raise RefusedError(Refusal.DENIED, "the candidate is not registered")
    TAKEOVER_REQUEST.verify(request, me.network, identity)
    if deal.holders[value.index].vault == value.candidate:
        return TakeoverLeave(deal, shards=False)
    _check_turn(me, turns, deal, value)
    return TakeoverLeave(deal, shards=True)


def _check_turn(
    me: Myself, turns: TakeoverTurns, deal: Deal, value: TakeoverRequest
) -> None:
    ledger, epoch, candidate = me.ledger, value.epoch, value.candidate
    slot = slots.open_slot(ledger, deal, value.index, epoch)
    if slot is not None and slots.may_act(ledger, slot, candidate, epoch):
        turns.take(deal, value.index, candidate, epoch)
        return
    suspected = {
        vault
        for vault in (suspect(me, shown, epoch) for shown in value.suspicions)
        if vault is not None
    }
    index = value.index
    if slots.may_begin_early(ledger, deal, index, suspected, candidate, epoch):
        return
    raise RefusedError(
        Refusal.UNTIMELY, "that slot is not open, or it is another candidate's turn"
    )


def suspect(me: Myself, shown: MissCertificate, epoch: int) -> VaultId | None:
    """Return whom a certificate shows to be out of reach lately, or None."""
    if not epoch - slots.SUSPICION_EPOCHS <= shown.epoch <= epoch:
        return None
    group = me.ledger.group(shown.vault, shown.epoch)
    try:
        reachable = check_miss(shown, me.network, group, me.ledger.identities())
    except ProtocolError:
        return None
    return None if reachable or not group else shown.vault
