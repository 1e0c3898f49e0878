"""The mirror follows a served ledger, outlives its absence, and agrees with it."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from unittest import mock

import pytest

from followed_ledger import Followed, followed
from holdfast.ledger.core.operations import Close
from holdfast.ledger.embedded import EmbeddedLedger
from holdfast.ledger.health import LedgerHealth
from holdfast.protocol.units import DealId
from holdfast.vault import ledger_mirror
from holdfast.vault.core.refusals import Refusal, RefusedError
from holdfast.vault.ledger_mirror import LedgerMirror
from ledger_stage import (
    node_keys,
    opened,
)

NUMBERS = [1, 2, 3, 4, 5]


def story(
    tell: Callable[[Followed], Awaitable[None]],
) -> Callable[[Path], None]:
    async def run(path: Path) -> None:
        async with followed(path) as one:
            await tell(one)

    def test(tmp_path: Path) -> None:
        asyncio.run(run(tmp_path / "ledger"))

    test.__name__ = getattr(tell, "__name__", "test")
    return test


@story
async def test_the_mirror_agrees_with_the_ledger_it_follows(one: Followed) -> None:
    stage, mirror = one.stage, one.mirror
    async with one.served():
        await stage.vaults(NUMBERS)
        owner = await stage.fed(90)
        operation = await stage.opening(owner, numbers=NUMBERS[:3])
        await stage.act(owner, operation)
        await stage.advance(7)
        await one.until(lambda: mirror.state.epoch == 7)
        assert mirror.reachable
        assert len(mirror.registry(7)) == len(NUMBERS)
        for period in (0, 1):
            assert mirror.state.committee(period) == await stage.ledger.committee(
                period
            )
        deal = opened(owner, operation)
        assert mirror.deal(deal) == await stage.deal(deal)
        for number in NUMBERS:
            vault = node_keys(number).vault_id
            held = mirror.deals_held(vault)
            assert [d.id for d in held] == ([deal] if number <= 3 else [])
            assert mirror.state.follows(vault)
            group = mirror.group(vault, 7)
            assert len(group) == len(NUMBERS) - 1
            assert vault not in group
        assert mirror.group(node_keys(1).vault_id, 9) == ()
        await stage.act(owner, Close(deal))
        await one.until(lambda: _closed(mirror, deal))


@story
async def test_the_mirror_outlives_its_ledger(one: Followed) -> None:
    stage, mirror = one.stage, one.mirror
    async with one.served():
        await stage.vaults(NUMBERS)
        await stage.advance(4)
        await one.until(lambda: mirror.state.epoch == 4)
    before = mirror.registry(4)
    await stage.advance(2)
    assert mirror.state.epoch == 4
    assert mirror.registry(4) == before
    fresh = EmbeddedLedger(one.book, stage.clock)
    stage.embedded = stage.ledger = fresh
    async with one.served():
        await one.until(lambda: mirror.state.epoch == 6)
        assert mirror.reachable
    await fresh.close()


@story
async def test_an_unknown_deal_is_looked_up_or_said_to_be_out_of_reach(
    one: Followed,
) -> None:
    nothing = DealId(b"\x01" * 32)
    with pytest.raises(RefusedError) as refused:
        await one.mirror.find_deal(nothing)
    assert refused.value.kind is Refusal.UNREADY
    assert one.mirror.health.lost_seconds is not None
    assert one.mirror.health.trouble
    async with one.served():
        await one.until(lambda: one.mirror.reachable)
        assert one.mirror.health == LedgerHealth()
        assert await one.mirror.find_deal(nothing) is None


def _closed(mirror: LedgerMirror, deal: DealId) -> bool:
    found = mirror.deal(deal)
    return found is not None and found.closed_epoch is not None


@story
async def test_a_network_of_many_vaults_is_followed_whole(one: Followed) -> None:
    stage, mirror = one.stage, one.mirror
    numbers = list(range(1, 71))
    async with one.served():
        await stage.vaults(numbers)
        owner = await stage.fed(90)
        operation = await stage.opening(owner, numbers=numbers[-3:])
        await stage.act(owner, operation)
        await stage.advance(5)
        await one.until(lambda: mirror.state.epoch == 5)
        last = node_keys(numbers[-1]).vault_id
        await one.until(lambda: mirror.state.follows(last))
        assert [d.id for d in mirror.deals_held(last)] == [opened(owner, operation)]
        await stage.advance(1)
        await one.until(lambda: mirror.state.epoch == 6)


@story
async def test_of_a_large_network_only_the_deals_of_vaults_in_question_are_mirrored(
    one: Followed,
) -> None:
    stage, mirror = one.stage, one.mirror
    with mock.patch.object(ledger_mirror, "FOLLOW_ALL_MAX", 3):
        async with one.served():
            await stage.vaults(NUMBERS)
            owner = await stage.fed(90)
            deals = [
                await stage.opening(owner, numbers=[number], nonce=number)
                for number in (4, 5)
            ]
            for operation in deals:
                await stage.act(owner, operation)
            await stage.advance(4)
            await one.until(lambda: mirror.state.epoch == 4)
            fourth, fifth = (node_keys(number).vault_id for number in (4, 5))
            assert not mirror.deals_held(fourth)
            assert not mirror.state.follows(fourth), "but now it is wished for"
            mirror.wishes()
            await one.until(lambda: mirror.state.follows(fourth))
            held = [deal.id for deal in mirror.deals_held(fourth)]
            assert held == [opened(owner, deals[0])]
            await stage.act(owner, Close(held[0]))
            await one.until(lambda: _closed(mirror, held[0]))
            assert not mirror.deals_held(fifth)
