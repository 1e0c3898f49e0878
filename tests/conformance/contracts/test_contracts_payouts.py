"""Claims and refunds that pay nothing, nothing twice, and nobody else."""

from dataclasses import replace

import pytest

from evm_network import GRAINS
from evm_stage import Stage
from holdfast.protocol.settlement import (
    DEAL_LEAF,
    VAULT_LEAF,
    Totals,
)
from holdfast.protocol.units import DealId


def test_a_claim_is_paid_once(stage: Stage) -> None:
    stage.settle(0, stage.fair())
    vault = stage.holders[0]
    stage.network.send(stage.claim_call(vault), stage.stranger)
    call = stage.claim_call(vault)
    stage.network.refused(call, stage.stranger, "nothing to claim")


def test_a_proof_pays_nobody_but_its_vault(stage: Stage) -> None:
    stage.settle(
        0,
        Totals(
            {v.id: 500 + i for i, v in enumerate(stage.holders)}, {stage.deal: 10_000}
        ),
    )
    claim = stage.network.settlement.functions.claim
    mine, other = stage.holders[0], stage.holders[1]
    theirs = stage.proof(VAULT_LEAF, other.id)
    call = claim(mine.id, theirs.total.grains, theirs.index, list(theirs.path))
    stage.network.refused(call, mine.account, "proof refused")
    more = claim(other.id, theirs.total.grains + 1, theirs.index, list(theirs.path))
    stage.network.refused(more, other.account, "proof refused")
    elsewhere = claim(
        other.id, theirs.total.grains, theirs.index ^ 1, list(theirs.path)
    )
    stage.network.refused(elsewhere, other.account, "proof refused")


@pytest.mark.parametrize("path", [[], [bytes(32)] * 2, [bytes(32)] * 4])
def test_a_path_of_another_length_is_refused(stage: Stage, path: list[bytes]) -> None:
    stage.settle(0, stage.fair())
    claim = stage.network.settlement.functions.claim
    vault = stage.holders[0]
    call = claim(vault.id, 1_000, 0, path)
    stage.network.refused(call, stage.stranger, "proof malformed")
    beyond = claim(vault.id, 1_000, 5, path)
    stage.network.refused(beyond, stage.stranger, "proof malformed")


def test_nothing_is_claimed_before_a_settlement(stage: Stage) -> None:
    call = stage.network.settlement.functions.claim(stage.holders[0].id, 1, 0, [])
    stage.network.refused(call, stage.stranger, "proof malformed")


def test_a_deals_leaf_pays_no_vault(stage: Stage) -> None:
    stage.settle(0, stage.fair())
    proof = stage.proof(DEAL_LEAF, stage.deal)
    call = stage.network.settlement.functions.claim(
        stage.deal, proof.total.grains, proof.index, list(proof.path)
    )
    stage.network.refused(call, stage.stranger, "proof refused")


def test_a_deal_is_refunded_after_its_last_period_is_settled(stage: Stage) -> None:
    stage.settle(0, stage.fair())
    stage.network.refused(stage.refund_call(), stage.user, "unsettled")
    stage.begin_epoch(8)
    stage.settle(1, stage.fair())
    stage.network.refused(stage.refund_call(), stage.user, "unsettled")


def ended(stage: Stage) -> None:
    stage.begin_epoch(12)
    stage.settle(2, stage.fair())


def test_a_deal_is_refunded_once(stage: Stage) -> None:
    ended(stage)
    stage.network.send(stage.refund_call(), stage.stranger)
    stage.network.refused(stage.refund_call(), stage.user, "already refunded")
    fund = stage.network.deals.functions.fund(stage.deal, 1)
    stage.network.refused(fund, stage.user, "already refunded")


def test_absence_is_not_shown_by_leaves_that_leave_room(stage: Stage) -> None:
    ended(stage)
    proofs = [stage.proof(VAULT_LEAF, v) for v in sorted(stage.totals.earned)]
    last = stage.proof(DEAL_LEAF, stage.deal)
    for shown in ([], [proofs[0]], [proofs[3]], proofs[:2], [proofs[3], last]):
        call = stage.refund_call(shown)
        stage.network.refused(call, stage.user, "absence not proved")
    forged = replace(last, total=replace(last.total, grains=0))
    stage.network.refused(stage.refund_call([forged]), stage.user, "proof refused")


def test_leaves_that_are_not_neighbours_show_no_absence(stage: Stage) -> None:
    place = int.from_bytes(stage.deal, "big")
    low, high = (DealId((place + off).to_bytes(32, "big")) for off in (-5, 5))
    stage.begin_epoch(12)
    stage.settle(2, Totals({}, {low: 1, stage.deal: 1, high: 1}))
    around = [stage.proof(DEAL_LEAF, key) for key in (low, high)]
    for shown in (around, around[::-1]):
        call = stage.refund_call(shown)
        stage.network.refused(call, stage.user, "absence not proved")


def test_a_refund_needs_the_deals_own_holders(stage: Stage) -> None:
    ended(stage)
    call = stage.network.deals.functions.refund(
        stage.deal, stage.holder_list[::-1], stage.refund_call().args[2]
    )
    stage.network.refused(call, stage.user, "not the holders")


def test_tokens_move_only_with_leave(stage: Stage) -> None:
    token, network = stage.network.token.functions, stage.network
    thief, owner = stage.stranger, stage.user
    call = token.transferFrom(owner.address, thief.address, 1)
    network.refused(call, thief, "allowance too low")
    call = token.transfer(thief.address, 10**6 * GRAINS + 1)
    network.refused(call, owner, "balance too low")
    call = token.transfer("0x" + "00" * 20, 1)
    network.refused(call, owner, "zero address")
