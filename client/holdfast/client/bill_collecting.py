"""Fetching the proofs of the newest settlement, for the owner's archive."""

import asyncio
import random
from typing import Final

from holdfast.client.bill_archive import BillArchive
from holdfast.client.core.bill_evidence import (
    BEACONS_MAX,
    beacons_of,
    drawing_epoch,
    extract_of,
)
from holdfast.client.core.billing import (
    BillError,
    SettledPeriod,
    check_leaf,
    check_total,
)
from holdfast.client.deal_book import DealBook
from holdfast.client.network_errors import NetworkError
from holdfast.protocol.deal import Deal
from holdfast.protocol.settlement import DEAL_LEAF, Certificate, TotalProof

_ASKED_MAX: Final = 4
_AT_ONCE: Final = 8
_BEACONS_AT_ONCE: Final = 64


async def collect(book: DealBook, archive: BillArchive) -> bool:
    """Archive the newest settlement if it is new; return whether it was.

    Nothing is kept while a deal's total cannot be proved, so that no line is missed.
    Raises LedgerError, NetworkError or OSError.
    """
    settlement = await book.directory.ledger.settlement()
    kept = await asyncio.to_thread(archive.newest_period)
    if settlement is None or settlement.statement.period <= kept:
        return False
    deals = [deal for deal in await book.deals() if _may_be_charged(book, deal, kept)]
    turn = asyncio.Semaphore(_AT_ONCE)

    async def prove(deal: Deal) -> TotalProof | None:
        async with turn:
            return await _proof(book, deal, settlement)

    proofs = await asyncio.gather(*(prove(deal) for deal in deals))
    settled = SettledPeriod(settlement, tuple(p for p in proofs if p is not None))
    await asyncio.to_thread(archive.keep, settled)
    return True


async def keep_evidence(book: DealBook, archive: BillArchive) -> None:
    """Keep of the ledger what tells who could sign the settlements in the archive.

    Beacons that are missing are asked for, at most 64 at a time, the newest first.
    Raises LedgerError or OSError.
    """
    directory = book.directory
    params = directory.params
    before = await asyncio.to_thread(archive.extract)
    beacons = beacons_of(before)
    periods = await asyncio.to_thread(archive.kept_periods)
    wanted = [drawing_epoch(params, period) for period in periods[-BEACONS_MAX:]]
    missing = [epoch for epoch in reversed(wanted) if epoch not in beacons]
    for epoch in missing[:_BEACONS_AT_ONCE]:
        final = await directory.ledger.beacons(epoch)
        beacons |= {each.epoch: each.value for each in final if each.epoch == epoch}
    if beacons != beacons_of(before):
        await directory.refresh()
        extract = extract_of(
            params,
            directory.epoch(),
            directory.rows,
            beacons,
            accounts_certify=directory.ledger.accounts_certify,
        )
        await asyncio.to_thread(archive.keep_extract, extract)


def _may_be_charged(book: DealBook, deal: Deal, kept: int) -> bool:
    """Return whether a deal may have spent anything since period `kept`."""
    params = book.directory.params
    return params.period_of(deal.last_epoch(params)) >= kept


async def _proof(
    book: DealBook, deal: Deal, settlement: Certificate
) -> TotalProof | None:
    """Return a deal's verified total, or None when there is none yet."""
    directory = book.directory
    vaults = directory.active()
    await directory.find(vaults)
    problem = NetworkError("no vault proves what the deals have spent; try again later")
    for vault in random.sample(vaults, min(len(vaults), _ASKED_MAX)):
        try:
            proofs = await directory.link(vault).prove(DEAL_LEAF, deal.id)
            own = [proof for proof in proofs if proof.total.id == deal.id]
            for proof in own:
                check_total(proof, settlement)
            for proof in proofs:
                check_leaf(proof, settlement)
        except (NetworkError, BillError) as error:
            problem = NetworkError(f"{problem} ({error})")
            continue
        if own:
            return own[0]
        if proofs or settlement.statement.count == 0:
            # A vault that hides the total only delays the line: totals are sums.
            return None
    raise problem
