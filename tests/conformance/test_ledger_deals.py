"""Deals are opened, funded, extended and closed alike on every adapter."""

from dataclasses import replace

from holdfast.ledger.core.operations import Close, Extend, Fund, Unbond
from holdfast.ledger.errors import (
    AmountRefusedError,
    BalanceTooLowError,
    DealEndedError,
    DealExistsError,
    NotOwnerError,
    QuoteFault,
    QuoteRefusedError,
    StakeTooLowError,
    TermsFault,
    TermsRefusedError,
    UnknownDealError,
)
from holdfast.protocol.deal import Holder
from holdfast.protocol.pricing import escrow_needed
from holdfast.protocol.units import (
    DEAL_BYTES_MAX,
    GIB,
    GRAINS_PER_HOLD,
    SUPPLY_MAX,
    DealId,
    VaultId,
)
from ledger_stage import (
    STRICT,
    Stage,
    account_key,
    allocation,
    cached_registration,
    conforms,
    conforms_on,
    node_keys,
    opened,
    quote,
    refused,
    vault_key,
)

FED = 10_000 * GRAINS_PER_HOLD


@conforms
async def test_a_deal_locks_its_escrow_and_its_holders_stake(stage: Stage) -> None:
    await stage.vaults([1, 2, 3])
    await stage.advance(2)
    owner = await stage.fed(50)
    wish = await stage.opening(owner, numbers=[3, 1], k=2, price=5000)
    await stage.act(owner, wish)
    deal = await stage.deal(opened(owner, wish))
    assert (deal.owner, deal.k, deal.capacity, deal.end_epoch) == (
        *(owner.id, 2, GIB),
        10,
    )
    assert deal.holders == (
        Holder(node_keys(3).vault_id, 5000, 2),
        Holder(node_keys(1).vault_id, 5000, 2),
    )
    assert deal.escrow == escrow_needed(GIB, (5000, 5000), 8) == 80_000
    assert await stage.balance(owner.id) == FED - 80_000
    rows = {row.vault: row for row in (await stage.ledger.registry(0)).vaults}
    committed = [rows[node_keys(n).vault_id].committed_bytes for n in (1, 2, 3)]
    assert committed == [GIB, 0, GIB]


@conforms
async def test_an_owners_deals_are_found_oldest_first(stage: Stage) -> None:
    await stage.vaults([1])
    owner, other = await stage.fed(50), await stage.fed(51)
    wishes = [await stage.opening(owner, numbers=[1], nonce=n) for n in (9, 3, 5)]
    for wish in wishes:
        await stage.act(owner, wish)
    await stage.act(other, await stage.opening(other, numbers=[1], nonce=9))
    await stage.act(owner, Fund(opened(owner, wishes[0]), 1))
    found = await stage.ledger.deals_of(owner.id)
    assert [deal.id for deal in found] == [opened(owner, wish) for wish in wishes]
    assert await stage.ledger.deals((DealId(bytes(32)),)) == ()


@conforms
async def test_a_deal_is_opened_once(stage: Stage) -> None:
    await stage.vaults([1])
    owner = await stage.fed(50)
    wish = await stage.opening(owner, numbers=[1])
    await stage.act(owner, wish)
    with refused(DealExistsError, deal=opened(owner, wish)):
        await stage.act(owner, wish)


@conforms
async def test_impossible_terms_are_refused(stage: Stage) -> None:
    await stage.vaults([1])
    await stage.advance(5)
    owner = await stage.fed(50)
    good = await stage.opening(owner, numbers=[1])
    wrong = {
        TermsFault.HOLDERS: [replace(good, k=0), replace(good, k=2)],
        TermsFault.CAPACITY: [
            replace(good, capacity=0),
            replace(good, capacity=DEAL_BYTES_MAX + 1),
        ],
        TermsFault.END: [
            replace(good, end_epoch=5),
            replace(good, end_epoch=(1 << 32) + 6),
        ],
    }
    for fault, wishes in wrong.items():
        for wish in wishes:
            with refused(TermsRefusedError, deal=opened(owner, wish), fault=fault):
                await stage.act(owner, wish)


@conforms
async def test_only_quotes_that_hold_open_a_deal(stage: Stage) -> None:
    await stage.vaults([1, 2, 3])
    await stage.advance(4)
    await stage.act(vault_key(3), Unbond(node_keys(3).vault_id))
    owner = await stage.fed(50)
    good = await stage.opening(owner, numbers=[1, 2])
    deal, params = opened(owner, good), stage.params
    stranger = node_keys(9).vault_id
    bad = {
        QuoteFault.NOT_ACTIVE: [
            quote(params, 9, deal, 4),
            quote(params, 3, deal, 4),
            quote(params, 1, deal, 4, vault=stranger),
        ],
        QuoteFault.SIGNATURE: [
            quote(replace(params, name="other"), 2, deal, 4),
            quote(params, 9, deal, 4, vault=node_keys(2).vault_id),
        ],
        QuoteFault.OTHER_TERMS: [
            quote(params, 2, DealId(bytes(32)), 4),
            quote(params, 2, deal, 4, capacity=GIB + 1),
            quote(params, 2, deal, 4, end_epoch=13),
        ],
        QuoteFault.EXPIRED: [quote(params, 2, deal, 4, valid_epoch=3)],
        QuoteFault.PRICE: [quote(params, 2, deal, 4, price=SUPPLY_MAX + 1)],
        QuoteFault.SAME_VAULT: [quote(params, 1, deal, 4)],
    }
    for fault, quotes in bad.items():
        for wrong in quotes:
            wish = replace(good, quotes=(good.quotes[0], wrong))
            with refused(QuoteRefusedError, index=1, fault=fault):
                await stage.act(owner, wish)
    last_day = quote(params, 2, deal, 4, valid_epoch=4)
    await stage.act(owner, replace(good, quotes=(good.quotes[0], last_day)))


@conforms_on(
    STRICT,
    allocation(vault_key(1), 1000),
    allocation(vault_key(2), 1000),
    allocation(account_key(50), 1000),
)
async def test_on_a_real_network_every_holder_has_its_own_payout(stage: Stage) -> None:
    payout = account_key(77).id
    for number in (1, 2):
        wish = cached_registration(number, STRICT, payout, GRAINS_PER_HOLD)
        await stage.act(vault_key(number), wish)
    owner = account_key(50)
    with refused(QuoteRefusedError, index=1, fault=QuoteFault.SAME_PAYOUT):
        await stage.act(owner, await stage.opening(owner, numbers=[1, 2]))
    await stage.act(owner, await stage.opening(owner, numbers=[2]))


@conforms
async def test_a_stake_vouches_for_a_bounded_number_of_bytes(stage: Stage) -> None:
    price, terms = stage.params.rebuild_price, {"numbers": [1], "capacity": 50 * GIB}
    await stage.vaults([1], stake=100 * price)
    owner = await stage.fed(50)
    for nonce in (1, 2):
        await stage.act(owner, await stage.opening(owner, nonce=nonce, **terms))
    vault = node_keys(1).vault_id
    data = {"vault": vault, "needed": 150 * price, "has": 100 * price}
    third = await stage.opening(owner, nonce=3, **terms)
    with refused(StakeTooLowError, **data):
        await stage.act(owner, third)
    key = vault_key(1)
    await stage.act(key, cached_registration(1, stage.params, key.id, 50 * price))
    await stage.act(owner, third)


@conforms
async def test_a_deal_needs_the_tokens_it_locks(stage: Stage) -> None:
    await stage.vaults([1])
    poor = account_key(50)
    with refused(BalanceTooLowError, account=poor.id, needed=8000, has=0):
        await stage.act(poor, await stage.opening(poor, numbers=[1]))
    rows = (await stage.ledger.registry(0)).vaults
    assert rows[0].committed_bytes == 0


@conforms
async def test_anybody_funds_a_deal_until_it_ends(stage: Stage) -> None:
    await stage.vaults([1])
    owner, friend = await stage.fed(50), await stage.fed(51)
    wish = await stage.opening(owner, numbers=[1])
    deal = opened(owner, wish)
    with refused(UnknownDealError, deal=deal):
        await stage.act(friend, Fund(deal, 5))
    await stage.act(owner, wish)
    await stage.act(friend, Fund(deal, 5))
    assert (await stage.deal(deal)).escrow == 8005
    with refused(AmountRefusedError, amount=0):
        await stage.act(friend, Fund(deal, 0))
    await stage.advance_to(8)
    with refused(DealEndedError, deal=deal, last_epoch=8):
        await stage.act(friend, Fund(deal, 5))


@conforms
async def test_a_deal_is_extended_for_what_its_growth_costs(stage: Stage) -> None:
    await stage.vaults([1, 2])
    owner = await stage.fed(50)
    wish = await stage.opening(owner, numbers=[1, 2])
    deal, params = opened(owner, wish), stage.params
    await stage.act(owner, wish)
    await stage.advance_to(4)
    terms = {"capacity": 2 * GIB, "end_epoch": 10}
    quotes = tuple(quote(params, n, deal, 4, **terms) for n in (1, 2))
    before = await stage.balance(owner.id)
    await stage.act(owner, Extend(deal, quotes=quotes, **terms))
    grown = await stage.deal(deal)
    assert (grown.capacity, grown.end_epoch) == (2 * GIB, 10)
    # Two holders at 1,000: six epochs of 2 GiB instead of four epochs of 1 GiB.
    assert before - await stage.balance(owner.id) == 2 * (6 * 2000 - 4 * 1000)
    assert grown.escrow == 16_000 + 16_000
    rows = (await stage.ledger.registry(0)).vaults
    assert [row.committed_bytes for row in rows] == [2 * GIB, 2 * GIB]


@conforms
async def test_what_was_funded_pays_for_an_extension(stage: Stage) -> None:
    await stage.vaults([1])
    owner, friend = await stage.fed(50), await stage.fed(51)
    wish = await stage.opening(owner, numbers=[1])
    deal = opened(owner, wish)
    await stage.act(owner, wish)
    await stage.act(friend, Fund(deal, 1500))
    before = await stage.balance(owner.id)
    quotes = (quote(stage.params, 1, deal, 0, end_epoch=10),)
    await stage.act(owner, Extend(deal, GIB, 10, quotes))
    assert before - await stage.balance(owner.id) == 500
    assert (await stage.deal(deal)).escrow == 10_000


@conforms
async def test_only_growth_at_the_old_prices_by_the_same_holders(stage: Stage) -> None:
    await stage.vaults([1, 2])
    owner, thief = await stage.fed(50), await stage.fed(51)
    wish = await stage.opening(owner, numbers=[1, 2], end_epoch=8)
    deal, params = opened(owner, wish), stage.params
    await stage.act(owner, wish)

    def quotes(*numbers: int, price: int = 1000) -> tuple:  # type: ignore[type-arg]
        return tuple(
            quote(params, n, deal, 0, end_epoch=9, price=price) for n in numbers
        )

    with refused(NotOwnerError, thing=deal, owner=owner.id, account=thief.id):
        await stage.act(thief, Extend(deal, GIB, 9, quotes(1, 2)))
    for terms, fault in (
        ((GIB, 8), TermsFault.UNCHANGED),
        ((GIB, 7), TermsFault.SHRINKS),
        ((GIB - 1, 9), TermsFault.SHRINKS),
        ((DEAL_BYTES_MAX + 1, 9), TermsFault.CAPACITY),
    ):
        with refused(TermsRefusedError, fault=fault):
            await stage.act(owner, Extend(deal, *terms, quotes(1, 2)))
    for wrong, blamed, index in (
        (quotes(2, 1), QuoteFault.HOLDER, 0),
        (quotes(1), QuoteFault.HOLDER, 1),
        (quotes(1, 2, 2), QuoteFault.HOLDER, 1),
        (quotes(1, 2, price=999), QuoteFault.PRICE, 0),
    ):
        with refused(QuoteRefusedError, index=index, fault=blamed):
            await stage.act(owner, Extend(deal, GIB, 9, wrong))


@conforms
async def test_a_closed_deal_ends_with_the_period(stage: Stage) -> None:
    await stage.vaults([1])
    owner, thief = await stage.fed(50), await stage.fed(51)
    wish = await stage.opening(owner, numbers=[1], end_epoch=100)
    deal = opened(owner, wish)
    await stage.act(owner, wish)
    await stage.advance_to(5)
    with refused(NotOwnerError, thing=deal):
        await stage.act(thief, Close(deal))
    await stage.act(owner, Close(deal))
    closed = await stage.deal(deal)
    assert (closed.closed_epoch, closed.last_epoch(stage.params)) == (5, 8)
    quotes = (quote(stage.params, 1, deal, 5, end_epoch=120),)
    for late in (Close(deal), Fund(deal, 1), Extend(deal, GIB, 120, quotes)):
        with refused(DealEndedError, deal=deal, last_epoch=8):
            await stage.act(owner, late)


@conforms
async def test_the_largest_deal_fits(stage: Stage) -> None:
    numbers = list(range(1, 21))
    await stage.vaults(numbers)
    owner = await stage.fed(50)
    wish = await stage.opening(
        owner, numbers=numbers, k=20, capacity=DEAL_BYTES_MAX, price=10
    )
    await stage.act(owner, wish)
    held = await stage.ledger.deals_held((VaultId(node_keys(20).vault_id),), 0)
    assert held.deals == (await stage.deal(opened(owner, wish)),)
