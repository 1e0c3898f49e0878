"""Rebuilding: when a holder asks its siblings, and when a sibling serves it."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from audit_parties import Parties, only
from holdfast.protocol.answer import EntryProof
from holdfast.protocol.checkpoint import Entries
from holdfast.protocol.errors import ProtocolError
from holdfast.protocol.keys import NodeKeys
from holdfast.protocol.repair import (
    SIBLING_REQUEST,
    SiblingRequest,
    SignedSiblingRequest,
)
from holdfast.vault.core import effects as fx
from holdfast.vault.core.answering import Answering
from holdfast.vault.core.checkpointing import STANDING_EPOCHS_MAX, Checkpointing
from holdfast.vault.core.declared import Declared, Stood
from holdfast.vault.core.events import MissingRebuilt
from holdfast.vault.core.rebuilding import Rebuilding
from holdfast.vault.core.saved import Restored
from holdfast.vault.core.sibling_check import check_sibling

EPOCH = 6


class Siblings:
    """Vault 0 lacks the chunk of its deal and asks vault 1."""

    def __init__(self) -> None:
        self.parties = Parties(10)
        self.parties.reach(EPOCH)
        self.fake = self.parties.deal(1, [0, 1, 2, 3])
        self.entries = Entries((self.fake.entry(0, [self.fake.chunks[0].id]),))
        assert self.fake.head
        heads = {self.fake.deal.id: self.fake.head}
        self.declared = Declared(self.entries, heads)
        asker = self.parties.keys[0]
        self.signed = self.parties.checkpoint(asker, EPOCH, self.entries)
        self.standing = self.parties.standing(self.signed)
        self.restored = Restored(stood=(Stood(self.standing, self.declared),))
        self.sibling = replace(self.parties.me, keys=self.parties.keys[1])
        self.deadline = self.parties.at(EPOCH, 0.5)
        self.now = self.parties.at(EPOCH, 0.6)

    def request(self, **changes: object) -> SiblingRequest:
        assert self.fake.head
        proof = EntryProof(self.entries.items[0], 0, (), self.fake.head)
        request = SiblingRequest(self.sibling.id, EPOCH, self.standing, proof)
        return replace(request, **changes)  # type: ignore[arg-type]

    def signed_by(
        self, request: SiblingRequest, keys: NodeKeys | None = None
    ) -> SignedSiblingRequest:
        pair = (keys or self.parties.keys[0]).identity
        return SIBLING_REQUEST.sign(request, self.parties.params.network_id, pair)


@pytest.fixture
def siblings() -> Siblings:
    return Siblings()


def test_a_declared_loss_may_be_fetched_after_the_deadline(siblings: Siblings) -> None:
    signed = siblings.signed_by(siblings.request())
    found = check_sibling(siblings.sibling, signed, siblings.now, siblings.deadline)
    assert found == siblings.entries.items[0]


@pytest.mark.parametrize(("now", "deadline"), [(0.4, 0.5), (0.6, 0.0), (1.1, 0.5)])
def test_nothing_is_served_before_answers_are_due_or_in_another_epoch(
    siblings: Siblings, now: float, deadline: float
) -> None:
    signed = siblings.signed_by(siblings.request())
    due = siblings.parties.at(EPOCH, deadline) if deadline else 0.0
    with pytest.raises(ProtocolError):
        check_sibling(siblings.sibling, signed, siblings.parties.at(EPOCH, now), due)


def wrong_sibling(one: Siblings) -> SignedSiblingRequest:
    other = one.parties.keys[2].vault_id
    return one.signed_by(one.request(sibling=other))


def wrong_epoch(one: Siblings) -> SignedSiblingRequest:
    return one.signed_by(one.request(epoch=EPOCH - 1))


def wrong_signer(one: Siblings) -> SignedSiblingRequest:
    return one.signed_by(one.request(), one.parties.keys[4])


def no_majority(one: Siblings) -> SignedSiblingRequest:
    thin = replace(one.standing, acknowledgements=one.standing.acknowledgements[:4])
    return one.signed_by(one.request(standing=thin))


def undeclared_entry(one: Siblings) -> SignedSiblingRequest:
    proof = one.request().entry
    other = replace(proof, entry=replace(proof.entry, missing=((0, 1),)))
    return one.signed_by(one.request(entry=other))


def too_old(one: Siblings) -> SignedSiblingRequest:
    one.parties.reach(EPOCH + STANDING_EPOCHS_MAX + 1)
    epoch = EPOCH + STANDING_EPOCHS_MAX + 1
    one.now, one.deadline = one.parties.at(epoch, 0.6), one.parties.at(epoch, 0.5)
    return one.signed_by(one.request(epoch=epoch))


def a_deal_of_others(one: Siblings) -> SignedSiblingRequest:
    one.sibling = replace(one.sibling, keys=one.parties.keys[5])
    return one.signed_by(one.request(sibling=one.sibling.id))


@pytest.mark.parametrize(
    "make",
    [
        wrong_sibling,
        wrong_epoch,
        wrong_signer,
        no_majority,
        undeclared_entry,
        too_old,
        a_deal_of_others,
    ],
)
def test_authority_that_does_not_hold_gets_nothing(
    siblings: Siblings, make: Callable[[Siblings], SignedSiblingRequest]
) -> None:
    signed = make(siblings)
    with pytest.raises(ProtocolError):
        check_sibling(siblings.sibling, signed, siblings.now, siblings.deadline)


def test_what_is_missing_is_asked_for_once_an_epoch_after_the_deadline(
    siblings: Siblings,
) -> None:
    me = siblings.parties.me
    checkpoints = Checkpointing(me, siblings.restored)
    answering = Answering(me, checkpoints, siblings.restored)
    machine = Rebuilding(me, answering)
    answering.step(siblings.parties.at(EPOCH, 0.01))
    early = machine.step(siblings.parties.at(EPOCH, 0.3))
    begin = only(early, fx.WakeAt).seconds
    assert begin > answering.deadline_seconds
    order = only(machine.step(begin), fx.RebuildMissing)
    assert order.entry == siblings.entries.items[0]
    others = {holder.vault for holder in siblings.fake.deal.holders} - {me.id}
    assert set(order.requests) == others
    signed = order.requests[siblings.sibling.id]
    assert check_sibling(siblings.sibling, signed, begin, siblings.deadline)
    assert machine.step(begin + 1) == []
    told = machine.rebuilt(MissingRebuilt(begin + 2, order.deal.id, 1))
    assert "rebuilt" in only(told, fx.Log).message
    assert machine.step(begin + 3) == []


def test_nothing_is_asked_for_when_nothing_is_missing(siblings: Siblings) -> None:
    whole = Entries((siblings.fake.entry(0),))
    parties = siblings.parties
    signed = parties.checkpoint(parties.keys[0], EPOCH, whole)
    heads = siblings.declared.heads
    stood = Stood(parties.standing(signed), Declared(whole, heads))
    restored = Restored(stood=(stood,))
    answering = Answering(parties.me, Checkpointing(parties.me, restored), restored)
    answering.step(parties.at(EPOCH, 0.01))
    machine = Rebuilding(parties.me, answering)
    assert machine.step(parties.at(EPOCH, 0.9)) == []
