"""Prices in integers: what storage earns, and what a deal must hold in escrow.

Prices are grains per GiB per epoch. What is earned is rounded down for every
entry and epoch, what is escrowed is rounded up, so escrow always suffices.
"""

from holdfast.protocol.units import GIB, Grains


def earned(present_bytes: int, price: Grains) -> Grains:
    """Return what one holder earns in one epoch for the bytes that it proved."""
    return present_bytes * price // GIB


def escrow_needed(
    capacity_bytes: int, prices: tuple[Grains, ...], epochs: int
) -> Grains:
    """Return the escrow of a deal: each holder's full capacity for all epochs."""
    return sum(-(-capacity_bytes * price // GIB) * epochs for price in prices)


def bytes_covered(stake: Grains, rebuild_price: Grains) -> int:
    """Return how many bytes a stake may vouch for (design §7)."""
    return stake * GIB // rebuild_price if rebuild_price else 1 << 63


def stake_needed(capacity_bytes: int, rebuild_price: Grains) -> Grains:
    """Return the smallest stake that covers `capacity_bytes`."""
    return -(-capacity_bytes * rebuild_price // GIB)
