"""Twenty vaults' audit sides over good and bad networks, epoch after epoch."""

import math
from collections import defaultdict

import pytest

from holdfast.protocol.units import Digest, VaultId
from holdfast.vault.core import effects as fx
from holdfast.vault.core.messages import (
    AskTotals,
    OfferCheckpoint,
    SubmitAnswer,
)
from holdfast.vault.core.saved import (
    Outcome,
)
from simulation.accounts import (
    PRICE,
    deals_on,
    expected_totals,
    newest_totals,
    settled_periods,
)
from simulation.fake_data import open_deal
from simulation.world import SimVault, Weather, World, sim_params

STORMY = Weather(loss=0.08, delay_seconds=(0.01, 1.5), doubling=0.1)


def test_honest_vaults_prove_every_epoch_and_are_paid_exactly_that() -> None:
    world = World(20, seed=1)
    deals_on(world, 10)
    world.run_to_epoch(12)
    for vault in world.vaults.values():
        assert vault.certified() == set(range(1, 12))
    assert settled_periods(world) == [0, 1]
    totals = newest_totals(world)
    assert totals == expected_totals(world, end_epoch=8)
    statement = world.ledger.settlements[-1].statement
    assert statement.earned_total == sum(totals.earned.values()) > 0
    assert world.ledger.claimed == totals.earned


@pytest.mark.parametrize("seed", range(2))
def test_a_stormy_network_costs_few_epochs_and_no_settlement(seed: int) -> None:
    world = World(20, seed=seed, weather=STORMY)
    deals_on(world, 6)
    world.run_to_epoch(8)
    certified = sum(len(vault.certified()) for vault in world.vaults.values())
    # Acknowledgements that are lost on the way back are repeated into the epoch.
    assert certified >= 0.99 * 20 * 7
    assert settled_periods(world) == [0]
    assert newest_totals(world) == expected_totals(world, end_epoch=4)


def test_who_dropped_everything_gets_no_certificate_and_no_pay() -> None:
    world = World(20, seed=4)
    fakes = deals_on(world, 10)
    droppers = {fakes[0].deal.holders[0].vault, fakes[1].deal.holders[1].vault}
    for dropper in droppers:
        held = world.vaults[dropper].held
        held.lost = {c.id for fake in held.deals.values() for c in fake.chunks}
    world.run_to_epoch(8)
    for vault in world.vaults.values():
        if vault.id in droppers:
            assert vault.certified() == set()
            assert {a.outcome for e, a in vault.audits.items() if e} == {Outcome.MISSED}
            assert "leaves are gone" in vault.audits[5].reason
        else:
            assert vault.certified() == set(range(1, 8))
    totals = newest_totals(world)
    assert not droppers & totals.earned.keys()
    assert totals == expected_totals(world, end_epoch=4)


def test_a_fraction_of_altered_leaves_is_found_as_often_as_mathematics_says() -> None:
    leaves, altered, chunk_leaves, epochs = 8, 4, 64, 50
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


@pytest.mark.parametrize("seed", range(2))
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
