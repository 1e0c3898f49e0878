"""A mirror of the ledger for auditors: what followers know, brought when it is asked.

Of a network with few vaults all deals are mirrored; of a large one those of the
vaults that somebody asks about.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, TypeVar

from holdfast.ledger.core.followed import LedgerNews, LedgerState
from holdfast.ledger.port import DEALS_MAX, DEALS_PAGE, Ledger, SyncChanges
from holdfast.protocol.units import DealId, VaultId

FOLLOW_ALL_MAX: Final = 512
_VAULTS_AT_ONCE: Final = 512
Item = TypeVar("Item", VaultId, DealId)


class FollowedLedger:
    """One ledger and the state that was read of it; calls raise LedgerError."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.state = LedgerState(
            ledger.params, accounts_certify=ledger.accounts_certify
        )
        self._follows: tuple[VaultId, ...] = ()
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
        new = tuple(sorted(set(vaults) - set(self._follows)))
        for part in _parts(new, _VAULTS_AT_ONCE):
            after, count = 0, DEALS_PAGE
            while count >= DEALS_PAGE:
                piece = await self.ledger.deals_held(part, after)
                self.state.absorb(LedgerNews(0, -1, deals=piece.deals))
                after, count = piece.upto, len(piece.deals)
        self._follows = (*self._follows, *new)
        self.state.followed(self._follows)

    async def know_deals(self, deals: Iterable[DealId]) -> None:
        """Mirror these deals, as far as the ledger has them."""
        unknown = [deal for deal in deals if self.state.deal(deal) is None]
        for part in _parts(unknown, DEALS_MAX):
            found = await self.ledger.deals(part)
            self.state.absorb(LedgerNews(0, -1, deals=found))

    async def _piece(self, wait_seconds: float = 0.0) -> SyncChanges:
        changes = await self.ledger.sync(self._follows, self._after, wait_seconds)
        self._after = changes.upto
        self.state.absorb(
            LedgerNews(
                changes.upto,
                -1 if changes.more else changes.tip.epoch,
                changes.beacons,
                changes.vaults,
                changes.deals,
                changes.settlement,
            )
        )
        return changes


def _parts(items: Sequence[Item], size: int) -> Iterator[tuple[Item, ...]]:
    for first in range(0, len(items), size):
        yield tuple(items[first : first + size])
