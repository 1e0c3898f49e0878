"""Open slots: who may take over which index of a deal, and when."""

import hashlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_parties import Parties, row_of
from holdfast.ledger.core import slots
from holdfast.ledger.core.followed import LedgerNews
from holdfast.ledger.core.values import Listing
from holdfast.protocol.deal import Holder
from holdfast.protocol.placement import distance
from holdfast.protocol.units import AccountId, VaultId

LEFT = 5


class Slots:
    """Ten vaults; vaults 0 to 3 hold a deal, and holder 1 is lost since epoch 5."""

    def __init__(self, listing: Listing = Listing.EJECTED) -> None:
        self.parties = Parties(10)
        self.parties.reach(LEFT)
        self.ledger = self.parties.ledger
        self.deal = self.parties.deal(1, [0, 1, 2, 3]).deal
        self.leave(1, listing)

    def leave(self, number: int, listing: Listing, **changes: object) -> None:
        keys = self.parties.keys[number]
        row = row_of(keys, number, listing=listing, left_epoch=LEFT, **changes)
        self.ledger.absorb(LedgerNews(0, -1, vaults=(row,)))

    def by_rank(self, epoch: int = LEFT) -> list[VaultId]:
        ranked = {
            slots.rank(self.ledger, self.deal, vault, epoch): vault
            for vault in self.ledger.vaults()
        }
        return [ranked[place] for place in sorted(p for p in ranked if p is not None)]

    @property
    def slot(self) -> slots.OpenSlot:
        found = slots.open_slot(self.ledger, self.deal, 1, LEFT)
        assert found
        return found


@pytest.mark.parametrize("listing", [Listing.EJECTED, Listing.UNBONDING])
def test_the_slot_of_a_holder_that_left_is_open(listing: Listing) -> None:
    world = Slots(listing)
    (slot,) = slots.open_slots(world.ledger, world.deal, LEFT)
    assert (slot.index, slot.lost) == (1, world.parties.keys[1].vault_id)
    assert slot.leaving == (listing is Listing.UNBONDING)


def test_no_slot_is_open_while_all_holders_are_listed() -> None:
    world = Slots(Listing.ACTIVE)
    assert slots.open_slots(world.ledger, world.deal, LEFT) == ()


def test_a_deal_that_has_ended_has_no_open_slots() -> None:
    world = Slots()
    assert slots.open_slots(world.ledger, world.deal, world.deal.end_epoch) == ()


def test_candidates_are_ranked_by_their_distance_to_the_deal() -> None:
    world = Slots()
    ranked = world.by_rank()
    assert ranked == sorted(ranked, key=lambda vault: distance(vault, world.deal.id))
    holders = {holder.vault for holder in world.deal.holders}
    assert set(ranked) == set(world.ledger.vaults()) - holders


def test_candidate_j_may_act_from_j_epochs_after_the_holder_left() -> None:
    world = Slots()
    for place, vault in enumerate(world.by_rank()):
        turns = [
            epoch
            for epoch in range(LEFT - 2, LEFT + 12)
            if slots.may_act(world.ledger, world.slot, vault, epoch)
        ]
        assert turns[0] == LEFT + place


@given(st.integers(0, 9), st.integers(1, 1 << 30))
def test_who_is_far_is_never_among_the_nearest(number: int, ranks: int) -> None:
    world = Slots()
    vault = world.parties.keys[number].vault_id
    place = slots.rank(world.ledger, world.deal, vault, LEFT)
    if slots.is_far(world.ledger, world.deal, vault, LEFT, ranks):
        assert place is None or place >= ranks
    # In a network of ten nobody is far: the rank decides.
    assert not slots.is_far(world.ledger, world.deal, vault, LEFT, ranks)


def test_most_of_a_large_network_need_not_look_closer() -> None:
    world = Slots()
    crowd = tuple(
        VaultId(hashlib.sha256(bytes([n % 256, n // 256])).digest())
        for n in range(5000)
    )
    world.ledger.registry = lambda epoch: crowd  # type: ignore[method-assign] # noqa: ARG005
    ranked = sorted(crowd, key=lambda vault: distance(vault, world.deal.id))
    far = [slots.is_far(world.ledger, world.deal, v, LEFT, 3) for v in ranked]
    assert not any(far[:30])
    assert all(far[1000:])


@given(st.integers(0, 9), st.integers(0, 20))
def test_holders_and_vaults_that_left_are_never_candidates(
    number: int, epoch: int
) -> None:
    world = Slots()
    world.leave(5, Listing.UNBONDING)
    vault = world.parties.keys[number].vault_id
    if slots.may_act(world.ledger, world.slot, vault, epoch):
        assert world.deal.index_of(vault) is None
        assert number != 5
        assert epoch >= LEFT


@given(st.sets(st.integers(0, 5)))
def test_nobody_begins_early_while_more_than_k_plus_one_holders_live(
    away: set[int],
) -> None:
    world = Slots(Listing.ACTIVE)
    world.deal = replace(
        world.deal,
        holders=tuple(Holder(k.vault_id, 1, 0) for k in world.parties.keys[:6]),
    )
    suspected = {world.parties.keys[number].vault_id for number in away}
    first, _, third, *_ = world.by_rank()
    live = world.deal.n - len(away)
    ledger, deal = world.ledger, world.deal
    for index in range(deal.n):
        early = slots.may_begin_early(ledger, deal, index, suspected, first, LEFT)
        assert early == (index in away and live <= deal.k + 1)
        later = slots.may_begin_early(ledger, deal, index, suspected, third, LEFT)
        assert not later


def test_a_candidate_whose_stake_does_not_cover_the_deal_does_not_fit() -> None:
    world = Slots()
    vault = world.by_rank()[0]
    assert slots.fits(world.ledger, world.slot, vault)
    number = next(i for i, k in enumerate(world.parties.keys) if k.vault_id == vault)
    poor = row_of(world.parties.keys[number], number, stake=0)
    world.ledger.absorb(LedgerNews(0, -1, vaults=(poor,)))
    assert not slots.fits(world.ledger, world.slot, vault)


def test_two_holders_are_not_paid_to_one_account_outside_development_networks() -> None:
    world = Slots()
    world.ledger.params = replace(world.ledger.params, faucet_grains=0)
    for number, keys in enumerate(world.parties.keys):
        payout = AccountId(bytes([number % 9] * 20))
        row = row_of(keys, number, payout=payout)
        world.ledger.absorb(LedgerNews(0, -1, vaults=(row,)))
    world.leave(1, Listing.EJECTED, payout=AccountId(b"\x01" * 20))
    shares_with_holder_0 = world.parties.keys[9].vault_id
    alone = world.parties.keys[4].vault_id
    assert not slots.fits(world.ledger, world.slot, shares_with_holder_0)
    assert slots.fits(world.ledger, world.slot, alone)
