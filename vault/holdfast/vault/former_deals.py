"""Letting go of deals that the ledger gives to another vault now.

A replaced holder keeps its bytes until no audit asks for them; a candidate that was
restarted gets a while to take its work up again.
"""

from contextlib import suppress
from typing import Final

from holdfast.protocol.errors import HoldfastError
from holdfast.protocol.units import DealId
from holdfast.vault.core.deal_holding import DealHolding
from holdfast.vault.holdings_driver import HoldingsDriver
from holdfast.vault.ports import LedgerView
from holdfast.vault.taking_over import TakingOver
from holdfast.vault.workers import to_the_end

PATIENCE_EPOCHS: Final = 4


class FormerDeals:
    """Remembers since when each deal on the disk is not ours."""

    def __init__(
        self, driver: HoldingsDriver, ledger: LedgerView, takeovers: TakingOver
    ) -> None:
        self._driver = driver
        self._ledger = ledger
        self._takeovers = takeovers
        self._since: dict[DealId, int] = {}

    async def let_go(self, epoch: int) -> None:
        """Delete what nobody needs here any more."""
        former = {}
        for holding in list(self._driver.holdings.deals.values()):
            if await self._is_former(holding.deal):
                since = self._since.get(holding.deal, epoch)
                former[holding.deal] = since
                if self._may_go(holding, epoch - since):
                    await to_the_end(self._driver.collect(holding.deal))
        self._since = former

    async def _is_former(self, deal: DealId) -> bool:
        if deal in self._takeovers.running:
            return False
        found = self._ledger.deal(deal)
        if found is None:
            with suppress(HoldfastError):
                found = await self._ledger.find_deal(deal)
        return bool(found and found.index_of(self._driver.holder.vault) is None)

    def _may_go(self, holding: DealHolding, epochs: int) -> bool:
        if epochs < PATIENCE_EPOCHS:
            return False
        kept = self._driver.holder.params.keep_epochs
        return holding.let_go or not holding.trunk or epochs >= kept
