"""What certified storage earned: the sums that a settlement adds to the totals.

An entry earns ⌊present bytes × price / 2^30⌋ for each certified epoch, its deal
spends the same. The order of summing is fixed, so that everybody who counts the
same certificates comes to the same totals, even where an escrow runs out.
"""

from collections.abc import Callable, Iterable

from holdfast.protocol.checkpoint import Entries, Entry
from holdfast.protocol.deal import Deal
from holdfast.protocol.frozen import frozen
from holdfast.protocol.network import NetworkParams
from holdfast.protocol.pricing import earned
from holdfast.protocol.settlement import Totals
from holdfast.protocol.units import DealId, Grains, VaultId


@frozen
class Proved:
    """What one vault proved in one epoch."""

    epoch: int
    vault: VaultId
    entries: Entries


def summed(
    base: Totals,
    proved: Iterable[Proved],
    deal_of: Callable[[DealId], Deal | None],
    params: NetworkParams,
) -> Totals:
    """Return the totals after what was proved; each (vault, epoch) counts once."""
    vaults, deals = dict(base.earned), dict(base.spent)
    counted: set[tuple[int, VaultId]] = set()
    for item in sorted(proved, key=lambda item: (item.epoch, item.vault)):
        if (item.epoch, item.vault) in counted:
            continue
        counted.add((item.epoch, item.vault))
        for entry in item.entries.items:
            deal = deal_of(entry.deal)
            if deal is None:
                continue
            spent = deals.get(deal.id, 0)
            grains = entry_earned(entry, deal, item.vault, item.epoch, params)
            grains = min(grains, max(deal.escrow - spent, 0))
            # No leaf for nothing: a deal without a leaf spent nothing.
            if grains:
                deals[deal.id] = spent + grains
                vaults[item.vault] = vaults.get(item.vault, 0) + grains
    return Totals(vaults, deals)


def entry_earned(
    entry: Entry, deal: Deal, vault: VaultId, epoch: int, params: NetworkParams
) -> Grains:
    """Return what `vault` earned with one entry in one certified epoch."""
    if deal.refunded:
        return 0
    holder = deal.holder_at(entry.index, epoch)
    running = deal.opened_epoch <= epoch < deal.last_epoch(params)
    if holder is None or holder.vault != vault:
        return 0
    if not running or entry.held_bytes > deal.capacity:
        return 0
    return earned(entry.present_bytes, holder.price)
