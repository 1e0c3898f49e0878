"""What the neighbours of one period know of a vault, those of the next know too."""

from simulation.test_cases import holder, new_world, stop


def test_new_neighbours_know_the_misses_that_the_former_ones_certified() -> None:
    world = new_world(1)
    dead = holder(world)
    stop(world, dead, 5)
    world.run_to_epoch(10)
    ledger = next(v for v in world.vaults.values() if v is not dead).me.ledger
    former, present = ledger.group(dead.id, 8), ledger.group(dead.id, 9)
    new = set(present) - set(former)
    assert new, "the seed draws others"
    for vault in (world.vaults[one] for one in new):
        known = [miss.epoch for miss in vault.node.justice.book.of(dead.id)]
        assert known[:4] == [5, 6, 7, 8]
        held = vault.node.justice.book.checkpoint(dead.id)
        assert held is not None
        assert held.value.present_bytes > 0
        world.restart(vault)
        again = vault.node.justice.book
        assert [miss.epoch for miss in again.of(dead.id)] == known
        assert again.checkpoint(dead.id) == held
