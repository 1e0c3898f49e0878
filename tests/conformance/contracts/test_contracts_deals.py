"""Deals that are not opened, extended or closed."""

from typing import Any

from evm_people import account, make_vault
from evm_stage import CAPACITY, END, PRICE, Stage


def test_a_deal_needs_its_vaults_signatures(stage: Stage) -> None:
    network, nonce = stage.network, b"\2" * 32
    deal = stage.id_of(stage.user, nonce)
    good = stage.quotes(deal)
    vault = stage.holders[0]
    terms = (PRICE, CAPACITY, END)
    forged = {
        "other signer": network.quote(deal, vault, *terms, 100, stage.stranger),
        "other deal": network.quote(b"\3" * 32, vault, *terms, 100),
        "other end": network.quote(deal, vault, PRICE, CAPACITY, END + 1, 100),
        "other capacity": network.quote(deal, vault, PRICE, CAPACITY + 1, END, 100),
        "other price": (vault.id, PRICE - 1, *good[0][2:]),
        "other vault": (stage.vaults[4].id, *good[0][1:]),
        "nobody": (*good[0][:3], 27, bytes(32), bytes(32)),
    }
    for quote in forged.values():
        call = stage.open_call(stage.user, nonce, [quote, *good[1:]])
        network.refused(call, stage.user, "quote not signed")


def test_the_second_signature_of_the_same_quote_is_refused(stage: Stage) -> None:
    nonce = b"\2" * 32
    good = stage.quotes(stage.id_of(stage.user, nonce))
    order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
    high = (order - int.from_bytes(good[0][5], "big")).to_bytes(32, "big")
    twin = (*good[0][:3], 55 - good[0][3], good[0][4], high)
    call = stage.open_call(stage.user, nonce, [twin, *good[1:]])
    stage.network.refused(call, stage.user, "quote not signed")


def test_deals_with_impossible_terms_are_refused(stage: Stage) -> None:
    nonce, network = b"\2" * 32, stage.network
    deal = stage.id_of(stage.user, nonce)
    quotes = stage.quotes(deal)
    cases: list[tuple[dict[str, Any], str]] = [
        ({"k": 0}, "holders refused"),
        ({"k": 5}, "holders refused"),
        ({"capacity": 0}, "capacity refused"),
        ({"capacity": 2**36 + 1}, "capacity refused"),
        ({"end": 4}, "end refused"),
        ({"end": 5 + 2**32}, "end refused"),
    ]
    for terms, reason in cases:
        call = stage.open_call(stage.user, nonce, quotes, **terms)
        network.refused(call, stage.user, reason)
    network.refused(stage.open_call(stage.user), stage.user, "deal exists")
    call = stage.open_call(stage.user, nonce, stage.quotes(deal, valid=3))
    network.refused(call, stage.user, "quote expired")
    call = stage.open_call(stage.user, nonce, [*quotes[:3], quotes[0]])
    network.refused(call, stage.user, "vault twice")


def test_an_escrow_must_be_paid(stage: Stage) -> None:
    poor = account(90)
    stage.network.equip(poor, 10)
    stage.network.refused(stage.open_call(poor), poor, "balance too low")


def test_a_stake_vouches_for_so_many_bytes_only(stage: Stage) -> None:
    vault = make_vault(91)
    price = stage.network.params.rebuild_price
    stage.network.join(vault, price)
    nonce = b"\4" * 32
    deal = stage.id_of(stage.user, nonce)
    for capacity, fits in ((CAPACITY, True), (CAPACITY + 1, False)):
        quotes = [stage.network.quote(deal, vault, 1, capacity, END, 100)]
        call = stage.open_call(stage.user, nonce, quotes, k=1, capacity=capacity)
        if fits:
            call.call({"from": stage.user.address})
        else:
            stage.network.refused(call, stage.user, "stake too low")


def test_a_vault_that_left_holds_no_new_deals(stage: Stage) -> None:
    vault = stage.vaults[3]
    call = stage.network.registry.functions.unbond(vault.id)
    stage.network.send(call, vault.account)
    call = stage.open_call(stage.user, b"\2" * 32)
    stage.network.refused(call, stage.user, "vault not active")


def test_holders_must_have_different_payouts(stage: Stage) -> None:
    twin = make_vault(92)
    twin.payout = stage.vaults[0].payout
    stage.network.join(twin)
    nonce = b"\4" * 32
    deal = stage.id_of(stage.user, nonce)
    quotes = [
        stage.network.quote(deal, vault, 1, CAPACITY, END, 100)
        for vault in (stage.vaults[0], twin)
    ]
    call = stage.open_call(stage.user, nonce, quotes, k=1)
    stage.network.refused(call, stage.user, "payout twice")


def test_only_the_owner_extends_and_closes(stage: Stage) -> None:
    deals = stage.network.deals.functions
    quotes = stage.quotes(stage.deal, CAPACITY, END + 1)
    extend = deals.extend(stage.deal, CAPACITY, END + 1, quotes)
    for call in (extend, deals.close(stage.deal)):
        stage.network.refused(call, stage.stranger, "not the owner")
    fund = deals.fund(b"\1" * 32, 1)
    stage.network.refused(fund, stage.user, "deal unknown")


def test_a_deal_only_grows_and_at_its_old_prices(stage: Stage) -> None:
    deals, network = stage.network.deals.functions, stage.network
    cases = {
        (CAPACITY, END): "deal unchanged",
        (CAPACITY - 1, END + 1): "deal shrinks",
        (CAPACITY, END - 1): "deal shrinks",
    }
    for terms, reason in cases.items():
        call = deals.extend(stage.deal, *terms, stage.quotes(stage.deal, *terms))
        network.refused(call, stage.user, reason)
    quotes = stage.quotes(stage.deal, CAPACITY, END + 1)
    dearer = network.quote(
        stage.deal, stage.holders[0], PRICE + 1, CAPACITY, END + 1, 100
    )
    for wrong in ([dearer, *quotes[1:]], quotes[:3], quotes[::-1]):
        call = deals.extend(stage.deal, CAPACITY, END + 1, wrong)
        network.refused(call, stage.user, "not the holders")


def test_a_deal_that_is_over_stays_so(stage: Stage) -> None:
    deals = stage.network.deals.functions
    stage.network.send(deals.close(stage.deal), stage.user)
    stage.network.refused(deals.close(stage.deal), stage.user, "deal ended")
    stage.network.refused(deals.fund(stage.deal, 1), stage.user, "deal ended")
