"""Followers of the ledger miss nothing, on every adapter."""

import asyncio

from holdfast.ledger.core.operations import Faucet, Fund, Transfer
from holdfast.protocol.network import beacon
from holdfast.protocol.settlement import Totals
from ledger_stage import Stage, account_key, conforms, opened, vault_ids, vault_key

KEY = vault_key(1)


@conforms
async def test_every_epoch_has_a_beacon_made_by_its_tick(stage: Stage) -> None:
    await stage.advance(4)
    beacons = await stage.ledger.beacons(2)
    assert [found.epoch for found in beacons] == [2, 3, 4]
    head = stage.book.state.head
    network = stage.params.network_id
    assert beacons[-1].value == beacon(network, 4, head.hash)
    assert len({found.value for found in await stage.ledger.beacons(0)}) == 5


@conforms
async def test_the_tip_tells_entries_epoch_and_time(stage: Stage) -> None:
    start = await stage.ledger.tip()
    assert (start.sequence, start.epoch) == (1, 0)
    await stage.advance(2)
    stage.clock.seconds += 1.5
    tip = await stage.ledger.tip()
    assert (tip.sequence, tip.epoch, tip.seconds) == (3, 2, stage.clock.seconds)


@conforms
async def test_registry_changes_come_once(stage: Stage) -> None:
    await stage.vaults([1, 2])
    changes = await stage.ledger.registry(0)
    assert tuple(row.vault for row in changes.vaults) == vault_ids([1, 2])
    assert changes.upto == (await stage.ledger.tip()).sequence
    assert (await stage.ledger.registry(changes.upto)).vaults == ()
    await stage.vaults([3])
    later = await stage.ledger.registry(changes.upto)
    assert tuple(row.vault for row in later.vaults) == vault_ids([3])


@conforms
async def test_a_holder_hears_of_its_deals_only(stage: Stage) -> None:
    await stage.vaults([1, 2, 3])
    owner = await stage.fed(50)
    wishes = [
        await stage.opening(owner, numbers=numbers, nonce=nonce)
        for nonce, numbers in enumerate([[1, 2], [2, 3], [1]])
    ]
    for wish in wishes:
        await stage.act(owner, wish)
    deals = [opened(owner, wish) for wish in wishes]
    ones, twos, threes = ((vault,) for vault in vault_ids([1, 2, 3]))
    held = await stage.ledger.deals_held(ones, 0)
    assert [deal.id for deal in held.deals] == [deals[0], deals[2]]
    assert (await stage.ledger.deals_held(ones, held.upto)).deals == ()
    await stage.act(owner, Fund(deals[0], 1))
    changed = await stage.ledger.deals_held(twos + threes, held.upto)
    assert [deal.id for deal in changed.deals] == [deals[0]]
    both = await stage.ledger.deals_held(ones + twos, 0)
    assert [deal.id for deal in both.deals] == [deals[1], deals[2], deals[0]]


@conforms
async def test_one_answer_brings_a_follower_up_to_date(stage: Stage) -> None:
    await stage.vaults([1, 2, 3])
    owner = await stage.fed(50)
    wish = await stage.opening(owner, numbers=[2])
    await stage.act(owner, wish)
    await stage.advance_to(4)
    news = await stage.ledger.sync(vault_ids([2]), 0)
    assert [found.epoch for found in news.beacons] == [0, 1, 2, 3, 4]
    assert [row.vault for row in news.vaults] == list(vault_ids([1, 3, 2]))
    assert [deal.id for deal in news.deals] == [opened(owner, wish)]
    assert (news.settlement, news.more) == (None, False)
    assert news.upto == news.tip.sequence == (await stage.ledger.tip()).sequence
    certificate = await stage.settle(KEY, Totals({}, {}), [1, 2, 3])
    later = await stage.ledger.sync(vault_ids([2]), news.upto)
    assert later.settlement == certificate
    assert [found.epoch for found in later.beacons] == [5, 6, 7, 8]
    assert (later.vaults, later.deals) == ((), ())


@conforms
async def test_a_follower_waits_for_news_and_not_for_noise(stage: Stage) -> None:
    await stage.vaults([1])
    upto = (await stage.ledger.sync(vault_ids([1]), 0)).upto
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(stage.ledger.sync(vault_ids([1]), upto, 30.0))
        await stage.act(account_key(5), Faucet())
        await stage.act(account_key(5), Transfer(KEY.id, 1))
        await stage.ledger.tip()
        assert not waiting.done()
        await stage.advance()
        news = await waiting
    assert [found.epoch for found in news.beacons] == [1]
    assert news.upto == news.tip.sequence


@conforms
async def test_a_follower_who_waits_in_vain_is_told_so(stage: Stage) -> None:
    upto = (await stage.ledger.tip()).sequence
    news = await stage.ledger.sync((), upto, 0.01)
    assert (news.beacons, news.vaults, news.deals) == ((), (), ())
    assert news.upto == upto
