"""Holders that go away just when their deal was opened."""

import asyncio
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

import pytest

from holdfast.client.core.deal_state import DealState
from holdfast.client.deal_book import DealBook, Terms
from holdfast.client.upload import Upload
from holdfast.protocol.deal import Deal
from holdfast.protocol.units import VaultId
from market_steps import EMPTY, MEMO, payloads, read_all, send
from small_market import IMPATIENT, PATIENT, Market, market
from vault_stand_in import VaultStandIn


def stopped_once_chosen(
    place: Market, book: DealBook, patch: pytest.MonkeyPatch
) -> list[VaultStandIn]:
    """Stop the first holder of the next deal that is opened; return it in a list."""
    opened, stopped = book.open, list[VaultStandIn]()

    async def opening(terms: Terms, without: Collection[VaultId] = ()) -> Deal:
        deal = await opened(terms, without)
        if not stopped:
            first = deal.holders[0].vault
            stopped.append(next(v for v in place.vaults if v.vault == first))
            await stopped[0].stop()
        return deal

    patch.setattr(book, "open", opening)
    return stopped


def test_a_holder_that_restarts_while_its_deal_is_opened_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story() -> None:
        chunks = payloads(2)
        async with market(tmp_path) as place, place.client() as book:
            stopped, asked = stopped_once_chosen(place, book, monkeypatch), book.state

            async def asking(deal: Deal, *, everybody: bool = False) -> DealState:
                said = await asked(deal, everybody=everybody)
                if stopped and len(said.answered) < deal.n:
                    await stopped[0].start()
                return said

            monkeypatch.setattr(book, "state", asking)
            async with Upload(book, place.options(limits=PATIENT)) as upload:
                ids = await send(upload, chunks)
                deal = await upload.commit(MEMO, [EMPTY])
                assert upload.left_deals == []
            assert stopped[0].vault == deal.holders[0].vault
            assert await read_all(book, ids) == chunks

    asyncio.run(story())


def test_a_new_deal_whose_holder_stays_away_is_closed_and_another_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story() -> None:
        chunks = payloads(2)
        async with market(tmp_path) as place, place.client() as book:
            stopped = stopped_once_chosen(place, book, monkeypatch)
            limits = replace(IMPATIENT, away_seconds=0.1)
            async with Upload(book, place.options(limits=limits)) as upload:
                ids = await send(upload, chunks)
                deal = await upload.commit(MEMO, [EMPTY])
                (left,) = upload.left_deals
            assert left.words == ((stopped[0].vault, "it does not answer"),)
            assert left.closed
            assert stopped[0].vault not in {holder.vault for holder in deal.holders}
            assert await read_all(book, ids) == chunks

    asyncio.run(story())
