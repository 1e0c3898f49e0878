"""What followers of a ledger do alike, whatever keeps its books."""

from collections.abc import AsyncIterator, Iterable
from typing import Final

from holdfast.ledger.core.followed import LedgerNews, LedgerState
from holdfast.ledger.core.values import RegisteredVault
from holdfast.ledger.port import VAULTS_ASKED_MAX, Ledger, SyncChanges
from holdfast.protocol.deal import Deal
from holdfast.protocol.units import VaultId

FOLLOW_ALL_MAX: Final = 512
"""In a network of so few vaults a follower mirrors the deals of all."""


class Following:
    """Whose deals a follower mirrors; `first` are among them whatever happens.

    There are as many as one question may name. When more are wanted it begins anew with
    these; those of before are read again when somebody wants them.
    """

    def __init__(self, state: LedgerState, first: tuple[VaultId, ...] = ()) -> None:
        self._state = state
        self._first = first
        self.vaults = first

    async def extend(self, ledger: Ledger, wanted: Iterable[VaultId]) -> None:
        """Mirror the deals of `wanted`, too; raises LedgerError."""
        wanted = frozenset(wanted)
        new = tuple(sorted(wanted.difference(self.vaults)))
        if len(self.vaults) + len(new) > VAULTS_ASKED_MAX:
            self._state.forget_followed()
            self.vaults = self._first
            room = VAULTS_ASKED_MAX - len(self._first)
            new = tuple(sorted(wanted.difference(self._first)))[:room]
        async for deals in deals_held(ledger, new):
            self._state.absorb(LedgerNews(0, -1, deals=deals))
        self.vaults = (*self.vaults, *new)
        self._state.followed(self.vaults)


def take_in(state: LedgerState, changes: SyncChanges) -> None:
    """Take what a follower missed into its state."""
    state.absorb(
        LedgerNews(
            changes.upto,
            -1 if changes.more else changes.tip.epoch,
            changes.beacons,
            changes.vaults,
            changes.deals,
            changes.settlement,
        )
    )


async def deals_held(
    ledger: Ledger, vaults: tuple[VaultId, ...]
) -> AsyncIterator[tuple[Deal, ...]]:
    """Yield all deals that the vaults hold or held, in pieces; raises LedgerError."""
    after = 0
    while vaults:
        piece = await ledger.deals_held(vaults, after)
        if not piece.deals:
            break
        yield piece.deals
        after = piece.upto


async def whole_registry(ledger: Ledger) -> list[RegisteredVault]:
    """Return the row of every vault ever registered; raises LedgerError."""
    found: dict[VaultId, RegisteredVault] = {}
    after = 0
    while True:
        piece = await ledger.registry(after)
        if not piece.vaults:
            return list(found.values())
        found.update((row.vault, row) for row in piece.vaults)
        after = piece.upto
