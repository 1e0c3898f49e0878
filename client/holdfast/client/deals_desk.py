"""An owner's deals as the SDK shows and changes them."""

import asyncio
import os
import random
from collections.abc import Sequence
from typing import Final

from holdfast.client.core.deal_choice import first_capacity
from holdfast.client.core.snapshot import SnapshotStats
from holdfast.client.core.upload_price import (
    UploadPrice,
    price_in_deal,
    price_of_new_deal,
)
from holdfast.client.deal_book import DealBook, Terms
from holdfast.client.network_errors import DealUnknownError, NetworkError
from holdfast.client.session_values import CostEstimate, DealStatus
from holdfast.ledger.core.operations import Refund
from holdfast.ledger.errors import AlreadyRefundedError, LedgerError
from holdfast.protocol.deal import Deal
from holdfast.protocol.network import NetworkParams
from holdfast.protocol.settlement import DEAL_LEAF
from holdfast.protocol.units import DealId, Grains

_YEAR_SECONDS: Final = 365 * 86400
_DEVELOPMENT_EPOCHS: Final = 720
_PROVERS_ASKED_MAX: Final = 6


def default_epochs(params: NetworkParams) -> int:
    """Return how long a deal is paid unless told: a year, or an hour of trying out."""
    if params.development:
        return _DEVELOPMENT_EPOCHS
    return _YEAR_SECONDS // params.epoch_seconds


def is_usable(deal: Deal, k: int, n: int, now: int, epochs: int) -> bool:
    """Return whether a backup that pays `epochs` from `now` would write to a deal."""
    runs = deal.closed_epoch is None and deal.end_epoch - now > epochs // 2
    return runs and (deal.k, deal.n) == (k, n)


class DealsDesk:
    """Lists, opens, extends and closes the deals of one account."""

    def __init__(self, book: DealBook) -> None:
        self._book = book

    async def statuses(self) -> tuple[DealStatus, ...]:
        """Return all deals, oldest first."""
        deals = await self._book.deals()
        return tuple(await asyncio.gather(*(self._status(deal) for deal in deals)))

    async def find(self, name: DealId | str) -> Deal:
        """Return the deal of this id, or whose hexadecimal id starts so."""
        start = name.lower() if isinstance(name, str) else name.hex()
        found = [
            deal for deal in await self._book.deals() if deal.id.hex().startswith(start)
        ]
        if len(found) != 1 or not start:
            raise DealUnknownError(start)
        return found[0]

    async def open(self, capacity: int, epochs: int | None) -> DealStatus:
        """Open a deal of so many bytes for each holder."""
        directory = self._book.directory
        params = directory.params
        end = directory.epoch() + (epochs or default_epochs(params))
        terms = Terms(params.policy_k, params.policy_n, first_capacity(capacity), end)
        return await self._status(await self._book.open(terms))

    async def extend(
        self, name: DealId | str, capacity: int | None, epochs: int | None
    ) -> DealStatus:
        """Give a deal a larger capacity, or `epochs` from now as its new end."""
        deal = await self.find(name)
        end = deal.end_epoch
        if epochs is not None:
            end = max(end, self._book.directory.epoch() + epochs)
        larger = max(deal.capacity, capacity or 0)
        return await self._status(await self._book.extend(deal, larger, end))

    async def close(self, name: DealId | str) -> DealStatus:
        """End a deal with the current period; its data is lost afterwards."""
        return await self._status(await self._book.close(await self.find(name)))

    async def cost(
        self, stats: SnapshotStats, chunk_sizes: Sequence[int], epochs: int | None
    ) -> CostEstimate:
        """Return what keeping such chunks costs, where a backup would put them now.

        Prices are those of the deal that would take them, or else quotes just asked
        for; raises TooFewVaultsError when too few vaults give one.
        """
        params = self._book.directory.params
        each = sum(-(-size // params.policy_k) for size in chunk_sizes)
        time = epochs or default_epochs(params)
        price = await self._price(each, epochs, time)
        return CostEstimate(
            stats.files,
            stats.bytes_seen,
            sum(chunk_sizes),
            each * params.policy_n,
            time,
            price.grains_per_epoch,
            price.grains_per_epoch * time,
            price.escrow,
            params.policy_k,
            params.policy_n,
            price.deal,
            price.end_epoch,
        )

    async def _price(self, each: int, epochs: int | None, time: int) -> UploadPrice:
        directory = self._book.directory
        params = directory.params
        policy = (params.policy_k, params.policy_n)
        now = directory.epoch()
        deals = [
            deal
            for deal in await self._book.deals()
            if is_usable(deal, *policy, now, time)
        ]
        if deals:
            newest = max(deals, key=lambda deal: deal.opened_epoch)
            state = await self._book.state(newest)
            held = state.head.value.held_bytes if state.head else 0
            wanted = 0 if epochs is None else now + epochs
            return price_in_deal(newest, held, each, now, wanted)
        terms = Terms(*policy, first_capacity(each), now + time)
        quotes = await self._book.quotes(DealId(os.urandom(32)), terms)
        prices = tuple(quote.value.price for quote in quotes)
        return price_of_new_deal(prices, each, now, now + time)

    async def refund(self) -> Grains:
        """Fetch back what ended deals did not spend; return how much that was.

        A deal is due once its last period is settled. What cannot be proved now is
        tried again the next time.
        """
        directory = self._book.directory
        settlement = await directory.ledger.settlement()
        if settlement is None:
            return 0
        params = directory.params
        due = [
            deal
            for deal in await self._book.deals()
            if not deal.refunded
            and params.period_of(deal.last_epoch(params)) <= settlement.statement.period
        ]
        before = (await directory.ledger.account(self._book.account.id)).balance
        for deal in due:
            await self._refund(deal)
        after = (await directory.ledger.account(self._book.account.id)).balance
        self._book.returned += max(after - before, 0)
        return after - before

    async def _refund(self, deal: Deal) -> None:
        directory = self._book.directory
        vaults = directory.active()
        await directory.find(vaults)
        for vault in random.sample(vaults, min(len(vaults), _PROVERS_ASKED_MAX)):
            try:
                proof = await directory.link(vault).prove(DEAL_LEAF, deal.id)
                await self._book.account.submit(Refund(deal.id, proof))
            except AlreadyRefundedError:
                return
            except (NetworkError, LedgerError):
                continue
            else:
                return

    async def _status(self, deal: Deal) -> DealStatus:
        directory = self._book.directory
        vaults = tuple(holder.vault for holder in deal.holders)
        last = deal.last_epoch(directory.params)
        if directory.epoch() >= deal.collectable_epoch(directory.params):
            return DealStatus(deal, last, 0, 0, (), vaults)
        state = await self._book.state(deal)
        head = state.head.value if state.head else None
        answered = [vaults[index] for index in sorted(state.answered)]
        return DealStatus(
            deal,
            last,
            head.held_bytes if head else 0,
            head.count if head else 0,
            tuple(answered),
            tuple(vault for vault in vaults if vault not in answered),
        )
