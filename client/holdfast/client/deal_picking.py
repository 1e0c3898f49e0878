"""Which deal an upload writes to next: one that may be written to, or a new one.

A deal that is there is passed over while a holder is away. Holders of a new one were
all there a moment ago, so they are waited for, and who stays away is not asked again.
"""

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Final

from holdfast.client.core.deal_choice import first_capacity
from holdfast.client.core.upload_terms import Footing
from holdfast.client.deal_book import DealBook, Terms
from holdfast.client.deal_footing import footing_of
from holdfast.client.deals_desk import is_usable
from holdfast.client.network_errors import (
    DealUnreadableError,
    DealUnwritableError,
    OtherWriterError,
    TooFewVaultsError,
    UploadFailedError,
)
from holdfast.client.upload_options import LeftDeal, UploadOptions
from holdfast.client.wording import count
from holdfast.ledger.core.errors import LedgerError, hold
from holdfast.protocol.deal import Deal
from holdfast.protocol.units import DealId, VaultId

_DEALS_TRIED_MAX: Final = 6


class DealPicking:
    """Picks deals, and keeps those that were given up and the vaults that failed."""

    def __init__(self, book: DealBook, options: UploadOptions) -> None:
        self._book = book
        self._options = options
        self._given_up: set[DealId] = set()
        self._left_vaults: set[VaultId] = set()
        self.left: list[LeftDeal] = []

    async def pick(self, waiting_bytes: int) -> tuple[Deal, Footing]:
        """Return a deal and where it stands; a new one has room for what waits.

        Raises TooFewVaultsError or UploadFailedError, and what opening raises.
        """
        for deal in await self._usable():
            try:
                return deal, await footing_of(self._book, deal)
            except (DealUnwritableError, DealUnreadableError, OtherWriterError):
                self.pass_over(deal.id)
        while True:
            deal = await self._opened(waiting_bytes)
            try:
                return deal, await self._patient_footing(deal)
            except DealUnwritableError as error:
                away = [(vault, "it does not answer") for vault in error.missing]
                await self.leave(deal, away, empty=True)

    def pass_over(self, deal: DealId) -> None:
        """Do not pick this deal any more."""
        self._given_up.add(deal)

    async def leave(
        self, deal: Deal, words: Sequence[tuple[VaultId, str]], *, empty: bool
    ) -> None:
        """Give a deal up for these holders' failings; an `empty` one is closed.

        Raises UploadFailedError when that happened too often.
        """
        self.pass_over(deal.id)
        for vault, _ in words:
            self._left_vaults.add(vault)
            epoch = self._book.directory.epoch()
            await asyncio.to_thread(self._book.journal.keep_laggard, vault, epoch)
        closed = False
        if empty:
            # It holds nothing, so its escrow may flow back.
            with contextlib.suppress(LedgerError):
                deal = await self._book.close(deal)
                closed = True
        escrow = deal.escrow * closed
        self.left.append(LeftDeal(deal.id, tuple(words), closed, escrow))
        if len(self.left) >= _DEALS_TRIED_MAX:
            raise self._failed(
                f"{len(self.left)} deals in a row lost holders ({self._last_words()})"
            )

    def _last_words(self) -> str:
        words = self.left[-1].words
        said = "; ".join(f"{vault.hex()[:16]}: {word}" for vault, word in words)
        return f"the last: {said}"

    def _failed(self, reason: str) -> UploadFailedError:
        grains = sum(left.escrow for left in self.left)
        back = f"{hold(grains)} of escrow come back by themselves after this period; "
        return UploadFailedError(
            f"{reason}; what was acknowledged is kept; {back if grains else ''}"
            "run the command again later"
        )

    async def _usable(self) -> list[Deal]:
        """Return the deals that may be written to, the best first."""
        options, directory = self._options, self._book.directory
        now = directory.epoch()
        deals = [
            deal
            for deal in await self._book.deals()
            if is_usable(deal, options.k, options.n, now, options.epochs)
            and deal.id not in self._given_up
        ]
        return sorted(
            deals,
            key=lambda deal: (deal.id != options.preferred, -deal.opened_epoch),
        )

    async def _opened(self, waiting_bytes: int) -> Deal:
        options = self._options
        expected = max(await asyncio.to_thread(options.expected), waiting_bytes)
        end = self._book.directory.epoch() + options.epochs
        capacity = first_capacity(-(-expected // options.k))
        terms = Terms(options.k, options.n, capacity, end)
        try:
            return await self._book.open(terms, self._left_vaults)
        except TooFewVaultsError as error:
            if not self.left:
                raise
            given_up = f"gave up {count(len(self.left), 'deal')} whose holders failed"
            raise self._failed(
                f"{given_up} ({self._last_words()}), and of other vaults "
                f"{error.offered} offer to hold one that needs {error.needed}"
            ) from error

    async def _patient_footing(self, deal: Deal) -> Footing:
        """Return a new deal's footing; holders may be away as long as in an upload."""
        limits, loop = self._options.limits, asyncio.get_running_loop()
        deadline = loop.time() + limits.away_seconds
        while True:
            try:
                return await footing_of(self._book, deal)
            except DealUnwritableError:
                if loop.time() >= deadline:
                    raise
            await asyncio.sleep(limits.retry_seconds)
