"""Where anybody asks what a deal would cost here: quotes, signed and remembered."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Final

from holdfast.ledger.core.countersigning import countersign
from holdfast.protocol.deal import QUOTE, Deal, Quote, SignedQuote
from holdfast.protocol.frozen import frozen
from holdfast.protocol.units import DealId, Grains
from holdfast.vault.core.admission import Admission, GiveQuote, Offer, QuoteAsked
from holdfast.vault.core.holding_events import Refuse
from holdfast.vault.core.refusals import RefusedError
from holdfast.vault.holdings_driver import HoldingsDriver
from holdfast.vault.ports import LedgerView
from holdfast.vault.workers import to_the_end

NO_LIMIT: Final = 1 << 63


@frozen
class Terms:
    """On which terms the vault takes new deals just now.

    `covered_bytes` is what its stake vouches for; a `refusal` is the sentence why
    it takes none.
    """

    price: Grains
    covered_bytes: int = NO_LIMIT
    refusal: str | None = None


class QuoteDesk:
    """Gives quotes within quota, disk and stake; refuses with RefusedError."""

    def __init__(
        self,
        driver: HoldingsDriver,
        ledger: LedgerView,
        admission: Admission,
        terms: Callable[[], Terms],
    ) -> None:
        self._driver = driver
        self._ledger = ledger
        self._admission = admission
        self._terms = terms
        self._turn = asyncio.Lock()
        self._allotted: tuple[Deal, ...] | None = None
        self._allotted_epoch = -1
        self._capacities: Mapping[DealId, int] = {}
        self._committed_bytes = 0

    async def quote(
        self, deal: DealId, capacity: int, end_epoch: int, asker: str
    ) -> SignedQuote:
        """Return a signed quote; what it promises is journalled before."""
        return await to_the_end(self._quote(deal, capacity, end_epoch, asker))

    async def expire(self, epoch: int) -> None:
        """Let go of promises that bind no more."""
        async with self._turn:
            if past := self._admission.expire(epoch):
                store = self._driver.store
                await store.workers.journal(store.journal.drop_promises, past)

    def offered_bytes(self) -> int:
        """Return how much the vault would still promise to new deals."""
        offer = self._offer()
        return max(offer.left_bytes - self._admission.promised_bytes(offer.held), 0)

    async def _quote(
        self, deal: DealId, capacity: int, end_epoch: int, asker: str
    ) -> SignedQuote:
        async with self._turn:
            held = self._held(deal)
            index = held.index_of(self._driver.holder.vault) if held else None
            price = held.holders[index].price if held and index is not None else None
            epoch, offer = self._ledger.epoch(), self._offer()
            asked = QuoteAsked(deal, capacity, end_epoch, epoch, asker, offer, price)
            match self._admission.receive(asked):
                case Refuse(kind, reason):
                    raise RefusedError(kind, reason)
                case GiveQuote(quote, promise):
                    store = self._driver.store
                    await store.workers.journal(store.journal.promise, deal, promise)
                    return self._signed(quote)

    def _signed(self, quote: Quote) -> SignedQuote:
        """Return the quote as every ledger wants it: a chain looks at the account's."""
        holder = self._driver.holder
        signed = QUOTE.sign(quote, holder.params.network_id, holder.identity)
        if holder.account is None:
            return signed
        return countersign(holder.params, signed, holder.account)

    def _offer(self) -> Offer:
        terms = self._terms()
        capacities = self._allot()
        limits, holdings = self._driver.limits, self._driver.holdings
        unfilled = holdings.space.sums().unfilled_bytes
        free = self._driver.store.files.free_bytes() - limits.reserve_bytes
        return Offer(
            terms.price,
            min(limits.quota_bytes, terms.covered_bytes),
            free - unfilled,
            capacities,
            self._committed_bytes,
            terms.refusal,
        )

    def _allot(self) -> Mapping[DealId, int]:
        """Return the capacities of the deals that are not over."""
        holder, epoch = self._driver.holder, self._ledger.epoch()
        deals = self._ledger.deals_held(holder.vault)
        if deals is not self._allotted or epoch != self._allotted_epoch:
            self._capacities = {
                deal.id: deal.capacity
                for deal in deals
                if epoch < deal.collectable_epoch(holder.params)
            }
            self._committed_bytes = sum(self._capacities.values())
            self._driver.holdings.space.allot(self._capacities)
            self._allotted, self._allotted_epoch = deals, epoch
        return self._capacities

    def _held(self, deal: DealId) -> Deal | None:
        found = self._ledger.deal(deal)
        vault = self._driver.holder.vault
        return found if found and found.index_of(vault) is not None else None
