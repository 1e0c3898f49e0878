"""What contracts do when everybody behaves."""

import pytest

from evm_network import GRAINS, said
from evm_people import make_vault
from evm_stage import CAPACITY, END, PRICE, STAKE, Stage
from holdfast.protocol import bls
from holdfast.protocol.pricing import escrow_needed
from holdfast.protocol.settlement import DEAL_LEAF, STATEMENT, Ejection, Totals
from holdfast.protocol.units import DealId, Digest

ACTIVE, UNBONDING, WITHDRAWN, EJECTED = 1, 2, 4, 8
PRICES = tuple(PRICE + i for i in range(4))
CASE = Digest(b"\x0c" * 32)


def earnings(stage: Stage, each: int) -> Totals:
    earned = {vault.id: each for vault in stage.holders}
    return Totals(earned, {stage.deal: 4 * each})


def held_by_contracts(stage: Stage) -> int:
    network = stage.network
    parts = (network.registry, network.deals, network.settlement)
    return sum(network.balance(part.address) for part in parts)


def test_a_vault_that_registers_stands_in_the_registry(stage: Stage) -> None:
    network, vault = stage.network, make_vault(50)
    before = held_by_contracts(stage)
    network.join(vault, 7 * GRAINS)
    number, account, payout, stake, committed, listing, joined, *_ = network.row(vault)
    assert (number, account, payout) == (5, vault.account.address, vault.payout)
    assert (stake, committed, listing, joined) == (7 * GRAINS, 0, ACTIVE, 4)
    assert held_by_contracts(stage) == before + 7 * GRAINS
    assert network.certificates.functions.key_of(5).call() == vault.keys.bls_public


def test_the_event_of_a_registration_has_all_that_was_signed(stage: Stage) -> None:
    network, vault = stage.network, make_vault(51)
    network.equip(vault.account, STAKE)
    receipt = network.send(network.registration(vault, STAKE), vault.account)
    event = said(network.registry.events.Registered, receipt)
    assert event["vault"] == vault.id
    assert event["identity_key"] == vault.keys.identity.public
    assert event["bls_key"] == vault.keys.bls_public
    possession = bls.prove_possession(vault.keys.bls_secret)
    assert event["possession"] == possession
    assert event["consent"] == network.consent(vault, possession, STAKE)


def test_a_stake_can_grow(stage: Stage) -> None:
    network, vault = stage.network, stage.vaults[0]
    network.give(vault.account.address, 5)
    call = network.registry.functions.add_stake(vault.id, 5)
    network.send(call, vault.account, "add stake")
    assert network.row(vault)[3] == STAKE + 5


def test_opening_a_deal_locks_what_the_rules_say(stage: Stage) -> None:
    row = stage.network.deals.functions.deal(stage.deal).call()
    escrow = escrow_needed(CAPACITY, PRICES, END)
    assert row[:7] == (stage.user.address, 2, 0, END, 2**64 - 1, CAPACITY, escrow)
    assert stage.network.deals.functions.escrowed().call() == escrow
    assert stage.network.row(stage.holders[0])[4] == CAPACITY
    assert stage.network.row(stage.vaults[4])[4] == 0


def test_a_settlement_moves_what_was_spent_and_a_claim_pays_it(stage: Stage) -> None:
    network = stage.network
    total = held_by_contracts(stage)
    stage.settle(0, earnings(stage, 3_000), name="settle, first, 5 of 5")
    assert network.settlement.functions.totals().call() == [1, 12_000, 12_000, 0, 0]
    assert network.balance(network.settlement.address) == 12_000
    assert held_by_contracts(stage) == total

    vault = stage.holders[0]
    before = network.balance(vault.payout)
    network.send(stage.claim_call(vault), stage.stranger, "claim, first of a vault")
    assert network.balance(vault.payout) == before + 3_000
    assert network.settlement.functions.totals().call()[4] == 3_000
    assert network.row(vault)[9] == 3_000


def test_claims_are_cumulative(stage: Stage) -> None:
    network, vault = stage.network, stage.holders[1]
    stage.settle(0, earnings(stage, 1_000))
    network.send(stage.claim_call(vault), stage.stranger)
    stage.begin_epoch(8)
    stage.settle(1, earnings(stage, 3_500), name="settle, 5 of 5")
    network.send(stage.claim_call(vault), stage.stranger, "claim")
    assert network.balance(vault.payout) == 3_500
    assert network.gas["claim"] < 90_000


def test_the_settlement_event_has_the_whole_certificate(stage: Stage) -> None:
    receipt = stage.settle(0, earnings(stage, 10))
    event = said(stage.network.settlement.events.PeriodSettled, receipt)
    statement = STATEMENT.decode(bytes(event["statement"]))
    assert statement.root == stage.totals.tree().root
    assert event["signers"] == 0b11111
    assert len(event["evidence"]) == 256


def test_a_majority_is_enough(stage: Stage) -> None:
    statement = stage.network.statement(0, earnings(stage, 10))
    call = stage.network.settle_call(statement, stage.committee, [4, 1, 2])
    stage.network.send(call, stage.stranger, "settle, first, 3 of 5")


def test_an_ended_deal_is_refunded_with_its_leaf(stage: Stage) -> None:
    network = stage.network
    stage.begin_epoch(8)
    stage.settle(1, earnings(stage, 5_000))
    stage.begin_epoch(12)
    stage.settle(2, earnings(stage, 6_000))
    before = network.balance(stage.user.address)
    network.send(stage.refund_call(), stage.stranger, "refund, n = 4")
    escrow = escrow_needed(CAPACITY, PRICES, END)
    assert network.balance(stage.user.address) == before + escrow - 24_000
    assert network.row(stage.holders[0])[4] == 0
    assert network.deals.functions.escrowed().call() == 0


@pytest.mark.parametrize("neighbours", ["none", "below", "above", "both"])
def test_a_deal_that_spent_nothing_is_refunded_without_a_leaf(
    stage: Stage, neighbours: str
) -> None:
    place = int.from_bytes(stage.deal, "big")
    low, high = (DealId((place + off).to_bytes(32, "big")) for off in (-5, 5))
    # The stage's own deal is settled as if others had spent its escrow.
    spent: dict[DealId, int] = {
        "none": {},
        "below": {low: 1},
        "above": {high: 1},
        "both": {low: 1, high: 1},
    }[neighbours]
    stage.begin_epoch(12)
    totals = Totals({}, spent)
    stage.settle(2, totals)
    proofs = [stage.proof(DEAL_LEAF, key) for key in sorted(spent)]
    before = stage.network.balance(stage.user.address)
    total = escrow_needed(CAPACITY, PRICES, END)
    if spent:
        # What the strangers' leaves spent is missing from the pool: fund it again.
        extra = stage.open_call(stage.stranger, end=20)
        stage.network.send(extra, stage.stranger)
    stage.network.send(stage.refund_call(proofs), stage.stranger)
    assert stage.network.balance(stage.user.address) == before + total


def test_a_deal_is_funded_and_extended_at_its_old_prices(stage: Stage) -> None:
    network, deals = stage.network, stage.network.deals
    before = deals.functions.deal(stage.deal).call()[6]
    network.send(deals.functions.fund(stage.deal, 500), stage.stranger, "fund a deal")
    assert deals.functions.deal(stage.deal).call()[6] == before + 500

    quotes = stage.quotes(stage.deal, 2 * CAPACITY, END + 10)
    call = deals.functions.extend(stage.deal, 2 * CAPACITY, END + 10, quotes)
    network.send(call, stage.user, "extend a deal, n = 4")
    now = 4
    growth = escrow_needed(2 * CAPACITY, PRICES, END + 10 - now)
    growth -= escrow_needed(CAPACITY, PRICES, END - now)
    life = escrow_needed(2 * CAPACITY, PRICES, END + 10)
    paid = min(growth, life - before - 500)
    assert deals.functions.deal(stage.deal).call()[6] == before + 500 + paid
    assert network.row(stage.holders[2])[4] == 2 * CAPACITY


def test_a_closed_deal_ends_with_the_period(stage: Stage) -> None:
    network = stage.network
    quotes = stage.quotes(stage.deal, CAPACITY, 40)
    call = network.deals.functions.extend(stage.deal, CAPACITY, 40, quotes)
    network.send(call, stage.user)
    call = network.deals.functions.close(stage.deal)
    receipt = network.send(call, stage.user, "close a deal")
    event = said(network.deals.events.DealClosed, receipt)
    assert (event["closed_epoch"], event["last_epoch"]) == (4, 8)


def test_an_ejected_vault_loses_stake_that_pays_for_rebuilding(stage: Stage) -> None:
    network, lost, helper = stage.network, stage.vaults[0], stage.vaults[4]
    ejection = Ejection(lost.id, 700, CASE)
    totals = Totals({helper.id: 1_700}, {stage.deal: 1_000})
    stage.settle(0, totals, [ejection], name="settle, one ejection")
    assert network.row(lost)[3] == STAKE - 700
    assert network.row(lost)[5] == EJECTED
    assert network.settlement.functions.totals().call() == [1, 1_700, 1_000, 700, 0]
    before = network.balance(helper.payout)
    network.send(stage.claim_call(helper), stage.stranger)
    assert network.balance(helper.payout) == before + 1_700
    # From the period after the next on it is in no committee.
    stage.begin_epoch(8)
    stage.vaults = stage.vaults[1:]
    try:
        stage.settle(1, totals)
    finally:
        stage.vaults = [lost, *stage.vaults]


def test_a_vault_leaves_and_takes_its_stake_along(stage: Stage) -> None:
    network, vault = stage.network, stage.vaults[4]
    registry = network.registry.functions
    network.send(registry.unbond(vault.id), vault.account, "unbond")
    network.refused(registry.withdraw(vault.id), vault.account, "stake locked")
    stage.begin_epoch(12)
    network.refused(registry.withdraw(vault.id), vault.account, "unsettled")
    everybody = stage.vaults
    stage.vaults = everybody[:4]
    try:
        stage.settle(2, earnings(stage, 1))
    finally:
        stage.vaults = everybody
    before = network.balance(vault.account.address)
    network.send(registry.withdraw(vault.id), vault.account, "withdraw")
    assert network.balance(vault.account.address) == before + STAKE
    assert network.row(vault)[5] == WITHDRAWN


def test_when_everybody_has_left_stakes_and_escrow_come_back(stage: Stage) -> None:
    network = stage.network
    for vault in stage.vaults:
        network.send(network.registry.functions.unbond(vault.id), vault.account)
    stage.begin_epoch(16)
    network.refused(stage.refund_call([]), stage.stranger, "unsettled")
    network.send(network.registry.functions.advance(100), stage.stranger, "advance")
    network.send(stage.refund_call([]), stage.stranger)
    vault = stage.vaults[0]
    network.send(network.registry.functions.withdraw(vault.id), vault.account)
    assert network.balance(vault.account.address) == STAKE
