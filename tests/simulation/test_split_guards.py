"""Two guards against storms, each alone: half of the watched, two thirds certified.

A vault blames nobody while most of whom it watches are silent; a court ejects nobody
for missing while less than two thirds are certified. A split of eight and five passes
by the first, so that only the second is left.
"""

from unittest import mock

import pytest

from holdfast.ledger.core import court
from holdfast.protocol.units import VaultId
from holdfast.vault.core import effects as fx
from holdfast.vault.core import misses
from holdfast.vault.core.saved import CaseKept, MissKept
from simulation.test_cases import ejected, new_world
from simulation.world import World

pytestmark = pytest.mark.long


def split(seed: int, vaults: int, smaller: int, until: int = 17) -> World:
    """Cut some vaults off for longer than the grace period, and play on."""
    world = new_world(seed, vaults)
    away = set(sorted(world.vaults)[:smaller])
    begin, end = world.params.epoch_start(5), world.params.epoch_start(16) + 20

    def cut(caller: VaultId, call: fx.Call) -> bool:
        return begin <= world.now < end and (caller in away) != (call.peer in away)

    world.intercept = cut
    world.run_to_epoch(until)
    return world


def accused(world: World) -> set[VaultId]:
    kept = (s for v in world.vaults.values() for s in v.saved)
    return {s.case.vault for s in kept if isinstance(s, CaseKept)}


def test_in_a_split_of_eight_and_five_cases_are_opened_and_nobody_is_ejected() -> None:
    world = split(4, 13, 5)
    assert accused(world), "the guard of neighbours let these pass"
    assert ejected(world) == set()


def test_without_the_two_thirds_that_split_would_eject_honest_vaults() -> None:
    with mock.patch.object(court, "is_calm", return_value=True):
        assert ejected(split(4, 13, 5))


def test_in_halves_neighbours_blame_hardly_anybody_and_without_their_guard_many() -> (
    None
):
    def certified_misses() -> int:
        world = split(4, 10, 5, until=11)
        assert ejected(world) == set()
        kept = (s for v in world.vaults.values() for s in v.saved)
        found = {s.certificate for s in kept if isinstance(s, MissKept)}
        return len({(miss.vault, miss.epoch) for miss in found})

    guarded = certified_misses()
    with mock.patch.object(misses, "OVERDUE_MIN", 1 << 30):
        unguarded = certified_misses()
    assert guarded < unguarded / 2
