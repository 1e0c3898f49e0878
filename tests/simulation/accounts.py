"""What a simulated network should have paid, summed apart from the vaults' code."""

from collections import Counter

from holdfast.protocol.deal import Deal
from holdfast.protocol.settlement import Totals
from holdfast.protocol.units import GIB, DealId, VaultId
from holdfast.vault.core.saved import (
    TotalsSettled,
)
from simulation.fake_data import FakeDeal, open_deal
from simulation.world import World

PRICE = 3 << 20


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
