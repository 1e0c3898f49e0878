"""Full receipts that were shown to us: no checkpoint may fall behind them."""

from collections.abc import Iterable
from typing import Final

from holdfast.protocol.units import DealId
from holdfast.vault.core.events import Dated

DEALS_MAX: Final = 65_536
_KEPT: Final = 4


class ReceiptBook:
    """The newest few full receipts of each deal, as sequence and youngest epoch."""

    def __init__(self) -> None:
        self._deals: dict[DealId, list[Dated]] = {}

    def add(self, shown: Iterable[Dated]) -> None:
        """Remember receipts that were verified; the oldest deals make room."""
        for item in shown:
            known = self._deals.setdefault(item.deal, [])
            if item in known:
                continue
            known.append(item)
            known.sort(key=lambda dated: dated.sequence)
            del known[:-_KEPT]
            if len(self._deals) > DEALS_MAX:
                del self._deals[next(iter(self._deals))]

    def least_sequence(self, deal: DealId, epoch: int) -> int:
        """Return which sequence a checkpoint of `epoch` must have at least."""
        known = self._deals.get(deal)
        if known is None:
            return 0
        dated = (item.sequence for item in known if item.epoch <= epoch - 2)
        return max(dated, default=0)
