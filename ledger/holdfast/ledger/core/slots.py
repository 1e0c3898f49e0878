"""Open slots of deals: which there are, who may take one over, and from when on.

Candidates, siblings, the committee and auditors all ask here, so they agree
whenever they have followed the ledger equally far. Nothing here fetches or decides
who was faster: that the ledger says.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from holdfast.ledger.core.followed import LedgerState
from holdfast.ledger.core.values import Listing
from holdfast.protocol.deal import Deal
from holdfast.protocol.placement import distance
from holdfast.protocol.pricing import bytes_covered
from holdfast.protocol.units import VaultId

EARLY_RANKS: Final = 2
"""How many candidates may begin before the verdict, when few holders live."""

SPARE_HOLDERS: Final = 1
"""A deal with k and so many holders left, or fewer, is in danger."""

SUSPICION_EPOCHS: Final = 2
"""How many epochs back a miss certificate counts as a suspicion."""

_SERVING: Final = (Listing.ACTIVE, Listing.UNBONDING)
_LEFT: Final = (Listing.EJECTED, Listing.UNBONDING)


@dataclass(frozen=True, slots=True)
class OpenSlot:
    """An index of a running deal whose holder was ejected, or is leaving.

    Candidate j may act from `since_epoch` + j on; a holder that is leaving still
    serves its own shards.
    """

    deal: Deal
    index: int
    lost: VaultId
    since_epoch: int
    leaving: bool


def open_slot(
    ledger: LedgerState, deal: Deal, index: int, epoch: int
) -> OpenSlot | None:
    """Return one index of a deal as an open slot, or None when it is none."""
    if index >= deal.n or not is_running(ledger, deal, epoch):
        return None
    return _open_slot(ledger, deal, index)


def _open_slot(ledger: LedgerState, deal: Deal, index: int) -> OpenSlot | None:
    lost = deal.holders[index].vault
    row = ledger.row(lost)
    if row is None or row.left_epoch is None:
        return None
    if row.listing not in _LEFT:
        return None
    leaving = row.listing is Listing.UNBONDING
    return OpenSlot(deal, index, lost, row.left_epoch, leaving)


def open_slots(ledger: LedgerState, deal: Deal, epoch: int) -> tuple[OpenSlot, ...]:
    """Return the open slots of a deal, by index."""
    if not is_running(ledger, deal, epoch):
        return ()
    found = (_open_slot(ledger, deal, index) for index in range(deal.n))
    return tuple(slot for slot in found if slot)


def is_running(ledger: LedgerState, deal: Deal, epoch: int) -> bool:
    """Return whether a deal is paid for in `epoch`."""
    return deal.opened_epoch <= epoch < deal.last_epoch(ledger.params)


def live_holders(
    ledger: LedgerState, deal: Deal, suspected: Collection[VaultId] = ()
) -> int:
    """Return how many holders of a deal still serve, as far as is known."""
    rows = (ledger.row(h.vault) for h in deal.holders if h.vault not in suspected)
    return sum(row is not None and row.listing in _SERVING for row in rows)


def in_danger(
    ledger: LedgerState, deal: Deal, suspected: Collection[VaultId] = ()
) -> bool:
    """Return whether so few holders live that whoever can rebuild shall."""
    return live_holders(ledger, deal, suspected) <= deal.k + SPARE_HOLDERS


def is_candidate(ledger: LedgerState, deal: Deal, vault: VaultId, epoch: int) -> bool:
    """Return whether a vault may hold an index of a deal that it has none of."""
    if not ledger.is_active(vault) or deal.index_of(vault) is not None:
        return False
    return vault in ledger.registry(epoch)


def rank(ledger: LedgerState, deal: Deal, vault: VaultId, epoch: int) -> int | None:
    """Return a candidate's place by XOR distance to the deal's point, or None."""
    if not is_candidate(ledger, deal, vault, epoch):
        return None
    ours = distance(vault, deal.id)
    holders = {holder.vault for holder in deal.holders}
    return sum(
        ledger.is_active(other) and distance(other, deal.id) < ours
        for other in ledger.registry(epoch)
        if other not in holders
    )


def is_far(
    ledger: LedgerState, deal: Deal, vault: VaultId, epoch: int, ranks: int
) -> bool:
    """Return whether a vault is surely not among the nearest `ranks` candidates.

    Ids are hashes, so the distance tells the rank but for chance; this costs nothing
    where `rank` looks at the whole registry.
    """
    expected = (distance(vault, deal.id) * len(ledger.registry(epoch))) >> 256
    return expected > 8 * ranks + 64


def may_act(ledger: LedgerState, slot: OpenSlot, vault: VaultId, epoch: int) -> bool:
    """Return whether a candidate's turn for an open slot has come."""
    if epoch < slot.since_epoch:
        return False
    place = rank(ledger, slot.deal, vault, epoch)
    return place is not None and epoch >= slot.since_epoch + place


def may_begin_early(
    ledger: LedgerState,
    deal: Deal,
    index: int,
    suspected: Collection[VaultId],
    vault: VaultId,
    epoch: int,
) -> bool:
    """Return whether a candidate may rebuild before the verdict on a holder.

    `suspected` are holders that a majority of their neighbours lately could not
    reach. Only when k + 1 or fewer holders are left, and only the nearest few.
    """
    if index >= deal.n or deal.holders[index].vault not in suspected:
        return False
    if not is_running(ledger, deal, epoch):
        return False
    if not in_danger(ledger, deal, suspected):
        return False
    place = rank(ledger, deal, vault, epoch)
    return place is not None and place < EARLY_RANKS


def fits(ledger: LedgerState, slot: OpenSlot, vault: VaultId) -> bool:
    """Return whether the ledger would let a candidate have a slot.

    Its stake must cover the deal's capacity beside what it holds; outside
    development networks no other holder may be paid to the same account.
    """
    row, params, deal = ledger.row(vault), ledger.params, slot.deal
    if row is None or row.listing is not Listing.ACTIVE:
        return False
    if deal.index_of(vault) is not None:
        return False
    covered = bytes_covered(row.stake, params.rebuild_price)
    if row.committed_bytes + deal.capacity > covered:
        return False
    others = (ledger.row(h.vault) for h in deal.holders if h.vault != slot.lost)
    payouts = {other.payout for other in others if other}
    return params.development or row.payout not in payouts
