"""What changed after a sequence, in pieces that fit an answer; no more is looked at.

A piece ends between two entries, never inside one, so whoever asks for what comes
after it misses nothing.
"""

from collections.abc import Iterable, Sequence
from itertools import takewhile
from typing import TypeVar

from holdfast.ledger.core.memory import MemoryState
from holdfast.ledger.core.values import BeaconRow, DealRow, RegisteredVault
from holdfast.ledger.port import (
    BEACONS_MAX,
    DEALS_PAGE,
    VAULTS_MAX,
    DealChanges,
    RegistryChanges,
    SyncChanges,
    Tip,
)
from holdfast.protocol.units import VaultId

Row = TypeVar("Row", BeaconRow, DealRow, RegisteredVault)


def registry_after(state: MemoryState, after: int) -> RegistryChanges:
    """Return the next piece of the registry's changes."""
    rows = state.vaults_changed(after, VAULTS_MAX + 1)
    upto = _upto(state, (rows, VAULTS_MAX))
    return RegistryChanges(upto, _until(rows, upto))


def deals_after(
    state: MemoryState, vaults: Iterable[VaultId], after: int
) -> DealChanges:
    """Return the next piece of the changes to deals that the vaults hold."""
    rows = state.deals_changed(vaults, after, DEALS_PAGE + 1)
    upto = _upto(state, (rows, DEALS_PAGE))
    return DealChanges(upto, tuple(row.deal for row in _until(rows, upto)))


def all_after(
    state: MemoryState, tip: Tip, vaults: Iterable[VaultId], after: int
) -> SyncChanges:
    """Return the next piece of everything that a follower of the vaults needs."""
    beacons = state.beacons_changed(after, BEACONS_MAX + 1)
    rows = state.vaults_changed(after, VAULTS_MAX + 1)
    deals = state.deals_changed(vaults, after, DEALS_PAGE + 1)
    upto = _upto(state, (beacons, BEACONS_MAX), (rows, VAULTS_MAX), (deals, DEALS_PAGE))
    settled = state.settled
    fresh = settled is not None and after < settled.applied.sequence <= upto
    return SyncChanges(
        tip=tip,
        upto=upto,
        more=upto < state.head.sequence,
        beacons=tuple(row.beacon for row in _until(beacons, upto)),
        vaults=_until(rows, upto),
        deals=tuple(row.deal for row in _until(deals, upto)),
        settlement=settled.certificate if settled is not None and fresh else None,
    )


def is_empty(changes: SyncChanges) -> bool:
    """Tell whether a follower learns nothing."""
    rows = changes.beacons or changes.vaults or changes.deals
    return not rows and changes.settlement is None


def _upto(
    state: MemoryState,
    *lists: tuple[Sequence[BeaconRow | DealRow | RegisteredVault], int],
) -> int:
    """Return the last sequence whose rows all fit, of lists in order of change."""
    cuts = [rows[limit].changed - 1 for rows, limit in lists if len(rows) > limit]
    return min(cuts, default=state.head.sequence)


def _until(rows: Iterable[Row], upto: int) -> tuple[Row, ...]:
    return tuple(takewhile(lambda row: row.changed <= upto, rows))
