"""Our own checkpoints: signed once, offered, acknowledged, standing or lapsed."""

from collections.abc import Iterator

import pytest

from audit_parties import Parties, of_kind, only
from holdfast.protocol.checkpoint import CheckpointError, Entries, check_standing
from holdfast.protocol.units import VaultId
from holdfast.vault.core import effects as fx
from holdfast.vault.core.checkpointing import TRANSITIONS, Checkpointing, Stage
from holdfast.vault.core.events import EntriesTaken
from holdfast.vault.core.messages import (
    Acknowledged,
    AskLastCheckpoint,
    BaseUnknown,
    LastCheckpoint,
    OfferCheckpoint,
)
from holdfast.vault.core.refusals import Refusal
from holdfast.vault.core.saved import CheckpointSigned, CheckpointStands, Restored
from simulation.fake_data import FakeDeal
from simulation.world import sim_params

EPOCH = 6
LATE = 0.85


@pytest.fixture
def parties() -> Parties:
    made = Parties(10)
    made.reach(EPOCH - 1)
    return made


@pytest.fixture
def fake(parties: Parties) -> FakeDeal:
    return parties.deal(1, [0, 1, 2, 3])


def taken(fake: FakeDeal, now: float) -> EntriesTaken:
    assert fake.head
    return EntriesTaken(now, EPOCH, Entries((fake.entry(0),)), (fake.head,))


def recollected(machine: Checkpointing, effects: list[fx.Effect]) -> None:
    """Let all neighbours say that they remember nothing."""
    for call in of_kind(effects, fx.Call):
        if isinstance(call.request, AskLastCheckpoint):
            assert not isinstance(call.peer, int)
            machine.recollection.remembered(call.peer, LastCheckpoint(None))


def offering(
    parties: Parties, fake: FakeDeal, restored: Restored | None = None
) -> tuple[Checkpointing, list[fx.Effect]]:
    machine = Checkpointing(parties.me, restored or Restored())
    recollected(machine, machine.step(parties.at(EPOCH - 1, 0.1)))
    assert (
        only(machine.step(parties.at(EPOCH - 1, LATE)), fx.TakeEntries).epoch == EPOCH
    )
    return machine, machine.take(taken(fake, parties.at(EPOCH - 1, LATE)))


def offers(effects: list[fx.Effect]) -> Iterator[tuple[VaultId, OfferCheckpoint]]:
    for call in of_kind(effects, fx.Call):
        assert isinstance(call.request, OfferCheckpoint)
        assert not isinstance(call.peer, int)
        yield call.peer, call.request


def test_a_checkpoint_is_saved_before_it_is_offered_to_every_neighbour(
    parties: Parties, fake: FakeDeal
) -> None:
    _, effects = offering(parties, fake)
    assert isinstance(effects[0], fx.Save)
    assert isinstance(effects[0].saved, CheckpointSigned)
    made = dict(offers(effects))
    assert set(made) == set(parties.ledger.group(parties.me.id, EPOCH))
    for offer in made.values():
        assert offer.base is None
        assert offer.changed.items == (fake.entry(0),)
        assert offer.heads == (fake.head,)


def test_in_a_long_epoch_an_offer_may_be_long_on_its_way() -> None:
    parties = Parties(10, sim_params(epoch_seconds=3600))
    parties.reach(EPOCH - 1)
    _, effects = offering(parties, parties.deal(1, [0, 1, 2, 3]))
    left = parties.at(EPOCH, 0) - parties.at(EPOCH - 1, LATE)
    seconds = {call.seconds for call in of_kind(effects, fx.Call)}
    assert list(seconds) == [pytest.approx(left / 2)]
    assert left / 2 > 250, "megabytes take longer than what is small may take"


def test_neighbours_with_one_base_are_shown_one_offer(
    parties: Parties, fake: FakeDeal
) -> None:
    machine, effects = offering(parties, fake)
    shown = [offer for _, offer in offers(effects)]
    assert len(shown) > 1
    assert all(offer is shown[0] for offer in shown)
    again = machine.offer_for(parties.ledger.group(parties.me.id, EPOCH)[0])
    assert again is shown[0]


def test_it_is_not_begun_before_the_last_quarter(parties: Parties) -> None:
    machine = Checkpointing(parties.me, Restored())
    recollected(machine, machine.step(parties.at(EPOCH - 1, 0.1)))
    effects = machine.step(parties.at(EPOCH - 1, 0.74))
    assert not of_kind(effects, fx.TakeEntries)
    wake = only(effects, fx.WakeAt).seconds
    assert parties.at(EPOCH - 1, 0.75) <= wake <= parties.at(EPOCH - 1, 0.8125)
    assert machine.stage is Stage.WAITING


def test_it_stands_as_soon_as_a_majority_acknowledged(
    parties: Parties, fake: FakeDeal
) -> None:
    machine, effects = offering(parties, fake)
    now = parties.at(EPOCH - 1, 0.95)
    made = list(offers(effects))
    for count, (peer, offer) in enumerate(made, start=1):
        signature = parties.acknowledgement(peer, offer.checkpoint.value)
        told = machine.acknowledged(now, peer, offer, Acknowledged(signature))
        if count == 5:
            stands = only(told, fx.Save).saved
            assert isinstance(stands, CheckpointStands)
            group = parties.ledger.group(parties.me.id, EPOCH)
            identities = parties.ledger.identities()
            check_standing(
                stands.standing, parties.params.network_id, group, identities
            )
        else:
            assert not of_kind(told, fx.Save)
    stood = machine.standing_for(EPOCH)
    assert stood
    assert stood.epoch == EPOCH
    assert machine.standing_for(EPOCH - 1) is None


def test_wrong_and_late_acknowledgements_do_not_count(
    parties: Parties, fake: FakeDeal
) -> None:
    machine, effects = offering(parties, fake)
    made = list(offers(effects))
    for peer, offer in made[:4]:
        wrong = parties.acknowledgement(made[-1][0], offer.checkpoint.value)
        now = parties.at(EPOCH - 1, 0.95)
        machine.acknowledged(now, peer, offer, Acknowledged(wrong))
    for peer, offer in made[4:]:
        good = parties.acknowledgement(peer, offer.checkpoint.value)
        machine.acknowledged(parties.at(EPOCH), peer, offer, Acknowledged(good))
    assert machine.standing_for(EPOCH) is None
    (log,) = of_kind(machine.step(parties.at(EPOCH)), fx.Log)
    assert "too few acknowledgements" in log.message
    assert log.fields["acknowledgements"] == 0


def test_the_next_offer_has_only_what_changed_and_all_where_the_base_is_unknown(
    parties: Parties, fake: FakeDeal
) -> None:
    machine, effects = offering(parties, fake)
    for peer, offer in offers(effects):
        good = parties.acknowledgement(peer, offer.checkpoint.value)
        now = parties.at(EPOCH - 1, 0.95)
        machine.acknowledged(now, peer, offer, Acknowledged(good))
    old = machine.standing_for(EPOCH)
    assert old
    parties.reach(EPOCH)
    second = parties.deal(2, [0, 4, 5, 6])
    now = parties.at(EPOCH, LATE)
    assert only(machine.step(now), fx.TakeEntries).epoch == EPOCH + 1
    entries = Entries(
        tuple(sorted((fake.entry(0), second.entry(0)), key=lambda e: e.deal))
    )
    assert fake.head
    assert second.head
    told = machine.take(EntriesTaken(now, EPOCH + 1, entries, (fake.head, second.head)))
    known = set(parties.ledger.group(parties.me.id, EPOCH))
    for peer, offer in offers(told):
        whole = peer not in known
        assert offer.base == (None if whole else old.declared.root)
        assert len(offer.changed.items) == (2 if whole else 1)
        if not whole:
            (again,) = [
                request
                for asked, request in offers(
                    machine.acknowledged(now, peer, offer, BaseUnknown())
                )
                if asked == peer
            ]
            assert again.base is None
            assert again.changed == entries


def test_after_a_restart_the_same_checkpoint_is_offered_again(
    parties: Parties, fake: FakeDeal
) -> None:
    _, effects = offering(parties, fake)
    saved = only(effects, fx.Save).saved
    assert isinstance(saved, CheckpointSigned)
    machine = Checkpointing(parties.me, Restored(signed=saved))
    now = parties.at(EPOCH - 1, 0.95)
    recollected(machine, machine.step(now))
    told = machine.step(now)
    assert not of_kind(told, fx.TakeEntries)
    assert {offer.checkpoint for _, offer in offers(told)} == {saved.checkpoint}


def test_a_silent_neighbourhood_holds_nothing_up_for_long(parties: Parties) -> None:
    machine = Checkpointing(parties.me, Restored())
    now = parties.at(EPOCH - 1, LATE)
    wake = only(machine.step(now), fx.WakeAt).seconds
    assert wake == now + parties.params.epoch_seconds / 8
    # Time is not up before the epoch begins; the next one is begun at once.
    parties.reach(EPOCH)
    later = machine.step(parties.at(EPOCH, LATE))
    assert only(later, fx.TakeEntries).epoch == EPOCH + 1


def test_what_neighbours_remember_keeps_an_old_disk_from_signing_twice(
    parties: Parties, fake: FakeDeal
) -> None:
    _, effects = offering(parties, fake)
    saved = only(effects, fx.Save).saved
    assert isinstance(saved, CheckpointSigned)
    machine = Checkpointing(parties.me, Restored())
    now = parties.at(EPOCH - 1, 0.85)
    asked = [call.peer for call in of_kind(machine.step(now), fx.Call)]
    stranger = parties.checkpoint(parties.keys[1], EPOCH, Entries(()))
    forged = parties.checkpoint(parties.keys[1], EPOCH + 9, Entries(()))
    for peer in asked:
        assert not isinstance(peer, int)
        reply = saved.checkpoint if peer == asked[-1] else stranger
        machine.recollection.remembered(peer, LastCheckpoint(reply))
        machine.recollection.remembered(peer, LastCheckpoint(forged))
    assert machine.last_signed_epoch == EPOCH
    told = machine.step(now)
    assert not of_kind(told, fx.TakeEntries)
    assert "newer checkpoint" in only(told, fx.Log).message
    assert machine.step(now) == []


def test_refusals_for_good_are_told_and_passing_ones_are_tried_again(
    parties: Parties, fake: FakeDeal
) -> None:
    machine, effects = offering(parties, fake)
    now = parties.at(EPOCH - 1, 0.92)
    (first, offer), (second, _), (third, _), *_ = offers(effects)
    assert of_kind(machine.refused(now, first, offer, Refusal.DENIED, "no"), fx.Log)
    for peer, kind in ((second, Refusal.UNREADY), (third, None)):
        wake = only(machine.refused(now, peer, offer, kind, "later"), fx.WakeAt)
        assert wake.seconds > now
    again = {peer for peer, _ in offers(machine.step(wake.seconds))}
    assert {second, third} <= again
    assert first not in again


def test_lost_acknowledgements_are_repeated_for_a_quarter_of_the_epoch(
    parties: Parties, fake: FakeDeal
) -> None:
    machine, effects = offering(parties, fake)
    given = list(offers(effects))
    for peer, offer in given[:3]:
        good = parties.acknowledgement(peer, offer.checkpoint.value)
        now = parties.at(EPOCH - 1, 0.95)
        machine.acknowledged(now, peer, offer, Acknowledged(good))
    parties.reach(EPOCH)
    again = dict(offers(machine.step(parties.at(EPOCH, 0.01))))
    assert {peer for peer, _ in given[3:]} <= set(again)
    assert machine.may_still_stand(EPOCH, parties.at(EPOCH, 0.01))
    assert not machine.may_still_stand(EPOCH, parties.at(EPOCH, 0.25))
    for peer, _ in given[3:5]:
        offer = again[peer]
        assert offer.changed.items == ()
        good = parties.acknowledgement(peer, offer.checkpoint.value)
        told = machine.acknowledged(
            parties.at(EPOCH, 0.05), peer, offer, Acknowledged(good)
        )
    assert isinstance(only(told, fx.Save).saved, CheckpointStands)
    stood = machine.standing_for(EPOCH)
    assert stood
    assert stood.epoch == EPOCH


def test_the_last_chance_ends_as_soon_as_no_majority_can_have_acknowledged(
    parties: Parties, fake: FakeDeal
) -> None:
    machine, effects = offering(parties, fake)
    del effects
    parties.reach(EPOCH)
    now = parties.at(EPOCH, 0.01)
    again = dict(offers(machine.step(now)))
    for peer in list(again)[:4]:
        assert machine.may_still_stand(EPOCH, now)
        machine.refused(now, peer, again[peer], Refusal.UNTIMELY, "too late")
    assert not machine.may_still_stand(EPOCH, now)


def refuse(machine: Checkpointing, parties: Parties, effects: list[fx.Effect]) -> None:
    """Let a quarter of the group refuse for good, early on."""
    asked, now = dict(offers(effects)), parties.at(EPOCH - 1, 0.8)
    for peer in list(asked)[:2]:
        machine.refused(now, peer, asked[peer], Refusal.DENIED, "no")


def test_neighbours_that_are_only_slow_are_waited_for(
    parties: Parties, fake: FakeDeal
) -> None:
    machine, effects = offering(parties, fake)
    now = parties.at(EPOCH - 1, 0.88)
    group = set(parties.ledger.group(parties.me.id, EPOCH))
    assert set(dict(offers(machine.step(now)))) <= group
    asked = dict(offers(effects))
    late = machine.refused(now, *next(iter(asked.items())), Refusal.DENIED, "no")
    assert not list(offers(late))


def test_stand_ins_are_asked_when_refusals_leave_no_majority_for_half_of_the_time(
    parties: Parties, fake: FakeDeal
) -> None:
    machine, effects = offering(parties, fake)
    refuse(machine, parties, effects)
    ledger, me = parties.ledger, parties.me.id
    drawn = ledger.stand_ins(me, EPOCH, for_answer=False)
    others = set(drawn) - set(ledger.group(me, EPOCH))
    assert others
    assert not dict(offers(machine.step(parties.at(EPOCH - 1, 0.87))))
    now = parties.at(EPOCH - 1, 0.88)
    asked = dict(offers(machine.step(now)))
    assert set(asked) == others


def test_a_majority_of_the_stand_ins_is_as_good_as_one_of_the_group() -> None:
    # Twenty vaults: eight neighbours, and sixteen stand-ins beyond most of them.
    parties = Parties(20)
    parties.reach(EPOCH - 1)
    machine, effects = offering(parties, parties.deal(1, [0, 1, 2, 3]))
    refuse(machine, parties, effects)
    ledger, me = parties.ledger, parties.me.id
    group = ledger.group(me, EPOCH)
    drawn = ledger.stand_ins(me, EPOCH, for_answer=False)
    now = parties.at(EPOCH - 1, 0.88)
    asked = dict(offers(machine.step(now)))
    saves = []
    for peer in [vault for vault in drawn if vault not in group]:
        offer = asked[peer]
        good = parties.acknowledgement(peer, offer.checkpoint.value)
        told = machine.acknowledged(now, peer, offer, Acknowledged(good))
        saves += of_kind(told, fx.Save)
    (stands,) = [save.saved for save in saves]
    assert isinstance(stands, CheckpointStands)
    network, keys = parties.params.network_id, ledger.identities()
    check_standing(stands.standing, network, group, keys, drawn)
    with pytest.raises(CheckpointError):
        check_standing(stands.standing, network, group, keys)


def test_stages_only_follow_their_table() -> None:
    assert set(TRANSITIONS) == set(Stage)
    assert Stage.STANDING not in TRANSITIONS[Stage.WAITING]
    assert Stage.TAKING not in TRANSITIONS[Stage.STANDING]
