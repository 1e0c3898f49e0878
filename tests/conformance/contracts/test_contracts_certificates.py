"""Certificates and totals that do not settle a period, and ejections without one."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from compile_source import compile_source
from evm_network import TestNetwork, signers_mask
from evm_people import make_vault
from evm_stage import STAKE, Stage, set_stage
from holdfast.contracts.points import signature_point
from holdfast.protocol import bls
from holdfast.protocol.settlement import STATEMENT, Ejection, Totals
from holdfast.protocol.units import Digest, NetworkId, VaultId

GULLIBLE = Path(__file__).parent / "Gullible.vy"


def test_a_certificate_counts_once(stage: Stage) -> None:
    stage.settle(0, stage.fair())
    stage.refuse_settlement(stage.statement(), "already settled")


def test_a_certificate_of_another_network_is_refused(stage: Stage) -> None:
    statement = stage.statement(network=NetworkId(b"\7" * 32))
    stage.refuse_settlement(statement, "another network")


@pytest.mark.parametrize("period", [1, 2, 2**64 - 1])
def test_only_the_last_period_can_be_settled(stage: Stage, period: int) -> None:
    stage.refuse_settlement(stage.statement(period=period), "not the last period")


def test_a_period_that_was_missed_is_settled_with_the_next(stage: Stage) -> None:
    stage.begin_epoch(8)
    stage.refuse_settlement(stage.statement(), "not the last period")
    stage.settle(1, stage.fair())


@pytest.mark.parametrize(
    ("at", "reason"),
    [
        (0, "statement malformed"),
        (4, "another network"),
        (43, "not the last period"),
        (44, "signature refused"),
        (75, "signature refused"),
        (79, "signature refused"),
        (87, "signature refused"),
        (95, "signature refused"),
        (99, "statement malformed"),
    ],
)
def test_an_altered_statement_is_refused(stage: Stage, at: int, reason: str) -> None:
    encoded = bytearray(STATEMENT.encode(stage.statement()))
    call = stage.network.settle_call(stage.statement(), stage.committee)
    encoded[at] ^= 1
    altered = stage.network.settlement.functions.settle(bytes(encoded), *call.args[1:])
    stage.network.refused(altered, stage.stranger, reason)


def test_a_spare_byte_is_refused(stage: Stage) -> None:
    call = stage.network.settle_call(stage.statement(), stage.committee)
    for encoded in (call.args[0] + b"\0", call.args[0][:-1], b""):
        altered = stage.network.settlement.functions.settle(encoded, *call.args[1:])
        stage.network.refused(altered, stage.stranger, "statement malformed")


def test_two_of_five_are_no_majority(stage: Stage) -> None:
    call = stage.network.settle_call(stage.statement(), stage.committee, [0, 3])
    stage.network.refused(call, stage.stranger, "no majority")


def test_a_signer_cannot_count_twice(stage: Stage) -> None:
    statement, committee = stage.statement(), stage.committee
    digest = statement.digest()
    signatures = [bls.sign(committee[r].keys.bls_secret, digest) for r in (0, 1, 1)]
    evidence = signature_point(bls.aggregate(signatures))
    for ranks in ([0, 1], [0, 1, 2]):
        call = stage.network.settlement.functions.settle(
            STATEMENT.encode(statement), signers_mask(ranks, 5), evidence
        )
        reason = "no majority" if len(ranks) == 2 else "signature refused"
        stage.network.refused(call, stage.stranger, reason)


def test_whoever_is_not_in_the_committee_cannot_sign(stage: Stage) -> None:
    statement, strangers = stage.statement(), [make_vault(70 + i) for i in range(5)]
    call = stage.network.settle_call(statement, strangers)
    stage.network.refused(call, stage.stranger, "signature refused")
    real = stage.network.settle_call(statement, stage.committee)
    call = stage.network.settlement.functions.settle(
        real.args[0], real.args[1] | 1 << 5, real.args[2]
    )
    stage.network.refused(call, stage.stranger, "signers unknown")
    call = stage.network.settlement.functions.settle(
        real.args[0], real.args[1] | 1 << 255, real.args[2]
    )
    stage.network.refused(call, stage.stranger, "signers unknown")


def test_a_vault_that_came_this_period_is_not_yet_in_the_draw(stage: Stage) -> None:
    stage.network.join(make_vault(75))
    stage.settle(0, stage.fair())


@pytest.mark.parametrize(
    ("evidence", "reason"),
    [
        (bytes(256), "signature refused"),
        (b"\xff" * 256, "signature refused"),
        ((1).to_bytes(64, "big") * 4, "signature refused"),
        (bytes(255), "signature malformed"),
        (b"", "signature malformed"),
    ],
)
def test_malformed_signatures_are_refused(
    stage: Stage, evidence: bytes, reason: str
) -> None:
    encoded = STATEMENT.encode(stage.statement())
    call = stage.network.settlement.functions.settle(encoded, 0b11111, evidence)
    stage.network.refused(call, stage.stranger, reason)


def test_keys_that_cancel_out_sign_nothing(new_chain: Callable[[], Any]) -> None:
    vaults = [make_vault(seed) for seed in range(300, 305)]
    first, second = (vault.keys.bls_secret for vault in vaults[:2])
    vars(vaults[2].keys)["bls_secret"] = (-first - second) % bls.CURVE_ORDER
    network = TestNetwork(new_chain(), identity=compile_source(GULLIBLE))
    stage = set_stage(network, vaults)
    # Their sum is infinity, for which infinity is a signature of anything.
    ranks = [stage.committee.index(vault) for vault in vaults[:3]]
    call = network.settlement.functions.settle(
        STATEMENT.encode(stage.statement()), signers_mask(ranks, 5), bytes(256)
    )
    network.refused(call, stage.stranger, "signature refused")


def test_nothing_is_settled_before_the_period_has_a_beacon(stage: Stage) -> None:
    network = stage.network
    network.chain.wait_until(network.params.epoch_start(8))
    statement = stage.statement(period=1)
    stage.refuse_settlement(statement, "no committee")


def test_totals_never_shrink(stage: Stage) -> None:
    stage.settle(0, stage.fair(1_000))
    stage.begin_epoch(8)
    less = stage.network.statement(1, stage.fair(999))
    stage.refuse_settlement(less, "totals shrink")
    mixed = replace(less, spent_total=4_000)
    stage.refuse_settlement(mixed, "totals shrink")
    unspent = replace(less, earned_total=4_000, spent_total=3_999)
    stage.refuse_settlement(unspent, "totals shrink")


def test_nobody_is_paid_more_than_was_spent_and_slashed(stage: Stage) -> None:
    stage.refuse_settlement(stage.statement(earned_total=4_001), "overpaid")
    ejection = Ejection(stage.vaults[0].id, 500, Digest(b"\1" * 32))
    slashed = stage.statement(earned_total=4_501, ejections=(ejection,))
    stage.refuse_settlement(slashed, "overpaid")


def test_a_slash_counts_only_up_to_the_stake(stage: Stage) -> None:
    ejection = Ejection(stage.vaults[0].id, STAKE + 1, Digest(b"\1" * 32))
    earned = 4_000 + STAKE + 1
    greedy = stage.statement(earned_total=earned, ejections=(ejection,))
    stage.refuse_settlement(greedy, "overpaid")


def test_deals_cannot_spend_more_than_is_in_escrow(stage: Stage) -> None:
    escrow = stage.network.deals.functions.escrowed().call()
    greedy = stage.statement(spent_total=escrow + 1)
    stage.refuse_settlement(greedy, "above the escrow")
    assert stage.network.settlement.functions.totals().call() == [0, 0, 0, 0, 0]


def test_leaves_beyond_the_certified_total_are_not_paid(stage: Stage) -> None:
    totals = Totals({v.id: 1_000 for v in stage.holders}, {stage.deal: 4_000})
    statement = stage.network.statement(0, totals, earned=2_500)
    stage.network.send(
        stage.network.settle_call(statement, stage.committee), stage.stranger
    )
    for vault in stage.holders[:2]:
        stage.network.send(stage.claim_call(vault, totals), stage.stranger)
    call = stage.claim_call(stage.holders[2], totals)
    stage.network.refused(call, stage.stranger, "overdrawn")


@pytest.mark.parametrize("case", ["unknown", "twice"])
def test_only_known_vaults_are_ejected_and_each_once(stage: Stage, case: str) -> None:
    vault = stage.vaults[0].id if case == "twice" else VaultId(b"\1" * 32)
    ejection = Ejection(vault, 1, Digest(b"\1" * 32))
    count = 2 if case == "twice" else 1
    statement = stage.statement(ejections=(ejection,) * count)
    stage.refuse_settlement(statement, "ejection refused")


def test_a_vault_is_ejected_once(stage: Stage) -> None:
    ejection = Ejection(stage.vaults[0].id, 1, Digest(b"\1" * 32))
    stage.settle(0, stage.fair(), [ejection])
    stage.begin_epoch(8)
    everybody = stage.vaults
    stage.vaults = everybody[1:]
    try:
        again = stage.network.statement(1, stage.fair(), [ejection])
        stage.refuse_settlement(again, "ejection refused")
    finally:
        stage.vaults = everybody


def test_nobody_slashes_without_a_certificate(stage: Stage) -> None:
    network, vault = stage.network, stage.vaults[0]
    registry, deals = network.registry.functions, network.deals.functions
    holders = [(vault.id, 1)]
    calls = {
        registry.eject(vault.id, 1): "only settlement",
        registry.pay_slashed(1): "only settlement",
        registry.take_claim(vault.id, 1): "only settlement",
        registry.commit(holders, 1): "only deals",
        registry.release(holders, 1, 1): "only deals",
        deals.spend(1): "only settlement",
        network.certificates.functions.enroll(
            0, vault.account.address, bytes(128), bytes(256)
        ): "only the registry",
    }
    for call, reason in calls.items():
        for caller in (stage.stranger, network.owner, vault.account):
            network.refused(call, caller, reason)
