"""Twenty vaults' audit sides over a bad network, epoch after epoch."""

from simulation.fake_data import FakeDeal, open_deal
from simulation.world import SimVault, Weather, World

PRICE = 3 << 20


def deals_on(world: World, count: int, *, first: int = 0) -> list[FakeDeal]:
    """Open deals on random holders from epoch 0, with two chunks each."""
    fakes = []
    for number in range(first, first + count):
        holders = world.random.sample(sorted(world.vaults), 4)
        fake = open_deal(number, holders, 0, PRICE, end_epoch=1000)
        fake.grow(world.params.network_id, [2 * number, 2 * number + 1])
        world.place(fake)
        fakes.append(fake)
    return fakes


def test_a() -> None:
    world = World(20, seed=1)
    deals_on(world, 10)
    world.run_to_epoch(12)
    for vault in world.vaults.values():
        print(sorted(vault.certified()), [ (a.epoch, a.outcome, a.reason) for a in vault.audits.values() if a.reason])
        for log in vault.logs: print(log)
    print(world.calls, world.ledger.refused)
    for s in world.ledger.settlements: print(s.statement.period, s.statement.earned_total, s.ranks())
    print(world.ledger.claimed)
