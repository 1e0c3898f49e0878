"""Who is found, judged and ejected, and above all: who is not."""

from dataclasses import replace

import pytest

from holdfast.ledger.core.case_files import Finding, judge_file
from holdfast.ledger.core.operations import Operation, Settle
from holdfast.ledger.core.values import Listing
from holdfast.protocol.cases import CASE_FILE, Fault
from holdfast.protocol.faults import MISS, Miss
from holdfast.protocol.units import VaultId
from holdfast.vault.core import effects as fx
from holdfast.vault.core.events import Asked
from holdfast.vault.core.fault_messages import TellMiss
from holdfast.vault.core.saved import MissGiven, MissKept, VoteGiven
from simulation.accounts import deals_on
from simulation.world import SimLedger, SimVault, World, sim_params

VAULTS = 9
JUDGED = 12


class EjectingLedger(SimLedger):
    """A ledger that lists whom a settlement names as ejected."""

    def submit(self, operation: Operation) -> str | None:
        fault = super().submit(operation)
        if fault is None and isinstance(operation, Settle):
            for ejection in operation.certificate.statement.ejections:
                row = self.rows[ejection.vault]
                self.rows[ejection.vault] = replace(
                    row,
                    listing=Listing.EJECTED,
                    left_epoch=self.epoch,
                    stake=row.stake - ejection.slashed,
                )
        return fault


def new_world(seed: int, vaults: int = VAULTS) -> World:
    params = sim_params(
        group_size=5,
        missed_reachable=2,
        window_reachable=8,
        missed_unreachable=4,
        window_unreachable=8,
        rebuild_price=1 << 30,
    )
    world = World(vaults, seed=seed, params=params)
    world.ledger = EjectingLedger(params, world.ledger.rows)
    deals_on(world, 4)
    return world


def ejected(world: World) -> set[VaultId]:
    rows = world.ledger.rows.values()
    return {row.vault for row in rows if row.listing is Listing.EJECTED}


def holder(world: World) -> SimVault:
    deal = next(iter(world.ledger.deals.values()))
    return world.vaults[deal.holders[0].vault]


def stop(world: World, vault: SimVault, epoch: int, part: float = 0.0) -> None:
    """Let a vault go silent at a moment."""
    seconds = world.params.epoch_start(epoch) + part * world.params.epoch_seconds
    world.at(seconds, lambda: setattr(vault, "alive", False))


def come_back(world: World, vault: SimVault, epoch: int, part: float = 0.0) -> None:
    seconds = world.params.epoch_start(epoch) + part * world.params.epoch_seconds
    world.at(seconds, lambda: world.restart(vault))


def nobody_lied_to_himself(world: World) -> None:
    """Check that no vault ever gave a vote and a miss for one vault and epoch."""
    for vault in world.vaults.values():
        votes = {(s.vault, s.epoch) for s in vault.saved if isinstance(s, VoteGiven)}
        given = (s.miss.value for s in vault.saved if isinstance(s, MissGiven))
        assert not votes & {(miss.vault, miss.epoch) for miss in given}


def test_a_dead_vault_is_ejected_and_its_case_file_convicts_offline() -> None:
    world = new_world(1)
    dead = holder(world)
    stop(world, dead, 5)
    world.run_to_epoch(19)
    assert ejected(world) == {dead.id}
    lost = sum(fake.manifest.held_bytes for fake in dead.held.deals.values())
    for vault in world.vaults.values():
        file = vault.node.justice.cases.file(dead.id)
        if vault is dead or file is None:
            continue
        shown = CASE_FILE.decode(CASE_FILE.encode(file))
        verdict = judge_file(shown)
        assert verdict.finding is Finding.GUILTY
        assert verdict.fault is Fault.AWAY
        assert verdict.lost_bytes == verdict.slashed == lost > 0
        break
    else:
        pytest.fail("nobody has the case")
    nobody_lied_to_himself(world)


def test_who_dropped_everything_is_ejected_although_it_can_be_reached() -> None:
    world = new_world(2)
    dropper = holder(world)
    chunks = {c.id for fake in dropper.held.deals.values() for c in fake.chunks}
    world.at(world.params.epoch_start(5), lambda: dropper.held.lost.update(chunks))
    world.run_to_epoch(JUDGED)
    assert ejected(world) == {dropper.id}
    file = dropper.node.justice.cases.file(dropper.id)
    assert file is not None, "the accused has the case against himself"
    verdict = judge_file(file)
    assert verdict.guilty
    assert verdict.fault is Fault.MISSED


def test_a_vault_that_was_away_too_long_but_is_back_proves_itself_in_court() -> None:
    world = new_world(3)
    away = holder(world)
    stop(world, away, 5)
    come_back(world, away, 11, 0.6)
    world.run_to_epoch(17)
    assert ejected(world) == set()
    file = away.node.justice.cases.file(away.id)
    assert file is not None, "a case was opened"
    members = [v.node.justice.cases.file(away.id) for v in world.vaults.values()]
    findings = {judge_file(file).finding for file in members if file}
    assert Finding.ACQUITTED in findings
    assert Finding.GUILTY not in findings
    nobody_lied_to_himself(world)


def test_a_network_split_for_longer_than_the_grace_period_ejects_nobody() -> None:
    world = new_world(4, vaults=10)
    order = sorted(world.vaults)
    left = set(order[:5])
    begin, end = world.params.epoch_start(6), world.params.epoch_start(13) + 20

    def split(caller: VaultId, call: fx.Call) -> bool:
        return begin <= world.now < end and (caller in left) != (call.peer in left)

    world.intercept = split
    world.run_to_epoch(21)
    assert ejected(world) == set()
    for vault in world.vaults.values():
        assert {17, 18, 19} <= vault.certified()


def test_a_minority_that_calls_everything_missed_convinces_nobody() -> None:
    world = new_world(5)
    liars = sorted(world.vaults)[:2]
    told = 0

    def lie(epoch: int) -> None:
        nonlocal told
        for liar in liars:
            pair, ledger = (
                world.vaults[liar].keys.identity,
                world.vaults[liar].me.ledger,
            )
            for vault in ledger.watched_by(liar, epoch):
                miss = Miss(vault, epoch, 1)
                signed = MISS.sign(miss, world.params.network_id, pair)
                for peer in ledger.group(vault, epoch):
                    asked = Asked(world.now, -1, TellMiss(signed, liar))
                    world.deliver(world.vaults[peer], asked)
                    told += 1

    for epoch in range(2, 12):
        seconds = world.params.epoch_start(epoch) + 40
        world.at(seconds, lambda epoch=epoch: lie(epoch))  # type: ignore[misc]
    world.run_to_epoch(12)
    assert told > 100
    kept = [
        s for v in world.vaults.values() for s in v.saved if isinstance(s, MissKept)
    ]
    assert kept == []
    assert ejected(world) == set()


def test_while_everybody_proves_nobody_is_pinged_or_told_of() -> None:
    world = new_world(6)
    world.run_to_epoch(6)
    assert not {"Ping", "PingFor", "TellMiss", "TellMissed"} & set(world.calls)
