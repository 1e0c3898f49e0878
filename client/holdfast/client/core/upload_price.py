"""What more bytes cost: in a deal that runs, or in one that would have to be opened."""

from holdfast.client.core.deal_choice import first_capacity, grown_capacity
from holdfast.protocol.deal import Deal
from holdfast.protocol.frozen import frozen
from holdfast.protocol.pricing import earned, escrow_needed
from holdfast.protocol.units import DealId, Grains


@frozen
class UploadPrice:
    """Grains for bytes at each holder: an epoch's, and the escrow to lock first.

    `deal` is the one that would take them, None for a new one; `end_epoch` is the
    first that its escrow does not pay.
    """

    deal: DealId | None
    grains_per_epoch: Grains
    escrow: Grains
    end_epoch: int


def price_in_deal(
    deal: Deal, held_bytes: int, more: int, now: int, end_epoch: int
) -> UploadPrice:
    """Return the price of `more` bytes at each holder of a deal that runs.

    If it must grow, or end later than it does, the escrow for that is in the price.
    """
    prices = tuple(holder.price for holder in deal.holders)
    room = deal.capacity - held_bytes
    capacity = deal.capacity
    if more > room:
        capacity = grown_capacity(capacity, more - room)
    end = max(deal.end_epoch, end_epoch)
    before = escrow_needed(deal.capacity, prices, max(deal.end_epoch - now, 0))
    after = escrow_needed(capacity, prices, max(end - now, 0))
    each = sum(earned(more, price) for price in prices)
    return UploadPrice(deal.id, each, max(after - before, 0), end)


def price_of_new_deal(
    prices: tuple[Grains, ...], more: int, now: int, end_epoch: int
) -> UploadPrice:
    """Return the price of `more` bytes at each holder of a deal opened for them."""
    capacity = first_capacity(more)
    escrow = escrow_needed(capacity, prices, end_epoch - now)
    return UploadPrice(
        None, sum(earned(more, price) for price in prices), escrow, end_epoch
    )
