"""Takeovers of open slots: when a candidate begins, and who serves it."""

from dataclasses import replace

import pytest

from audit_parties import of_kind, only, row_of
from holdfast.ledger.core.followed import LedgerNews
from holdfast.ledger.core.operations import Withdraw
from holdfast.ledger.core.values import Listing
from holdfast.protocol.errors import ProtocolError
from holdfast.protocol.takeover import (
    TAKEOVER,
    SignedTakeover,
    Takeover,
)
from holdfast.vault.core import effects as fx
from holdfast.vault.core.events import TakenOver
from holdfast.vault.core.leaving import Leaving
from holdfast.vault.core.myself import Myself
from holdfast.vault.core.takeover_check import check_takeover
from holdfast.vault.core.taking_over import LAST_LOOKS, REST_EPOCHS, TakingOver
from takeover_stage import EPOCH, LOST, Served, Slot


@pytest.fixture
def slot() -> Slot:
    return Slot()


def claim_of(me: Myself, order: fx.TakeOver) -> SignedTakeover:
    value = Takeover(order.deal.id, order.index, order.lost, me.id, EPOCH)
    return TAKEOVER.sign(value, me.network, me.pair)


def begin(slot: Slot, machine: TakingOver, epoch: int = EPOCH) -> list[fx.Effect]:
    slot.parties.reach(epoch)
    return machine.step(slot.at(0.6, epoch))


def test_nothing_is_taken_over_while_all_holders_are_there(slot: Slot) -> None:
    machine = slot.machine(slot.candidate())
    assert of_kind(begin(slot, machine), fx.TakeOver) == []


def test_the_nearest_candidate_takes_the_slot_of_an_ejected_holder(slot: Slot) -> None:
    slot.leave(LOST)
    machine = slot.machine(slot.candidate())
    assert of_kind(machine.step(slot.at(0.4)), fx.TakeOver) == []
    order = only(begin(slot, machine), fx.TakeOver)
    lost = slot.parties.keys[LOST].vault_id
    assert (order.index, order.lost) == (LOST, lost)
    others = {h.vault for h in slot.deal.holders} - {lost}
    assert set(order.requests) == others
    # Who was ejected may serve still: it is asked for what the others cannot give.
    assert set(order.last_requests) == {lost}
    assert order.last_requests[lost].value.sibling == lost


def test_a_holder_that_leaves_is_asked_for_its_own_shards(slot: Slot) -> None:
    slot.leave(LOST, Listing.UNBONDING)
    order = only(begin(slot, slot.machine(slot.candidate())), fx.TakeOver)
    assert order.lost in order.requests
    assert not order.last_requests


def test_the_next_candidate_waits_an_epoch(slot: Slot) -> None:
    slot.leave(LOST)
    machine = slot.machine(slot.candidate(1))
    assert of_kind(begin(slot, machine), fx.TakeOver) == []
    assert of_kind(begin(slot, machine, EPOCH + 1), fx.TakeOver)


def test_one_deal_at_a_time_and_the_most_endangered_first(slot: Slot) -> None:
    slot.leave(LOST)
    slot.leave(0)
    safer = slot.parties.deal(2, [LOST, 4, 5, 6])
    both = {slot.deal.id, safer.deal.id}
    for rank in range(6):
        me = slot.candidate(rank)
        if safer.deal.index_of(me.id) is None:
            break
    machine = slot.machine(me)
    first = only(begin(slot, machine, EPOCH + 9), fx.TakeOver)
    assert first.deal.id == slot.deal.id
    assert of_kind(machine.step(slot.at(0.7, EPOCH + 9)), fx.TakeOver) == []
    done = TakenOver(slot.at(0.7, EPOCH + 9), first.deal.id, first.index, None, "no")
    second = only(machine.ended(done), fx.TakeOver)
    assert {first.deal.id, second.deal.id} == both


def test_what_could_not_be_had_is_tried_again_each_epoch(slot: Slot) -> None:
    slot.leave(LOST)
    machine = slot.machine(slot.candidate())
    for epoch in range(EPOCH, EPOCH + 4):
        order = only(begin(slot, machine, epoch), fx.TakeOver)
        ended = TakenOver(slot.at(0.7, epoch), order.deal.id, order.index, None, "no")
        assert of_kind(machine.ended(ended), fx.TakeOver) == []
        assert machine.claimed() == ()


def test_what_keeps_a_candidate_from_a_slot_is_logged_when_it_changes(
    slot: Slot,
) -> None:
    slot.leave(LOST)
    machine = slot.machine(slot.candidate())
    told = []
    for epoch, why in enumerate(("a nearer one", "a nearer one", "no k"), EPOCH):
        order = only(begin(slot, machine, epoch), fx.TakeOver)
        ended = TakenOver(slot.at(0.7, epoch), order.deal.id, order.index, None, why)
        told += of_kind(machine.ended(ended), fx.Log)
    assert [log.fields["reason"] for log in told] == ["a nearer one", "no k"]


def test_who_has_no_room_leaves_a_slot_to_others_for_a_while(slot: Slot) -> None:
    slot.leave(LOST)
    machine = slot.machine(slot.candidate())
    order = only(begin(slot, machine), fx.TakeOver)
    failed = TakenOver(slot.at(0.7), order.deal.id, LOST, None, "no room", able=False)
    assert only(machine.ended(failed), fx.DropTakeover).deal == order.deal.id
    assert not machine.is_claiming
    for epoch in range(EPOCH + 1, EPOCH + REST_EPOCHS):
        assert of_kind(begin(slot, machine, epoch), fx.TakeOver) == []
    assert of_kind(begin(slot, machine, EPOCH + REST_EPOCHS), fx.TakeOver)


def test_a_claim_stands_until_the_ledger_names_us(slot: Slot) -> None:
    slot.leave(LOST)
    me = slot.candidate()
    machine = slot.machine(me)
    order = only(begin(slot, machine), fx.TakeOver)
    claim = claim_of(me, order)
    machine.ended(TakenOver(slot.at(0.7), order.deal.id, order.index, claim))
    assert [attempt.claim for attempt in machine.claimed()] == [claim]
    slot.give_to(me.id)
    assert of_kind(machine.step(slot.at(0.8)), fx.DropTakeover) == []
    assert (machine.claimed(), machine.taken_slots) == ((), 1)
    # A head may have come while the slot changed hands: we look again, as the holder.
    for epoch in range(EPOCH + 1, EPOCH + 1 + LAST_LOOKS):
        again = only(begin(slot, machine, epoch), fx.TakeOver)
        assert again.lost == me.id
        machine.ended(TakenOver(slot.at(0.7, epoch), again.deal.id, LOST, None))
    assert of_kind(begin(slot, machine, EPOCH + 9), fx.TakeOver) == []


def test_everything_is_dropped_when_another_vault_has_the_slot(slot: Slot) -> None:
    slot.leave(LOST)
    me = slot.candidate()
    machine = slot.machine(me)
    order = only(begin(slot, machine), fx.TakeOver)
    slot.give_to(slot.candidate(1).id)
    assert only(machine.step(slot.at(0.7)), fx.DropTakeover).deal == order.deal.id
    # What was still running when the slot was lost is dropped when it ends.
    ended = TakenOver(slot.at(0.8), order.deal.id, LOST, claim_of(me, order))
    assert only(machine.ended(ended), fx.DropTakeover).deal == order.deal.id
    assert machine.claimed() == ()


def test_a_vault_whose_stake_is_used_up_takes_nothing_over(slot: Slot) -> None:
    slot.leave(LOST)
    me = slot.candidate()
    number = slot.parties.keys.index(me.keys)
    row = row_of(me.keys, number, stake=0)
    slot.ledger.absorb(LedgerNews(0, -1, vaults=(row,)))
    assert of_kind(begin(slot, slot.machine(me)), fx.TakeOver) == []


def test_the_rebuilding_begins_early_when_few_holders_are_left(slot: Slot) -> None:
    shown = (slot.missed(LOST),)
    order = only(begin(slot, slot.machine(slot.candidate(), shown)), fx.TakeOver)
    assert order.index == LOST
    request = order.requests[slot.parties.keys[0].vault_id]
    assert request.value.suspicions == shown


def test_nothing_begins_early_on_an_old_suspicion(slot: Slot) -> None:
    old = (slot.missed(LOST, EPOCH - 3),)
    assert of_kind(begin(slot, slot.machine(slot.candidate(), old)), fx.TakeOver) == []


@pytest.fixture
def served() -> Served:
    return Served()


def test_a_candidate_whose_turn_it_is_may_fetch_shards(served: Served) -> None:
    assert served.check(served.signed(served.value()))


def test_the_leaving_holder_serves_its_own_shards_too(served: Served) -> None:
    served.slot.leave(LOST, Listing.UNBONDING)
    served.me = replace(served.me, keys=served.slot.parties.keys[LOST])
    assert served.check(served.signed(served.value()))


def test_a_new_holder_may_see_the_head_and_no_shards(served: Served) -> None:
    served.slot.give_to(served.asker.id)
    assert not served.check(served.signed(served.value()))


def test_shown_suspicions_open_the_shards_before_the_verdict(served: Served) -> None:
    served.slot.leave(LOST, Listing.ACTIVE)
    with pytest.raises(ProtocolError, match="not open"):
        served.check(served.signed(served.value()))
    shown = (served.slot.missed(LOST),)
    assert served.check(served.signed(served.value(suspicions=shown)))
    forged = (replace(shown[0], witnesses=shown[0].witnesses[1:]),)
    with pytest.raises(ProtocolError, match="not open"):
        served.check(served.signed(served.value(suspicions=forged)))


@pytest.mark.parametrize(
    "changes",
    [
        {"sibling": bytes(32)},
        {"epoch": EPOCH - 1},
        {"epoch": EPOCH + 1},
        {"deal": bytes(32)},
        {"index": 2},
        {"index": 200},
        {"candidate": bytes(32)},
    ],
)
def test_a_request_for_anything_else_is_refused(
    served: Served, changes: dict[str, object]
) -> None:
    with pytest.raises(ProtocolError):
        served.check(served.signed(served.value(**changes)))


def test_a_request_that_another_signed_is_refused(served: Served) -> None:
    with pytest.raises(ProtocolError):
        served.check(served.signed(served.value(), served.slot.parties.keys[0]))


def test_a_candidate_of_a_later_rank_is_refused_until_its_turn(served: Served) -> None:
    served.asker = served.slot.candidate(2)
    with pytest.raises(ProtocolError, match="another candidate's turn"):
        served.check(served.signed(served.value()))
    served.slot.parties.reach(EPOCH + 2)
    served.now, served.deadline = (
        served.slot.at(0.6, EPOCH + 2),
        served.slot.at(0.5, EPOCH + 2),
    )
    assert served.check(served.signed(served.value(epoch=EPOCH + 2)))


def test_nothing_is_served_before_the_answers_are_due(served: Served) -> None:
    signed = served.signed(served.value())
    for now, deadline in ((served.slot.at(0.4), served.deadline), (served.now, 0.0)):
        with pytest.raises(ProtocolError):
            check_takeover(served.me, served.turns, signed, now, deadline)


def test_a_vault_that_holds_nothing_of_the_deal_serves_nothing(served: Served) -> None:
    stranger = next(k for k in served.slot.parties.keys[4:] if k != served.asker.keys)
    served.me = replace(served.me, keys=stranger)
    with pytest.raises(ProtocolError, match="no holder"):
        served.check(served.signed(served.value()))


def test_a_stake_is_free_once_others_took_all_slots_and_time_has_passed(
    slot: Slot,
) -> None:
    keys, taken = slot.parties.keys[LOST], EPOCH + 3
    me = replace(slot.parties.me, keys=keys)
    machine, unbonding = Leaving(me), me.params.unbonding_epochs
    slot.leave(LOST, Listing.UNBONDING)
    told = only(machine.step(slot.at(0.6)), fx.Log)
    assert (told.fields["deals_left"], machine.free_epoch()) == (
        1,
        slot.deal.end_epoch + unbonding,
    )
    slot.give_to(slot.candidate().id)
    row = row_of(
        keys,
        LOST,
        listing=Listing.UNBONDING,
        left_epoch=EPOCH,
        released_epoch=taken,
    )
    slot.ledger.absorb(LedgerNews(0, -1, vaults=(row,)))
    assert machine.free_epoch() == taken + unbonding
    slot.parties.reach(taken + unbonding)
    before = machine.step(slot.at(0.6, taken + unbonding - 1))
    assert of_kind(before, fx.Submit) == []
    order = only(machine.step(slot.at(0.1, taken + unbonding)), fx.Submit)
    assert order.operation == Withdraw(me.id)
