"""A mirror of the ledger for auditors: what followers know, brought when it is asked.

Of a network with few vaults all deals are mirrored; of a large one those of the
vaults that somebody asks about.
"""

from collections.abc import Iterable

from holdfast.ledger.core.followed import LedgerNews, LedgerState
from holdfast.ledger.port import DEALS_MAX, Ledger, SyncChanges
from holdfast.ledger.reading import FOLLOW_ALL_MAX, Following, take_in
from holdfast.protocol.units import DealId, VaultId


class FollowedLedger:
    """One ledger and the state that was read of it; calls raise LedgerError."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.state = LedgerState(
            ledger.params, accounts_certify=ledger.accounts_certify
        )
        self._following = Following(self.state)
        self._after = 0

    async def close(self) -> None:
        """Let go of the connection."""
        await self.ledger.close()

    async def catch_up(self, wait_seconds: float = 0.0) -> None:
        """Read what changed; where nothing did, wait for a change that long."""
        changes = await self._piece(wait_seconds)
        while changes.more:
            changes = await self._piece()
        if len(self.state.vaults()) <= FOLLOW_ALL_MAX:
            await self.follow(self.state.vaults())

    async def follow(self, vaults: Iterable[VaultId]) -> None:
        """Mirror the deals of these vaults from now on."""
        await self._following.extend(self.ledger, vaults)

    async def know_deals(self, deals: Iterable[DealId]) -> None:
        """Mirror these deals, as far as the ledger has them."""
        unknown = [deal for deal in deals if self.state.deal(deal) is None]
        for first in range(0, len(unknown), DEALS_MAX):
            part = tuple(unknown[first : first + DEALS_MAX])
            found = await self.ledger.deals(part)
            self.state.absorb(LedgerNews(0, -1, deals=found))

    async def _piece(self, wait_seconds: float = 0.0) -> SyncChanges:
        vaults = self._following.vaults
        changes = await self.ledger.sync(vaults, self._after, wait_seconds)
        self._after = changes.upto
        take_in(self.state, changes)
        return changes
