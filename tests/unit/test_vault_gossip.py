"""Records spread: the newest wins, forgeries and floods do not."""

from dataclasses import replace

from audit_parties import NOBODY, Parties, keys_of, of_kind, only
from holdfast.protocol.keys import NodeKeys
from holdfast.protocol.record import VAULT_RECORD, SignedRecord, VaultRecord
from holdfast.vault.core import effects as fx
from holdfast.vault.core.gossip import STRANGERS_MAX, Gossiping
from holdfast.vault.core.messages import Gossip, GossipReply
from holdfast.vault.core.saved import RecordKnown, Restored

NOISE = b"\x42" * 32


def record_of(parties: Parties, keys: NodeKeys, sequence: int = 1) -> SignedRecord:
    value = VaultRecord(
        keys.identity.public,
        bytes(32),
        bytes(48),
        NOBODY,
        (f"10.0.0.1:{sequence}",),
        b"",
        1,
        1,
        sequence,
    )
    return VAULT_RECORD.sign(value, parties.params.network_id, keys.identity)


def machine_of(parties: Parties, seeds: int = 0) -> Gossiping:
    machine = Gossiping(parties.me, seeds, Restored())
    machine.publish(record_of(parties, parties.keys[0]), 0.0)
    return machine


def push(machine: Gossiping, *records: SignedRecord) -> list[fx.Effect]:
    return machine.asked(1, Gossip((), records, push_only=True), 0.0)


def test_the_highest_sequence_wins_and_is_saved() -> None:
    parties = Parties(3)
    machine, keys = machine_of(parties), parties.keys[1]
    for sequence, newest in ((3, 3), (2, 3), (3, 3), (5, 5)):
        effects = push(machine, record_of(parties, keys, sequence))
        known = machine.record(keys.vault_id)
        assert known
        assert known.sequence == newest
    assert only(effects, fx.Save).saved == RecordKnown(record_of(parties, keys, 5))


def test_a_forged_record_is_not_taken() -> None:
    parties = Parties(3)
    machine = machine_of(parties)
    good = record_of(parties, parties.keys[1])
    forged = replace(good, value=replace(good.value, sequence=9))
    assert not of_kind(push(machine, forged), fx.Save)
    elsewhere = VAULT_RECORD.sign(
        good.value, Parties(3).params.network_id, parties.keys[2].identity
    )
    assert not of_kind(push(machine, elsewhere), fx.Save)


def test_strangers_to_the_registry_have_little_room() -> None:
    parties = Parties(2)
    machine = machine_of(parties)
    records = [
        record_of(parties, keys_of(number))
        for number in range(100, 100 + STRANGERS_MAX + 20)
    ]
    push(machine, *records)
    assert len(machine.records()) == 1 + STRANGERS_MAX
    push(machine, record_of(parties, parties.keys[1]))
    assert machine.record(parties.keys[1].vault_id)


def test_a_round_tells_each_side_what_it_lacks() -> None:
    parties = Parties(4)
    ours, theirs = machine_of(parties), machine_of(parties)
    push(ours, record_of(parties, parties.keys[1], 5))
    push(ours, record_of(parties, parties.keys[2], 1))
    push(theirs, record_of(parties, parties.keys[2], 4))
    push(theirs, record_of(parties, parties.keys[3], 1))
    request = next(
        call.request
        for call in of_kind(ours.step(10.0, NOISE), fx.Call)
        if isinstance(call.request, Gossip)
    )
    reply = only(theirs.asked(1, request, 10.0), fx.Reply).reply
    assert isinstance(reply, GossipReply)
    assert reply.wanted == (parties.keys[1].vault_id,)
    sent = {record.value.vault for record in reply.records}
    assert sent == {parties.keys[2].vault_id, parties.keys[3].vault_id}
    back = only(ours.replied(parties.keys[3].vault_id, reply, 10.0), fx.Call).request
    assert isinstance(back, Gossip)
    theirs.asked(2, back, 10.0)
    everybody = {keys.vault_id for keys in parties.keys}
    for machine in (ours, theirs):
        assert {record.value.vault for record in machine.records()} == everybody


def test_a_caller_without_digests_is_told_everything() -> None:
    parties = Parties(4)
    machine = machine_of(parties)
    push(machine, *(record_of(parties, keys) for keys in parties.keys[1:]))
    reply = only(machine.asked(1, Gossip(()), 0.0), fx.Reply).reply
    assert isinstance(reply, GossipReply)
    assert len(reply.records) == 4


def test_seeds_are_asked_while_nobody_is_known_and_rounds_calm_down() -> None:
    parties = Parties(4)
    machine = machine_of(parties, seeds=2)
    effects, rounds, now = machine.step(1.0, NOISE), 0, 1.0
    assert only(effects, fx.Call).peer in {0, 1}
    while now < 600:
        rounds += bool(of_kind(effects, fx.Call))
        now = only(effects, fx.WakeAt).seconds
        effects = machine.step(now, NOISE)
    assert rounds <= 600 / 60 + 10


def test_nobody_else_speaks_for_us_but_what_was_said_is_remembered() -> None:
    parties = Parties(2)
    machine = machine_of(parties)
    push(machine, record_of(parties, parties.keys[0], 77))
    ours = machine.record(parties.me.id)
    assert ours
    assert ours.sequence == 1
    assert machine.own_sequence_seen == 77
