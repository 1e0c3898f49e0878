"""What a backup would cost, and that it then costs just that."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from holdfast.client.async_client import AsyncClient
from holdfast.client.core.upload_price import price_in_deal, price_of_new_deal
from holdfast.protocol.deal import Deal, Holder
from holdfast.protocol.pricing import escrow_needed
from holdfast.protocol.units import GIB, MIB, AccountId, DealId, VaultId
from sdk_on_market import client
from small_market import Market, market

HOLDERS = tuple(Holder(VaultId(bytes([n]) * 32), 100 + n, 0) for n in range(8))
DEAL = Deal(
    DealId(b"\xaa" * 32),
    AccountId(bytes(20)),
    bytes(32),
    bytes(32),
    4,
    HOLDERS,
    GIB,
    0,
    1000,
    0,
)
PRICES = tuple(holder.price for holder in HOLDERS)


def test_a_deal_with_room_takes_more_for_nothing_beforehand() -> None:
    price = price_in_deal(DEAL, 0, GIB, 500, 0)
    assert (price.deal, price.escrow, price.end_epoch) == (DEAL.id, 0, 1000)
    assert price.grains_per_epoch == sum(PRICES)


def test_a_full_deal_grows_and_a_later_end_is_paid_beforehand() -> None:
    grown = price_in_deal(DEAL, GIB, 1, 500, 0)
    assert grown.escrow == escrow_needed(GIB // 2, PRICES, 500)
    later = price_in_deal(DEAL, 0, 1, 500, 1200)
    assert later.escrow == escrow_needed(GIB, PRICES, 200)
    assert later.end_epoch == 1200


@given(st.integers(0, 4 * GIB), st.integers(0, GIB), st.integers(0, 3000))
def test_a_price_never_falls_when_more_is_asked(more: int, held: int, end: int) -> None:
    now = 500
    price = price_in_deal(DEAL, held, more, now, end)
    wider = price_in_deal(replace(DEAL), held, more + MIB, now, end + 1)
    assert 0 <= price.escrow <= wider.escrow
    assert price.grains_per_epoch <= wider.grains_per_epoch
    new = price_of_new_deal(PRICES, more, now, now + 10)
    assert new.escrow >= 10 * new.grains_per_epoch


def story(
    path: Path, play: Callable[[Market, AsyncClient, Path], Awaitable[None]]
) -> None:
    async def run() -> None:
        source = path / "source"
        source.mkdir()
        (source / "file").write_bytes(os.urandom(5 * MIB))
        async with market(path, 8) as place, client(place, path / "one") as one:
            await play(place, one, source)

    asyncio.run(run())


def test_the_cost_of_a_first_backup_is_quoted_and_its_escrow_is_what_is_locked(
    tmp_path: Path,
) -> None:
    async def play(place: Market, one: AsyncClient, source: Path) -> None:
        announced = await one.cost([source], epochs=100)
        for vault in place.vaults:
            vault.price *= 3  # not announced; only who asks hears of it
        told = await one.cost([source], epochs=100)
        assert told.deal is None
        assert told.escrow == 3 * announced.escrow
        before = await one.balance()
        await one.backup([source], epochs=100)
        assert before - await one.balance() == told.escrow

    story(tmp_path, play)


def test_what_is_stored_already_costs_nothing_and_the_rest_what_the_deal_says(
    tmp_path: Path,
) -> None:
    async def play(place: Market, one: AsyncClient, source: Path) -> None:
        await one.backup([source])
        (deal,) = await one.deals()
        for vault in place.vaults:
            vault.price *= 3  # a deal's prices are fixed
        same = await one.cost([source])
        assert same.new_bytes < 10_000
        assert (same.deal, same.escrow) == (deal.deal.id, 0)
        (source / "copy").write_bytes((source / "file").read_bytes())
        (source / "new").write_bytes(os.urandom(MIB))
        more = await one.cost([source])
        assert MIB < more.new_bytes < 1.1 * MIB
        per_gib = sum(holder.price for holder in deal.deal.holders)
        expected = more.new_bytes / 4 * per_gib / GIB
        assert abs(more.grains_per_epoch - expected) < expected / 100

    story(tmp_path, play)
