"""The bill put together: the archive's lines, and where each deal's escrow is."""

import asyncio
from pathlib import Path

from holdfast.client.bill_archive import BillArchive
from holdfast.client.bill_collecting import collect, keep_evidence
from holdfast.client.core.billing import Charge, charges
from holdfast.client.network_errors import NetworkError
from holdfast.client.storage import Storage
from holdfast.client.upkeep import BILLS
from holdfast.ledger.errors import LedgerError
from holdfast.protocol.deal import Deal
from holdfast.protocol.frozen import frozen
from holdfast.protocol.units import Grains


@frozen
class DealAccount:
    """A deal's money: `spent` is proved; `locked` is in escrow and not spent yet.

    `is_over` is whether its last paid epoch is past.
    """

    deal: Deal
    last_epoch: int
    spent: Grains
    locked: Grains
    is_over: bool


@frozen
class Bill:
    """All charges, oldest first; `bad` files of the archive do not hold.

    `problem` says why the newest settlement could not be fetched, if so.
    """

    charges: tuple[Charge, ...]
    deals: tuple[DealAccount, ...]
    archive: BillArchive
    bad: tuple[tuple[Path, str], ...]
    problem: str


async def bill_of(storage: Storage, home: Path) -> Bill:
    """Fetch what is new, and read the archive; raises LedgerError, BillError."""
    book = storage.book
    params = book.directory.params
    archive = BillArchive(home / BILLS, book.directory.network)
    problem = ""
    try:
        await collect(book, archive)
        await keep_evidence(book, archive)
    except (NetworkError, LedgerError, OSError) as error:
        problem = str(error)
    deals = await book.deals()
    opened = {deal.id: params.period_of(deal.opened_epoch) for deal in deals}
    periods = await asyncio.to_thread(lambda: list(archive.periods()))
    lines = charges(periods, opened)
    spent = {line.deal: line.total for line in lines}
    epoch = book.directory.epoch()
    accounts = tuple(
        DealAccount(
            deal,
            deal.last_epoch(params),
            deal.escrow if deal.refunded else spent.get(deal.id, 0),
            0 if deal.refunded else max(deal.escrow - spent.get(deal.id, 0), 0),
            epoch >= deal.last_epoch(params),
        )
        for deal in deals
    )
    return Bill(lines, accounts, archive, tuple(archive.bad), problem)
