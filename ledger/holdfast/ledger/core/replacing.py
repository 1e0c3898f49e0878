"""Replacements in a settlement: which may be listed, and what rebuilding earned.

Members of the committee and auditors come to the same totals from the same base,
the same ledger and the same takeovers.
"""

from collections.abc import Iterable

from holdfast.ledger.core import slots
from holdfast.ledger.core.followed import LedgerState
from holdfast.ledger.core.values import Listing
from holdfast.protocol.frozen import frozen
from holdfast.protocol.pricing import stake_needed
from holdfast.protocol.settlement import Replacement, Totals
from holdfast.protocol.units import Grains


@frozen
class Rebuilt:
    """A replacement listed for the first time, and the bytes its vault made again."""

    replacement: Replacement
    held_bytes: int


def is_wanted(ledger: LedgerState, replacement: Replacement, epoch: int) -> bool:
    """Return whether the ledger would still take this replacement."""
    deal = ledger.deal(replacement.deal)
    if deal is None:
        return False
    slot = slots.open_slot(ledger, deal, replacement.index, epoch)
    if slot is None or slot.lost != replacement.lost:
        return False
    return slots.fits(ledger, slot, replacement.vault)


def is_applied(ledger: LedgerState, replacement: Replacement) -> bool:
    """Return whether the ledger has this replacement already."""
    deal = ledger.deal(replacement.deal)
    if deal is None or replacement.index >= deal.n:
        return False
    return replacement.vault in deal.held_by(replacement.index)


def with_replacements(
    totals: Totals,
    base: Totals,
    carried: Iterable[Replacement],
    rebuilt: Iterable[Rebuilt],
    ledger: LedgerState,
    slashed: Grains = 0,
) -> Totals:
    """Return totals that list replacements, with what rebuilding earned.

    `carried` are listed by `base`, the settlement before, and still wanted. Whoever
    rebuilt what an ejected vault held is paid the price of it out of what all vaults
    ever lost, `slashed` by this statement included, and nobody earned yet.
    """
    earned = dict(totals.earned)
    left = _unearned(base, ledger) + slashed
    new = sorted(rebuilt, key=lambda one: _order(one.replacement))
    for one in new:
        vault = one.replacement.vault
        bonus = min(_cost(one, ledger), left)
        if bonus > 0:
            earned[vault] = earned.get(vault, 0) + bonus
            left -= bonus
    listed = {*carried, *(one.replacement for one in new)}
    return Totals(earned, totals.spent, tuple(sorted(listed, key=_order)))


def _unearned(base: Totals, ledger: LedgerState) -> Grains:
    """Return what was slashed and is in no total of the base."""
    rows = (ledger.row(vault) for vault in ledger.vaults())
    slashed = sum(row.slashed for row in rows if row)
    return slashed - (sum(base.earned.values()) - sum(base.spent.values()))


def _cost(one: Rebuilt, ledger: LedgerState) -> Grains:
    row = ledger.row(one.replacement.lost)
    if row is None or row.listing is not Listing.EJECTED:
        return 0
    return stake_needed(one.held_bytes, ledger.params.rebuild_price)


def _order(replacement: Replacement) -> tuple[bytes, int, bytes]:
    return replacement.deal, replacement.index, replacement.vault
