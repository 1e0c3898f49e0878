"""The committee's part: one settlement a period, whoever is silent or lacks what."""

from collections import Counter

import pytest

from holdfast.protocol.units import VaultId
from holdfast.vault.core import effects as fx
from holdfast.vault.core.messages import (
    Certify,
    ProposeSettlement,
)
from holdfast.vault.core.saved import (
    CertificateCollected,
    Saved,
    TotalsSettled,
)
from simulation.accounts import (
    deals_on,
    expected_totals,
    newest_totals,
    settled_periods,
)
from simulation.world import World


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


@pytest.mark.parametrize("seed", [1, 2, 11])
def test_a_member_without_the_last_totals_fetches_and_checks_them(seed: int) -> None:
    """One vault still has them; with seeds 1 and 11 it is none of those who signed."""
    world = World(8, seed=seed)
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
