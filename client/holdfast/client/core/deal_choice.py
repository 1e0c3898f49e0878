"""Choosing holders: whom to ask for quotes, which of them to take, how much to pay.

Cheap, proven and spread: no two holders share a payout account or a /24, but for
addresses of private networks, where everybody is a neighbour.
"""

import ipaddress
from collections.abc import Collection, Iterable, Sequence
from typing import Final

from holdfast.protocol.deal import SignedQuote
from holdfast.protocol.frozen import frozen
from holdfast.protocol.placement import closest, distance
from holdfast.protocol.pricing import escrow_needed
from holdfast.protocol.units import (
    DEAL_BYTES_MAX,
    MIB,
    AccountId,
    DealId,
    Grains,
    VaultId,
)

ASKED_PER_HOLDER: Final = 3
CAPACITY_BYTES_MIN: Final = 64 * MIB
_CAPACITY_STEP: Final = 16 * MIB
_DEMERIT_SHARE: Final = 0.25
_PROOF_EPOCHS_MAX: Final = 4
_GRUDGE_EPOCHS: Final = 24


@frozen
class Offer:
    """A vault's quote, with what is known of it.

    `demerits` counts reasons for doubt, each of which makes it as good as a vault
    that asks a quarter more.
    """

    quote: SignedQuote
    payout: AccountId
    hosts: tuple[str, ...]
    demerits: int = 0

    @property
    def vault(self) -> VaultId:
        """Who offers."""
        return self.quote.value.vault

    @property
    def rank(self) -> tuple[float, int]:
        """The lower, the better; of equals the nearer to the deal's point."""
        price = self.quote.value.price * (1 + _DEMERIT_SHARE * self.demerits)
        return price + self.demerits, distance(self.vault, self.quote.value.deal)


@frozen
class Standing:
    """What a vault says of itself, and when it last kept this client waiting.

    `certified_epoch` is that of its newest certificate, 0 before the first.
    """

    word: str
    held_bytes: int
    missing_shards: int
    certified_epoch: int
    left_behind_epoch: int | None = None


def demerits(standing: Standing | None, epoch: int) -> int:
    """Return how many reasons there are to doubt a vault; all may be harmless."""
    if standing is None:
        return 1
    left = standing.left_behind_epoch
    proves = epoch - standing.certified_epoch <= _PROOF_EPOCHS_MAX
    return (
        2 * (standing.word != "active")
        + (standing.missing_shards > 0)
        + (standing.held_bytes > 0 and not proves)
        + 2 * (left is not None and epoch - left <= _GRUDGE_EPOCHS)
    )


def candidates(
    registry: Iterable[VaultId],
    deal: DealId,
    n: int,
    without: Collection[VaultId] = (),
) -> tuple[VaultId, ...]:
    """Return whom to ask: the vaults nearest to the deal's point, at most 3n."""
    return closest(registry, deal, ASKED_PER_HOLDER * n, without=without)


def choose_holders(
    offers: Sequence[Offer], n: int, *, shared_payouts: bool
) -> tuple[Offer, ...]:
    """Return the n best offers that spread, best first, or fewer if there are not.

    `shared_payouts` allows one payout account for all, as in development networks.
    """
    chosen: list[Offer] = []
    places: set[str | AccountId] = set()
    for offer in sorted(offers, key=lambda offer: offer.rank):
        blocks = (_block(host) for host in offer.hosts)
        taken: set[str | AccountId] = {block for block in blocks if block}
        if not shared_payouts:
            taken.add(offer.payout)
        if len(chosen) < n and not taken & places:
            chosen.append(offer)
            places |= taken
    return tuple(chosen)


def _block(host: str) -> str | None:
    """Return the /24 (or IPv6 /48) of a public address; None for anything else."""
    try:
        address = ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return None
    if not address.is_global:
        return None
    prefix = 24 if address.version == 4 else 48
    return str(ipaddress.ip_network((address, prefix), strict=False))


def first_capacity(shard_bytes: int) -> int:
    """Return the capacity to open a deal with for so many bytes at each holder."""
    return _rounded(max(shard_bytes, CAPACITY_BYTES_MIN))


def grown_capacity(capacity: int, shard_bytes_more: int) -> int:
    """Return a capacity with room for so many more bytes, at most the largest.

    It grows by half at least, so that a long upload asks rarely.
    """
    return _rounded(capacity + max(shard_bytes_more, capacity // 2))


def _rounded(capacity: int) -> int:
    steps = -(-capacity // _CAPACITY_STEP)
    return min(steps * _CAPACITY_STEP, DEAL_BYTES_MAX)


def escrow_of(quotes: Sequence[SignedQuote], current_epoch: int) -> Grains:
    """Return what opening a deal with these quotes locks."""
    terms = quotes[0].value
    prices = tuple(quote.value.price for quote in quotes)
    return escrow_needed(terms.capacity, prices, terms.end_epoch - current_epoch)
