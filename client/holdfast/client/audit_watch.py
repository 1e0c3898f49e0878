"""Auditing that goes on: each epoch when it is over, each settlement as it comes."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Final

from holdfast.client.auditor import Auditor, EpochFinding
from holdfast.client.core.auditing_recount import Recount, RecountFinding
from holdfast.client.core.auditing_settlement import SettlementFinding
from holdfast.client.network_errors import NoSeedAnswersError
from holdfast.ledger.errors import LedgerError
from holdfast.protocol.errors import HoldfastError
from holdfast.protocol.frozen import frozen

_WAIT_SECONDS: Final = 30.0
_PAUSE_SECONDS: Final = 2.0


@frozen
class WatchedEpoch:
    """One epoch's audits, and the settlement that appeared since the last one.

    `recount` compares it with what the audits watched before are worth.
    """

    finding: EpochFinding
    settlement: SettlementFinding | None = None
    recount: RecountFinding | None = None

    @property
    def holds(self) -> bool:
        """Whether nothing is wrong with any of it."""
        settled = self.settlement is None or self.settlement.holds
        recounted = self.recount is None or not self.recount.faults
        return settled and recounted and self.finding.holds


async def watch(
    auditor: Auditor, epochs: int | None, away: Callable[[HoldfastError], None]
) -> AsyncIterator[WatchedEpoch]:
    """Yield each epoch from the newest finished one on; `epochs` of them, or for ever.

    `away` is told when the network cannot be asked for the moment.
    """
    next_epoch, settled, seen = max(auditor.finished_epoch, 0), -1, 0
    recount = Recount(auditor.state)
    while epochs is None or seen < epochs:
        if next_epoch > auditor.finished_epoch:
            await _refresh(auditor, away)
            continue
        finding = await auditor.epoch(next_epoch)
        recount.take(finding.audits)
        settlement = recounted = None
        if auditor.state.settled_period > settled:
            settled = auditor.state.settled_period
            settlement = await auditor.settlement()
            recounted = recount.settled(settlement) if settlement else None
        yield WatchedEpoch(finding, settlement, recounted)
        next_epoch, seen = next_epoch + 1, seen + 1


async def _refresh(auditor: Auditor, away: Callable[[HoldfastError], None]) -> None:
    try:
        await auditor.refresh(_WAIT_SECONDS)
    except (LedgerError, NoSeedAnswersError) as error:
        away(error)
        await asyncio.sleep(_PAUSE_SECONDS)
