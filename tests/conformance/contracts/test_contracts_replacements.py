"""Who takes a lost holder's place in a contract, and who does not."""

from collections.abc import Sequence
from typing import Any

from evm_network import said
from evm_people import TestVault, make_vault
from evm_stage import CAPACITY, END, PRICE, STAKE, Stage
from holdfast.protocol.settlement import (
    DEAL_LEAF,
    REPLACEMENT_LEAF,
    Ejection,
    Replacement,
    Totals,
)
from holdfast.protocol.units import DealId, Digest, VaultId

INDEX = 1
WITHDRAWN = 4


def change_to(stage: Stage, vault: bytes, lost: bytes | None = None) -> Replacement:
    gone = stage.holders[INDEX].id if lost is None else VaultId(lost)
    return Replacement(stage.deal, INDEX, gone, VaultId(vault))


def naming(stage: Stage, *changes: Replacement, each: int = 0) -> Totals:
    """Return totals that name these replacements."""
    paid = stage.fair(each) if each else Totals({}, {})
    return Totals(paid.earned, paid.spent, changes)


def ejected(stage: Stage) -> list[Ejection]:
    return [Ejection(stage.holders[INDEX].id, 700, Digest(b"\x0c" * 32))]


def list_with(stage: Stage, vault: TestVault) -> list[tuple[bytes, int]]:
    holders = stage.holder_list
    holders[INDEX] = (vault.id, PRICE + INDEX)
    return holders


def replace_call(
    stage: Stage,
    change: Replacement,
    holders: Sequence[tuple[bytes, int]] | None = None,
    totals: Totals | None = None,
    place: int = 0,
) -> Any:
    proof = stage.proof(REPLACEMENT_LEAF, change.leaf().id, totals)
    return stage.network.deals.functions.replace(
        change.deal,
        list(holders or stage.holder_list),
        change.index,
        change.lost,
        change.vault,
        proof.index + place,
        list(proof.path),
    )


def replaced(stage: Stage, each: int = 0) -> TestVault:
    """Put vault 4 in the place of the ejected holder."""
    change = change_to(stage, stage.vaults[4].id)
    stage.settle(0, naming(stage, change, each=each), ejected(stage))
    call = replace_call(stage, change)
    stage.network.send(call, stage.stranger, "replace a holder, n = 4")
    return stage.vaults[4]


def settle_without_the_lost(stage: Stage, period: int, totals: Totals) -> None:
    """Settle a period whose committee was drawn after the lost holder had left."""
    everybody = list(stage.vaults)
    stage.vaults.remove(stage.holders[INDEX])
    try:
        stage.settle(period, totals)
    finally:
        stage.vaults[:] = everybody


def test_who_rebuilt_takes_the_lost_holders_place(stage: Stage) -> None:
    network, lost = stage.network, stage.holders[INDEX]
    change = change_to(stage, stage.vaults[4].id)
    stage.settle(0, naming(stage, change, each=10), ejected(stage))
    receipt = network.send(replace_call(stage, change), stage.stranger)
    event = said(network.deals.events.HolderReplaced, receipt)
    assert dict(event) == {
        "deal": stage.deal,
        "index": INDEX,
        "lost": lost.id,
        "vault": stage.vaults[4].id,
        "price": PRICE + INDEX,
        "epoch": 4,
    }
    assert [network.row(lost)[4], network.row(lost)[8]] == [0, 4]
    assert network.row(stage.vaults[4])[4] == CAPACITY


def test_a_leaf_is_shown_in_vain_a_second_time(stage: Stage) -> None:
    following = replaced(stage)
    change = change_to(stage, following.id)
    again = replace_call(stage, change)
    stage.network.refused(again, stage.stranger, "not the holders")
    holders = list_with(stage, following)
    again = replace_call(stage, change, holders)
    stage.network.refused(again, stage.stranger, "place taken")
    # The list is right, but the vault that has the place now is not lost.
    back = change_to(stage, change.lost, following.id)
    stage.begin_epoch(7)
    call = replace_call(stage, back, holders, naming(stage, back))
    stage.network.refused(call, stage.stranger, "proof refused")


def test_only_a_leaf_of_the_newest_settlement_counts(stage: Stage) -> None:
    network = stage.network
    change = change_to(stage, stage.vaults[4].id)
    totals = naming(stage, change, each=10)
    quotes = stage.quotes(stage.deal, CAPACITY, 40)
    extend = network.deals.functions.extend(stage.deal, CAPACITY, 40, quotes)
    network.send(extend, stage.user)
    call = replace_call(stage, change, totals=totals)
    network.refused(call, stage.stranger, "proof malformed")
    stage.settle(0, naming(stage, each=5), ejected(stage))
    network.refused(call, stage.stranger, "proof malformed")
    stage.begin_epoch(8)
    settle_without_the_lost(stage, 1, totals)
    call.call({"from": stage.stranger.address})
    stage.begin_epoch(12)
    others = naming(stage, change_to(stage, b"\7" * 32), each=10)
    settle_without_the_lost(stage, 2, others)
    network.refused(call, stage.stranger, "proof refused")


def test_a_deal_that_is_over_gets_no_new_holder(stage: Stage) -> None:
    change = change_to(stage, stage.vaults[4].id)
    stage.settle(0, naming(stage, change), ejected(stage))
    close = stage.network.deals.functions.close(stage.deal)
    stage.network.send(close, stage.user)
    call = replace_call(stage, change)
    call.call({"from": stage.stranger.address})
    stage.begin_epoch(END)
    stage.network.refused(call, stage.stranger, "deal ended")


def test_a_proof_for_another_vault_place_or_deal_is_refused(stage: Stage) -> None:
    network, vault = stage.network, stage.vaults[4]
    change = change_to(stage, vault.id)
    stage.settle(0, naming(stage, change, each=10), ejected(stage))
    proof = stage.proof(REPLACEMENT_LEAF, change.leaf().id)
    deal_leaf = stage.proof(DEAL_LEAF, stage.deal)
    twin = make_vault(61)
    network.join(twin)
    replace = network.deals.functions.replace
    holders, lost = stage.holder_list, change.lost
    path = list(proof.path)
    right = (holders, INDEX, lost, vault.id, proof.index, path)
    cases = {
        "proof refused": [
            (stage.deal, holders, INDEX, lost, twin.id, proof.index, path),
            (stage.deal, holders, INDEX, lost, vault.id, proof.index - 1, path),
            (
                *(stage.deal, holders, INDEX, lost, vault.id),
                *(deal_leaf.index, list(deal_leaf.path)),
            ),
        ],
        "place taken": [
            (stage.deal, holders, 0, lost, vault.id, proof.index, path),
            (stage.deal, holders, INDEX, vault.id, vault.id, proof.index, path),
        ],
        "index refused": [
            (stage.deal, holders, 4, lost, vault.id, proof.index, path),
            (stage.deal, holders, INDEX + 256, lost, vault.id, proof.index, path),
        ],
        "deal unknown": [(DealId(b"\3" * 32), *right)],
        "not the holders": [
            (stage.deal, holders[:3], *right[1:]),
            (stage.deal, holders[::-1], *right[1:]),
        ],
    }
    for reason, calls in cases.items():
        for arguments in calls:
            network.refused(replace(*arguments), stage.stranger, reason)


def test_a_holder_that_is_not_lost_keeps_its_place(stage: Stage) -> None:
    change = change_to(stage, stage.vaults[4].id)
    stage.settle(0, naming(stage, change))
    call = replace_call(stage, change)
    stage.network.refused(call, stage.stranger, "holder not lost")


def test_not_every_vault_can_follow(stage: Stage) -> None:
    network = stage.network
    twin, small, gone = (make_vault(seed) for seed in (70, 71, 72))
    twin.payout = stage.holders[0].payout
    network.join(twin)
    network.join(gone)
    network.send(network.registry.functions.unbond(gone.id), gone.account)
    network.join(small, network.params.least_stake)
    nonce = b"\4" * 32
    deal = stage.id_of(stage.user, nonce)
    quotes = [network.quote(deal, small, 1, 1, END, 100)]
    opening = stage.open_call(stage.user, nonce, quotes, k=1, capacity=1)
    network.send(opening, stage.user)
    reasons = {
        stage.holders[0].id: "vault twice",
        stage.holders[INDEX].id: "vault twice",
        twin.id: "payout twice",
        small.id: "stake too low",
        gone.id: "vault not active",
        b"\5" * 32: "vault not active",
    }
    changes = [change_to(stage, vault) for vault in reasons]
    stage.settle(0, naming(stage, *changes), ejected(stage))
    for change, reason in zip(changes, reasons.values(), strict=True):
        network.refused(replace_call(stage, change), stage.stranger, reason)


def test_only_the_deals_contract_hands_bytes_over(stage: Stage) -> None:
    vault = stage.vaults[4]
    call = stage.network.registry.functions.hand_over(
        stage.holder_list, INDEX, vault.id, CAPACITY, False
    )
    stage.network.refused(call, vault.account, "only deals")


def test_a_deal_is_extended_and_refunded_with_the_holders_it_has_then(
    stage: Stage,
) -> None:
    network = stage.network
    following = replaced(stage)
    deals = network.deals.functions
    old = stage.quotes(stage.deal, CAPACITY, END + 1)
    terms = (PRICE + INDEX, CAPACITY, END + 1)
    new = [*old]
    new[INDEX] = network.quote(stage.deal, following, *terms, 100)
    for quotes, reason in ((old, "not the holders"), (new, None)):
        call = deals.extend(stage.deal, CAPACITY, END + 1, quotes)
        if reason:
            network.refused(call, stage.user, reason)
        else:
            network.send(call, stage.user)
    stage.begin_epoch(12)
    totals = naming(stage, each=10)
    settle_without_the_lost(stage, 2, totals)
    network.refused(stage.refund_call(), stage.user, "not the holders")
    proof = stage.proof(DEAL_LEAF, stage.deal, totals)
    leaf = (proof.total.party, proof.total.id, proof.total.grains)
    shown = [(*leaf, proof.index, list(proof.path))]
    call = deals.refund(stage.deal, list_with(stage, following), shown)
    network.send(call, stage.stranger)
    assert {network.row(vault)[4] for vault in stage.vaults} == {0}


def test_who_leaves_is_free_when_others_have_its_deals(stage: Stage) -> None:
    network, leaving = stage.network, stage.holders[INDEX]
    registry, following = network.registry.functions, stage.vaults[4]
    network.send(registry.unbond(leaving.id), leaving.account)
    change = change_to(stage, following.id)
    stage.settle(0, naming(stage, change))
    withdraw = registry.withdraw(leaving.id)
    network.refused(withdraw, leaving.account, "deals open")
    stage.begin_epoch(5)
    network.send(replace_call(stage, change), stage.stranger)
    stage.begin_epoch(12)
    network.refused(withdraw, leaving.account, "stake locked")
    settle_without_the_lost(stage, 2, naming(stage))
    stage.begin_epoch(13)
    before = network.balance(leaving.account.address)
    network.send(withdraw, leaving.account)
    assert network.balance(leaving.account.address) == before + STAKE
    assert network.row(leaving)[5] == WITHDRAWN


def test_a_deal_without_a_leaf_is_absent_before_all_replacements(
    stage: Stage,
) -> None:
    change = change_to(stage, stage.vaults[4].id)
    stage.begin_epoch(12)
    stage.settle(2, naming(stage, change))
    behind = stage.proof(REPLACEMENT_LEAF, change.leaf().id)
    stage.network.refused(stage.refund_call([]), stage.stranger, "absence")
    stage.network.send(stage.refund_call([behind]), stage.stranger)
    assert stage.network.deals.functions.deal(stage.deal).call()[6] == 0
