"""What a neighbour acknowledges, and every reason why it does not."""

from dataclasses import replace

import pytest

from audit_parties import Parties, of_kind, only, row_of
from holdfast.ledger.core.followed import LedgerNews
from holdfast.ledger.core.values import Listing
from holdfast.protocol.checkpoint import Entries, Entry
from holdfast.protocol.keys import NodeKeys
from holdfast.protocol.manifest import NO_HEAD
from holdfast.protocol.receipt import RECEIPT, FullReceipt, Receipt
from holdfast.protocol.sums import EMPTY_ROOT
from holdfast.protocol.units import DealId, Digest
from holdfast.vault.core import effects as fx
from holdfast.vault.core.events import Asked, DealsFound
from holdfast.vault.core.messages import (
    Acknowledged,
    AskLastCheckpoint,
    BaseUnknown,
    LastCheckpoint,
    Noted,
    OfferCheckpoint,
    ShowReceipt,
)
from holdfast.vault.core.refusals import Refusal
from holdfast.vault.core.saved import AcknowledgementGiven, CertificateKept, Restored
from holdfast.vault.core.watching import Watching
from simulation.fake_data import FakeDeal

EPOCH = 6


class Neighbour:
    """A watching machine, one vault that it watches, and one deal of that vault."""

    def __init__(self) -> None:
        self.parties = Parties(6)
        self.parties.reach(EPOCH - 1)
        self.fake = self.parties.deal(1, [1, 2, 3, 4])
        self.watched = self.parties.keys[1]
        self.machine = Watching(self.parties.me, Restored())
        self.now = self.parties.at(EPOCH - 1, 0.9)
        self.tokens = 0

    def entries(self, *more: Entry) -> Entries:
        items = sorted((self.fake.entry(0), *more), key=lambda entry: entry.deal)
        return Entries(tuple(items))

    def offer(
        self, entries: Entries, epoch: int = EPOCH, keys: NodeKeys | None = None
    ) -> OfferCheckpoint:
        signed = self.parties.checkpoint(keys or self.watched, epoch, entries)
        assert self.fake.head
        return OfferCheckpoint(signed, None, entries, (), (self.fake.head,))

    def ask(self, offer: OfferCheckpoint, now: float | None = None) -> list[fx.Effect]:
        self.tokens += 1
        when = self.now if now is None else now
        return self.machine.asked(Asked(when, self.tokens, offer))

    def refusal(self, offer: OfferCheckpoint, now: float | None = None) -> fx.Refuse:
        return only(self.ask(offer, now), fx.Refuse)


@pytest.fixture
def one() -> Neighbour:
    return Neighbour()


def empty_entry(fake: FakeDeal, index: int) -> Entry:
    root = Digest(EMPTY_ROOT.hash)
    return Entry(fake.deal.id, index, NO_HEAD, 0, root, 0, 0)


def test_a_good_checkpoint_is_saved_then_acknowledged(one: Neighbour) -> None:
    offer = one.offer(one.entries())
    effects = one.ask(offer)
    save, reply = effects
    assert isinstance(save, fx.Save)
    assert isinstance(save.saved, AcknowledgementGiven)
    assert isinstance(reply, fx.Reply)
    expected = one.parties.acknowledgement(one.parties.me.id, offer.checkpoint.value)
    assert reply.reply == Acknowledged(expected)


def test_the_same_offer_gets_the_same_bytes_and_another_one_nothing(
    one: Neighbour,
) -> None:
    first = only(one.ask(one.offer(one.entries())), fx.Reply)
    again = one.ask(one.offer(one.entries()))
    assert [effect.reply for effect in of_kind(again, fx.Reply)] == [first.reply]
    assert not of_kind(again, fx.Save)
    other = Entries((replace(one.fake.entry(0), missing=((0, 1),)),))
    assert one.refusal(one.offer(other)).kind is Refusal.DENIED


def test_it_remembers_its_acknowledgement_after_a_restart(one: Neighbour) -> None:
    saved = only(one.ask(one.offer(one.entries())), fx.Save).saved
    assert isinstance(saved, AcknowledgementGiven)
    one.machine = Watching(one.parties.me, Restored(acknowledged=(saved,)))
    other = Entries((replace(one.fake.entry(0), missing=((0, 1),)),))
    assert one.refusal(one.offer(other)).kind is Refusal.DENIED
    assert of_kind(one.ask(one.offer(one.entries())), fx.Reply)
    asked = one.machine.asked(
        Asked(one.now, 9, AskLastCheckpoint(one.watched.vault_id))
    )
    assert only(asked, fx.Reply).reply == LastCheckpoint(saved.checkpoint)


@pytest.mark.parametrize(
    ("part", "kind"), [(-0.6, Refusal.UNTIMELY), (0.0, Refusal.UNTIMELY)]
)
def test_too_early_and_too_late_are_refused(
    one: Neighbour, part: float, kind: Refusal
) -> None:
    now = one.parties.at(EPOCH, part)
    assert one.refusal(one.offer(one.entries()), now).kind is kind


def test_a_forged_signature_is_refused(one: Neighbour) -> None:
    offer = one.offer(one.entries())
    forged = replace(offer.checkpoint, signature=bytes(64))
    assert one.refusal(replace(offer, checkpoint=forged)).kind is Refusal.DENIED


def test_who_is_not_registered_or_not_our_neighbour_is_refused(one: Neighbour) -> None:
    stranger = one.offer(one.entries(), keys=NodeKeys(b"\x77" * 32))
    assert one.refusal(stranger).kind is Refusal.UNKNOWN
    ours = one.offer(Entries(()), keys=one.parties.keys[0])
    assert one.refusal(ours).kind is Refusal.DENIED


def test_entries_must_make_the_root(one: Neighbour) -> None:
    offer = one.offer(one.entries())
    lying = replace(offer, changed=Entries(()))
    assert one.refusal(lying).kind is Refusal.INVALID


@pytest.mark.parametrize(
    "change",
    [
        {"index": 1},
        {"index": 200},
        {"sequence": 2},
        {"held_bytes": 1},
        {"count": 9},
        {"root": Digest(bytes(32))},
        {"head": Digest(bytes(32))},
        {"sequence": 0},
    ],
)
def test_an_entry_that_does_not_follow_ledger_and_head_is_refused(
    one: Neighbour, change: dict[str, int]
) -> None:
    entries = Entries((replace(one.fake.entry(0), **change),))  # type: ignore[arg-type]
    assert one.refusal(one.offer(entries)).kind is Refusal.DENIED


def test_a_deal_may_not_be_left_out_once_two_epochs_have_passed(one: Neighbour) -> None:
    one.parties.deal(2, [1, 2, 3, 4], epoch=EPOCH - 1)  # still too young to be owed
    assert of_kind(one.ask(one.offer(one.entries())), fx.Reply)

    other = Neighbour()
    other.parties.deal(2, [1, 2, 3, 4], epoch=EPOCH - 2)
    refused = other.refusal(other.offer(other.entries()))
    assert refused.kind is Refusal.DENIED
    assert "no entry" in refused.reason


def test_an_ended_deal_may_be_left_out(one: Neighbour) -> None:
    old = one.parties.deal(3, [1, 2, 3, 4])
    ended = replace(old.deal, end_epoch=EPOCH)
    one.parties.ledger.absorb(LedgerNews(0, -1, deals=(ended,)))
    assert of_kind(one.ask(one.offer(one.entries())), fx.Reply)


def test_a_head_may_not_become_older(one: Neighbour) -> None:
    one.fake.grow(one.parties.params.network_id, [7])
    assert of_kind(one.ask(one.offer(one.entries())), fx.Reply)
    one.parties.reach(EPOCH)
    before = Neighbour().fake
    assert before.head
    entries = Entries((before.entry(0),))
    older = replace(one.offer(entries, EPOCH + 1), heads=(before.head,))
    refused = one.refusal(older, one.parties.at(EPOCH, 0.9))
    assert "older head" in refused.reason
    gone = one.offer(Entries((empty_entry(one.fake, 0),)), EPOCH + 1)
    assert "older head" in one.refusal(gone, one.parties.at(EPOCH, 0.9)).reason


def full_receipt(one: Neighbour, epoch: int) -> FullReceipt:
    head, network = one.fake.head, one.parties.params.network_id
    assert head
    value, holders = head.value, [one.parties.keys[i] for i in (1, 2, 3, 4)]
    receipts = tuple(
        RECEIPT.sign(
            Receipt(
                value.deal, value.sequence, value.digest(), i, keys.vault_id, epoch
            ),
            network,
            keys.identity,
        )
        for i, keys in enumerate(holders)
    )
    identities = tuple(keys.identity.public for keys in holders)
    return FullReceipt(head, one.fake.deal.deal_key, receipts, identities)


@pytest.mark.parametrize(
    ("epoch", "held_against"), [(EPOCH - 2, True), (EPOCH - 1, False)]
)
def test_no_checkpoint_falls_behind_a_full_receipt_that_was_shown(
    one: Neighbour, epoch: int, held_against: bool
) -> None:
    old = one.entries()
    old_offer = one.offer(old)
    one.fake.grow(one.parties.params.network_id, [8])
    shown = one.machine.asked(Asked(one.now, 99, ShowReceipt(full_receipt(one, epoch))))
    assert only(shown, fx.Reply).reply == Noted()
    effects = one.ask(old_offer)
    assert bool(of_kind(effects, fx.Refuse)) is held_against
    if held_against:
        assert "full receipt" in only(effects, fx.Refuse).reason


def test_a_receipt_that_is_not_full_changes_nothing(one: Neighbour) -> None:
    full = full_receipt(one, 1)
    partial = replace(full, receipts=full.receipts[:-1])
    shown = one.machine.asked(Asked(one.now, 99, ShowReceipt(partial)))
    assert only(shown, fx.Refuse).kind is Refusal.DENIED


def test_changes_need_a_base_that_is_known(one: Neighbour) -> None:
    offer = one.offer(one.entries())
    based = replace(offer, base=Digest(b"\x05" * 32))
    assert only(one.ask(based), fx.Reply).reply == BaseUnknown()
    only(one.ask(offer), fx.Save)
    one.parties.reach(EPOCH)
    second = one.parties.deal(2, [1, 2, 3, 4])
    both = one.entries(second.entry(0))
    signed = one.parties.checkpoint(one.watched, EPOCH + 1, both)
    assert second.head
    change = OfferCheckpoint(
        signed,
        offer.checkpoint.value.root,
        Entries((second.entry(0),)),
        (),
        (second.head,),
    )
    saved = only(one.ask(change, one.parties.at(EPOCH, 0.9)), fx.Save).saved
    assert isinstance(saved, AcknowledgementGiven)
    assert saved.entries == both


def test_an_unknown_deal_is_looked_up_once_and_then_judged(one: Neighbour) -> None:
    unknown = Entry(DealId(b"\x44" * 32), 0, NO_HEAD, 0, Digest(EMPTY_ROOT.hash), 0, 0)
    offer = one.offer(one.entries(unknown))
    assert only(one.ask(offer), fx.FindDeals).deals == (unknown.deal,)
    assert one.ask(offer) == []
    failed = one.machine.found(DealsFound(one.now, (unknown.deal,), None))
    assert [r.kind for r in of_kind(failed, fx.Refuse)] == [Refusal.UNREADY] * 2
    one.ask(offer)
    absent = one.machine.found(DealsFound(one.now, (unknown.deal,), ()))
    assert only(absent, fx.Refuse).kind is Refusal.UNKNOWN


def test_a_certificate_that_comes_along_is_kept(one: Neighbour) -> None:
    entries = one.entries()
    certificate = one.parties.certificate(one.watched, EPOCH - 1, entries)
    offer = replace(one.offer(entries), certificate=certificate)
    kept = [save.saved for save in of_kind(one.ask(offer), fx.Save)]
    assert CertificateKept(certificate) in kept
    other = Neighbour()
    foreign = other.parties.certificate(other.parties.keys[2], EPOCH - 1, entries)
    offer = replace(other.offer(entries), certificate=foreign)
    kept = [save.saved for save in of_kind(other.ask(offer), fx.Save)]
    assert CertificateKept(foreign) not in kept


def test_a_vault_that_unbonds_is_watched_until_it_has_withdrawn(one: Neighbour) -> None:
    row = row_of(one.watched, 1, listing=Listing.UNBONDING, left_epoch=0)
    gone = replace(row, listing=Listing.WITHDRAWN)
    one.parties.ledger.absorb(LedgerNews(0, -1, vaults=(gone,)))
    assert one.refusal(one.offer(one.entries())).kind is Refusal.UNREADY
    one.parties.ledger.absorb(LedgerNews(0, -1, vaults=(row,)))
    assert one.watched.vault_id not in one.parties.ledger.registry(EPOCH)
    assert of_kind(one.ask(one.offer(one.entries())), fx.Reply)


def test_more_bytes_than_the_deal_has_capacity_for_are_refused(one: Neighbour) -> None:
    assert one.fake.head
    small = replace(one.fake.deal, capacity=one.fake.head.value.held_bytes - 1)
    one.parties.ledger.absorb(LedgerNews(0, -1, deals=(small,)))
    refused = one.refusal(one.offer(one.entries()))
    assert refused.kind is Refusal.DENIED
    assert "capacity" in refused.reason
    exact = replace(small, capacity=small.capacity + 1)
    one.parties.ledger.absorb(LedgerNews(0, -1, deals=(exact,)))
    assert of_kind(one.ask(one.offer(one.entries())), fx.Reply)
