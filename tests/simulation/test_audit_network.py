"""Twenty vaults' audit sides over good and bad networks, epoch after epoch."""

import math
from collections import Counter, defaultdict

import pytest

from holdfast.protocol.deal import Deal
from holdfast.protocol.settlement import Totals
from holdfast.protocol.units import GIB, DealId, Digest, VaultId
from holdfast.vault.core import effects as fx
from holdfast.vault.core.messages import (
    AskTotals,
    Certify,
    OfferCheckpoint,
    ProposeSettlement,
    SubmitAnswer,
)
from holdfast.vault.core.saved import (
    CertificateCollected,
    Outcome,
    Saved,
    TotalsSettled,
)
from simulation.fake_data import FakeDeal, open_deal
from simulation.world import SimVault, Weather, World, sim_params

PRICE = 3 << 20
STORMY = Weather(loss=0.08, delay_seconds=(0.01, 1.5), doubling=0.1)


def deals_on(world: World, count: int, *, first: int = 0) -> list[FakeDeal]:
    """Open deals on random holders from epoch 0, with two chunks each."""
    fakes = []
    for number in range(first, first + count):
        holders = world.random.sample(sorted(world.vaults), 4)
        fake = open_deal(number, holders, 0, PRICE + number, end_epoch=1000)
        fake.grow(world.params.network_id, [2 * number, 2 * number + 1])
        world.place(fake)
        fakes.append(fake)
    return fakes


def expected_totals(world: World, end_epoch: int) -> Totals:
    """Sum bytes × price for every certified epoch, straight from what is held.

    Written apart from the vault's own sums: from deals to holders to epochs.
    """
    earned: Counter[VaultId] = Counter()
    spent: Counter[DealId] = Counter()
    deals: list[Deal] = list(world.ledger.deals.values())
    for deal in deals:
        for holder in deal.holders:
            vault = world.vaults[holder.vault]
            present = vault.held.deals[deal.id].manifest.held_bytes
            for epoch in vault.certified():
                if deal.opened_epoch <= epoch < min(deal.end_epoch, end_epoch):
                    grains = present * holder.price // GIB
                    earned[holder.vault] += grains
                    spent[deal.id] += grains
    return Totals(+earned, +spent)


def settled_periods(world: World) -> list[int]:
    return [item.statement.period for item in world.ledger.settlements]


def newest_totals(world: World) -> Totals:
    root = world.ledger.settlements[-1].statement.root
    for vault in world.vaults.values():
        for saved in vault.saved:
            if not isinstance(saved, TotalsSettled):
                continue
            if saved.certificate.statement.root == root:
                return saved.totals
    raise AssertionError("nobody kept the totals")


def test_honest_vaults_prove_every_epoch_and_are_paid_exactly_that() -> None:
    world = World(20, seed=1)
    deals_on(world, 10)
    world.run_to_epoch(16)
    for vault in world.vaults.values():
        assert vault.certified() == set(range(1, 16))
    assert settled_periods(world) == [0, 1, 2]
    totals = newest_totals(world)
    assert totals == expected_totals(world, end_epoch=12)
    statement = world.ledger.settlements[-1].statement
    assert statement.earned_total == sum(totals.earned.values()) > 0
    assert world.ledger.claimed == totals.earned


@pytest.mark.parametrize("seed", range(3))
def test_a_stormy_network_costs_no_epoch_and_no_settlement(seed: int) -> None:
    world = World(20, seed=seed, weather=STORMY)
    deals_on(world, 6)
    world.run_to_epoch(12)
    certified = sum(len(vault.certified()) for vault in world.vaults.values())
    assert certified >= 0.99 * 20 * 11
    assert settled_periods(world) == [0, 1]
    assert newest_totals(world) == expected_totals(world, end_epoch=8)


def test_who_dropped_everything_gets_no_certificate_and_no_pay() -> None:
    world = World(20, seed=4)
    fakes = deals_on(world, 10)
    droppers = {fakes[0].deal.holders[0].vault, fakes[1].deal.holders[1].vault}
    for dropper in droppers:
        held = world.vaults[dropper].held
        held.lost = {c.id for fake in held.deals.values() for c in fake.chunks}
    world.run_to_epoch(12)
    for vault in world.vaults.values():
        if vault.id in droppers:
            assert vault.certified() == set()
            assert {a.outcome for e, a in vault.audits.items() if e} == {Outcome.MISSED}
            assert "leaves are gone" in vault.audits[5].reason
        else:
            assert vault.certified() == set(range(1, 12))
    totals = newest_totals(world)
    assert not droppers & totals.earned.keys()
    assert totals == expected_totals(world, end_epoch=8)


def test_a_fraction_of_altered_leaves_is_found_as_often_as_mathematics_says() -> None:
    leaves, altered, chunk_leaves, epochs = 8, 4, 64, 70
    params = sim_params(leaves_per_audit=leaves, group_size=3)
    world = World(6, seed=5, params=params)
    ids = sorted(world.vaults)
    for number in range(6):
        holders = [ids[(number + i) % 6] for i in range(4)]
        fake = open_deal(number, holders, 0, PRICE, end_epoch=1000)
        fake.grow(world.params.network_id, [number], leaves=chunk_leaves)
        world.place(fake)
        (chunk,) = fake.chunks
        for holder in holders:
            held = world.vaults[holder].held
            places = world.random.sample(range(chunk_leaves), altered)
            held.altered_leaves |= {(chunk.id, place) for place in places}
    world.run_to_epoch(epochs)
    audits = [a for v in world.vaults.values() for e, a in v.audits.items() if e]
    missed = sum(audit.outcome is Outcome.MISSED for audit in audits)
    assert len(audits) == 6 * (epochs - 1)
    chance = 1 - (1 - altered / chunk_leaves) ** leaves
    deviation = math.sqrt(len(audits) * chance * (1 - chance))
    assert abs(missed - len(audits) * chance) < 3 * deviation
    assert 0.3 < chance < 0.5


def test_what_is_declared_missing_is_not_sampled_and_not_paid() -> None:
    world = World(10, seed=6)
    (fake,) = deals_on(world, 1)
    honest = world.vaults[fake.deal.holders[0].vault]
    gone = fake.chunks[0].id
    honest.held.lost = {gone}
    honest.held.declared = {gone}
    world.at(
        world.params.epoch_start(1) + 1, honest.held.lost.clear
    )  # rebuilt in epoch 1, declared until then
    world.run_to_epoch(9)
    assert honest.certified() == set(range(1, 9))
    totals = newest_totals(world)
    sibling = fake.deal.holders[1].vault
    assert 0 < totals.earned[honest.id] < totals.earned[sibling]


@pytest.mark.parametrize("seed", range(4))
def test_restarts_at_any_moment_never_sign_two_checkpoints_of_one_epoch(
    seed: int,
) -> None:
    world = World(12, seed=100 + seed, weather=STORMY)
    fakes = deals_on(world, 5)
    offered: defaultdict[tuple[VaultId, int], set[Digest]] = defaultdict(set)

    def watch(_caller: VaultId, call: fx.Call) -> bool:
        if isinstance(call.request, OfferCheckpoint):
            value = call.request.checkpoint.value
            offered[value.vault, value.epoch].add(value.digest())
        return False

    world.intercept = watch
    end = world.params.epoch_start(10)

    def crash() -> None:
        vault = world.random.choice(list(world.vaults.values()))
        vault.alive = False
        down = world.random.uniform(0, 20)
        world.at(world.now + down, lambda: world.restart(vault))
        # What is held changes between, so that a second checkpoint would differ.
        grown = world.random.choice(fakes)
        grown.grow(world.params.network_id, [1000 + len(grown.chunks)])

    for _ in range(60):
        world.at(world.random.uniform(world.now, end), crash)
    world.run_to_epoch(12)
    assert len(offered) > 100
    assert {len(digests) for digests in offered.values()} == {1}


def test_a_vault_on_an_old_disk_asks_before_it_signs() -> None:
    world = World(12, seed=7)
    fakes = deals_on(world, 5)
    vault = world.vaults[fakes[0].deal.holders[0].vault]
    world.run_to_epoch(5)
    before = list(vault.saved)
    # In the last quarter of epoch 5, after checkpoint 6 was signed, the disk of
    # epoch 5 comes back, and the deal has grown meanwhile.
    late = world.params.epoch_start(6) - 8
    digests: set[Digest] = set()

    def watch(caller: VaultId, call: fx.Call) -> bool:
        if caller == vault.id and isinstance(call.request, OfferCheckpoint):
            value = call.request.checkpoint.value
            digests.update({value.digest()} if value.epoch == 6 else ())
        return False

    def come_back() -> None:
        vault.saved = before
        fakes[0].grow(world.params.network_id, [999])
        world.restart(vault)

    world.intercept = watch
    world.at(late, come_back)
    world.run_to_epoch(9)
    assert len(digests) == 1
    assert any("newer checkpoint" in log.message for log in vault.logs)
    assert {7, 8} <= vault.certified()


def test_epochs_without_a_ledger_are_void_and_nobody_is_blamed() -> None:
    world = World(12, seed=8)
    deals_on(world, 4)
    world.run_to_epoch(5)
    world.ledger.down = True
    world.run_to_epoch(8)
    world.ledger.down = False
    world.run_to_epoch(13)
    for vault in world.vaults.values():
        outcomes = {epoch: audit.outcome for epoch, audit in vault.audits.items()}
        assert {outcomes[epoch] for epoch in (5, 6, 7)} == {Outcome.VOID}
        assert Outcome.MISSED not in outcomes.values()
        assert {9, 10, 11, 12} <= vault.certified()
    assert newest_totals(world) == expected_totals(
        world, end_epoch=4 * (settled_periods(world)[-1] + 1)
    )


def test_a_period_settles_although_the_first_proposers_are_silent() -> None:
    world = World(12, seed=9)
    deals_on(world, 4)
    silent: set[VaultId] = set()

    def mute(caller: VaultId, call: fx.Call) -> bool:
        members = world.ledger.committee(world.params.period_of(world.ledger.epoch))
        silent.update(members[:3])
        return caller in silent and isinstance(call.request, ProposeSettlement)

    world.intercept = mute
    world.run_to_epoch(12)
    assert settled_periods(world) == [0, 1]


def test_members_that_lack_certificates_are_handed_them() -> None:
    world = World(12, seed=10)
    deals_on(world, 4)
    pushes: Counter[VaultId] = Counter()

    def lose_pushes(caller: VaultId, call: fx.Call) -> bool:
        # Pushes reach only every other member; what proposers hand over passes.
        if not isinstance(call.request, Certify):
            return False
        own = all(c.checkpoint.value.vault == caller for c in call.request.certificates)
        lucky = int.from_bytes(bytes(call.peer)[:4], "big") % 2
        pushes[caller] += own
        return own and not lucky

    world.intercept = lose_pushes
    world.run_to_epoch(12)
    assert settled_periods(world) == [0, 1]
    assert newest_totals(world) == expected_totals(world, end_epoch=8)


def test_a_member_without_the_last_totals_fetches_and_checks_them() -> None:
    world = World(8, seed=11)
    deals_on(world, 4)
    world.run_to_epoch(7)
    (first,) = world.ledger.settlements
    for vault in list(world.vaults.values())[1:]:
        world.restart(vault, keep=_is_no_total)
    world.run_to_epoch(12)
    assert world.calls["AskTotals"] > 0
    assert settled_periods(world) == [0, 1]
    assert newest_totals(world) == expected_totals(world, end_epoch=8)
    assert first.statement.earned_total < sum(newest_totals(world).earned.values())


def _is_no_total(saved: Saved) -> bool:
    return not isinstance(saved, TotalsSettled | CertificateCollected)


def test_a_missed_period_is_settled_with_the_next() -> None:
    world = World(12, seed=12)
    deals_on(world, 4)
    stop = world.params.epoch_start(8)

    def no_proposals(_caller: VaultId, call: fx.Call) -> bool:
        return world.now < stop and isinstance(call.request, ProposeSettlement)

    world.intercept = no_proposals
    world.run_to_epoch(12)
    assert settled_periods(world) == [1]
    assert newest_totals(world) == expected_totals(world, end_epoch=8)


def test_a_minority_of_neighbours_cannot_keep_a_vault_from_its_certificate() -> None:
    world = World(20, seed=13)
    deals_on(world, 6)
    deaf = set(world.random.sample(sorted(world.vaults), 4))

    def ignore(_caller: VaultId, call: fx.Call) -> bool:
        refused = isinstance(call.request, OfferCheckpoint | SubmitAnswer)
        return refused and call.peer in deaf

    world.intercept = ignore
    world.run_to_epoch(8)
    groups_with_majority = [
        vault
        for vault in world.vaults.values()
        if all(
            len(deaf & set(vault.me.ledger.group(vault.id, epoch))) <= 3
            for epoch in range(1, 8)
        )
    ]
    assert len(groups_with_majority) > 10
    for vault in groups_with_majority:
        assert vault.certified() == set(range(1, 8))


def quiet(vault: SimVault) -> bool:
    return not any(log.warning for log in vault.logs)


def test_an_undisturbed_network_warns_of_nothing() -> None:
    world = World(12, seed=14)
    deals_on(world, 4)
    world.run_to_epoch(6)
    assert all(quiet(vault) for vault in world.vaults.values())
    assert world.calls[AskTotals.__name__] == 0


def test_records_reach_everybody_within_two_seconds() -> None:
    weather = Weather(delay_seconds=(0.01, 0.1))
    world = World(
        12, seed=15, params=sim_params(epoch_seconds=5), seeds=1, weather=weather
    )
    began = world.now
    world.run_until(began + 2.0)
    everybody = set(world.vaults)
    for vault in world.vaults.values():
        known = {record.value.vault for record in vault.node.gossip.records()}
        assert known == everybody
    before = world.calls["Gossip"]
    world.run_until(world.now + 60)
    rest = (world.calls["Gossip"] - before) / 12
    assert rest <= 2 * 60 / 5
