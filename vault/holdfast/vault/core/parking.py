"""Requests that wait until the ledger was asked for deals that are not mirrored."""

from collections.abc import Iterable
from typing import Final

from holdfast.ledger.core.followed import LedgerState
from holdfast.protocol.units import DealId
from holdfast.vault.core.effects import Effect, FindDeals
from holdfast.vault.core.events import Asked, DealsFound
from holdfast.vault.core.refusals import Refusal, RefusedError

PARKED_MAX: Final = 256
MISSING_MAX: Final = 4096
UNREACHABLE: Final = "the ledger cannot be reached just now"


class Parking:
    """The parked requests; the ledger is asked once for each set of deals."""

    def __init__(self, ledger: LedgerState) -> None:
        self._ledger = ledger
        self._parked: dict[DealId, list[Asked]] = {}

    def park(
        self, event: Asked, deals: Iterable[DealId], again: Iterable[DealId] = ()
    ) -> list[Effect] | None:
        """Park the request if a deal is missing, else return None.

        Deals that changed since they were mirrored are asked for `again`. Raises
        RefusedError when too much is parked or missing.
        """
        unknown = self._ledger.unmirrored(deals)
        unknown.update(again)
        if not unknown:
            return None
        missing = tuple(unknown)
        waiting = sum(map(len, self._parked.values()))
        if len(missing) > MISSING_MAX or waiting >= PARKED_MAX:
            raise RefusedError(Refusal.EXHAUSTED, "too many unknown deals")
        asked_before = missing[0] in self._parked
        self._parked.setdefault(missing[0], []).append(event)
        return [] if asked_before else [FindDeals(missing)]

    def leave(self, event: DealsFound) -> list[Asked]:
        """Return the requests that waited for these deals, found or not."""
        waited = (self._parked.pop(deal, []) for deal in event.asked)
        return [asked for group in waited for asked in group]
