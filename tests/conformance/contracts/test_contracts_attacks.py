"""What contracts refuse: each attack is one test, and each refusal has its reason."""

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from compile_source import compile_source
from evm_network import GRAINS, TestNetwork, account, make_vault, signers_mask
from evm_stage import CAPACITY, END, PRICE, STAKE, Stage, set_stage
from holdfast.contracts.points import P, key_point, signature_point
from holdfast.protocol import bls
from holdfast.protocol.settlement import (
    DEAL_LEAF,
    STATEMENT,
    VAULT_LEAF,
    Ejection,
    Statement,
    Totals,
)
from holdfast.protocol.units import Digest, NetworkId, VaultId

HOSTILE = Path(__file__).parent / "HostileToken.vy"
INFINITY = bytes(128)


def fair(stage: Stage, each: int = 1_000) -> Totals:
    earned = {vault.id: each for vault in stage.holders}
    return Totals(earned, {stage.deal: 4 * each})


def statement_of(stage: Stage, **changes: Any) -> Statement:
    return replace(stage.network.statement(0, fair(stage)), **changes)


def refuse_settlement(stage: Stage, statement: Statement, reason: str) -> None:
    call = stage.network.settle_call(statement, stage.committee)
    stage.network.refused(call, stage.stranger, reason)


def negated_key(point: bytes) -> bytes:
    return point[:64] + (P - int.from_bytes(point[64:], "big")).to_bytes(64, "big")


def negated_signature(point: bytes) -> bytes:
    parts = [int.from_bytes(point[at : at + 64], "big") for at in (128, 192)]
    return point[:128] + b"".join((-part % P).to_bytes(64, "big") for part in parts)


def registration(stage: Stage, seed: int, key: bytes, possession: bytes) -> Any:
    """A registration whose points are forged; its consent is to what they say."""
    network, vault = stage.network, make_vault(seed)
    network.equip(vault.account, STAKE)
    return vault, network.registry.functions.register(
        vault.keys.identity.public,
        key,
        possession,
        vault.payout,
        STAKE,
        b"\0" * 64,
    )


# --- keys


@pytest.fixture(scope="session")
def gullible(new_chain: Any) -> Stage:
    """A network that does not check consents, so that forged keys get further."""
    source = Path(__file__).parent / "Gullible.vy"
    network = TestNetwork(new_chain(), identity=compile_source(source))
    return set_stage(network, [make_vault(seed) for seed in range(100, 105)])


def test_a_key_negated_with_its_proof_is_a_rogue_key(gullible: Stage) -> None:
    victim = gullible.vaults[0].keys
    key = negated_key(key_point(victim.bls_public))
    possession = bls.prove_possession(victim.bls_secret)
    proof = negated_signature(signature_point(possession))
    vault, call = registration(gullible, 60, key, proof)
    gullible.network.refused(call, vault.account, "possession refused")


def test_a_key_cannot_be_registered_with_another_keys_proof(gullible: Stage) -> None:
    vault = make_vault(61)
    possession = bls.prove_possession(gullible.vaults[0].keys.bls_secret)
    key = key_point(vault.keys.bls_public)
    vault, call = registration(gullible, 61, key, signature_point(possession))
    gullible.network.refused(call, vault.account, "possession refused")


def test_a_signature_of_the_key_is_no_proof_of_possession(gullible: Stage) -> None:
    keys = make_vault(62).keys
    proof = signature_point(bls.sign(keys.bls_secret, keys.bls_public))
    vault, call = registration(gullible, 62, key_point(keys.bls_public), proof)
    gullible.network.refused(call, vault.account, "possession refused")


def test_two_vaults_cannot_have_one_key(gullible: Stage) -> None:
    keys = gullible.vaults[0].keys
    proof = signature_point(bls.prove_possession(keys.bls_secret))
    vault, call = registration(gullible, 63, key_point(keys.bls_public), proof)
    gullible.network.refused(call, vault.account, "BLS key taken")


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        (INFINITY, "key refused"),
        ((1).to_bytes(64, "big") * 2, "possession refused"),
        (b"\1" + bytes(127), "key malformed"),
        (bytes(64) + b"\1" + bytes(63), "key malformed"),
        (P.to_bytes(64, "big") * 2, "possession refused"),
        (bytes(127), "key malformed"),
        # On the curve, but of order 3: (0, 2) is in no group that counts.
        (bytes(127) + b"\2", "possession refused"),
    ],
)
def test_malformed_keys_are_refused(gullible: Stage, key: bytes, reason: str) -> None:
    keys = make_vault(64).keys
    proof = signature_point(bls.prove_possession(keys.bls_secret))
    vault, call = registration(gullible, 64, key, proof)
    gullible.network.refused(call, vault.account, reason)


@pytest.mark.parametrize(
    "proof", [bytes(256), b"\xff" * 256, (1).to_bytes(64, "big") * 4]
)
def test_malformed_proofs_are_refused(gullible: Stage, proof: bytes) -> None:
    key = key_point(make_vault(65).keys.bls_public)
    vault, call = registration(gullible, 65, key, proof)
    gullible.network.refused(call, vault.account, "possession refused")


def test_nobody_registers_a_vault_that_did_not_consent(stage: Stage) -> None:
    network, vault = stage.network, make_vault(66)
    thief = account(67)
    network.equip(thief, STAKE)
    network.equip(vault.account, STAKE)
    network.refused(network.registration(vault, STAKE), thief, "consent refused")
    other = make_vault(66)
    other.payout = thief.address
    possession = bls.prove_possession(vault.keys.bls_secret)
    consent = network.consent(vault, possession, STAKE)
    call = network.registry.functions.register(
        vault.keys.identity.public,
        key_point(vault.keys.bls_public),
        signature_point(possession),
        other.payout,
        STAKE,
        consent,
    )
    network.refused(call, vault.account, "consent refused")


def test_a_vault_registers_once(stage: Stage) -> None:
    network, vault = stage.network, stage.vaults[0]
    network.give(vault.account.address, STAKE)
    call = network.registration(vault, STAKE)
    network.refused(call, vault.account, "vault registered")


def test_a_stake_must_be_paid(stage: Stage) -> None:
    network, vault = stage.network, make_vault(68)
    network.equip(vault.account, STAKE - 1)
    call = network.registration(vault, STAKE)
    network.refused(call, vault.account, "balance too low")
    network.refused(network.registration(vault, 0), vault.account, "amount refused")


def test_only_a_vaults_owner_unbonds_and_withdraws(stage: Stage) -> None:
    registry, vault = stage.network.registry.functions, stage.vaults[0]
    for call in (registry.unbond(vault.id), registry.withdraw(vault.id)):
        stage.network.refused(call, stage.stranger, "not the owner")
    stage.network.refused(registry.withdraw(vault.id), vault.account, "vault active")
    stage.network.refused(registry.unbond(b"\1" * 32), vault.account, "vault unknown")


def test_a_vault_with_deals_keeps_its_stake_locked(stage: Stage) -> None:
    network, vault = stage.network, stage.vaults[0]
    call = network.registry.functions.unbond(vault.id)
    network.send(call, vault.account)
    network.refused(call, vault.account, "vault left")
    stage.begin_epoch(20)
    call = network.registry.functions.withdraw(vault.id)
    network.refused(call, vault.account, "deals open")


# --- certificates


def test_a_certificate_counts_once(stage: Stage) -> None:
    stage.settle(0, fair(stage))
    refuse_settlement(stage, statement_of(stage), "already settled")


def test_a_certificate_of_another_network_is_refused(stage: Stage) -> None:
    statement = statement_of(stage, network=NetworkId(b"\7" * 32))
    refuse_settlement(stage, statement, "another network")


@pytest.mark.parametrize("period", [1, 2, 2**64 - 1])
def test_only_the_last_period_can_be_settled(stage: Stage, period: int) -> None:
    refuse_settlement(stage, statement_of(stage, period=period), "not the last period")


def test_a_period_that_was_missed_is_settled_with_the_next(stage: Stage) -> None:
    stage.begin_epoch(8)
    refuse_settlement(stage, statement_of(stage), "not the last period")
    stage.settle(1, fair(stage))


@pytest.mark.parametrize("at", [36, 44, 76, 80, 88, 99])
def test_an_altered_statement_is_refused(stage: Stage, at: int) -> None:
    encoded = bytearray(STATEMENT.encode(statement_of(stage)))
    call = stage.network.settle_call(statement_of(stage), stage.committee)
    encoded[at] ^= 1
    altered = stage.network.settlement.functions.settle(bytes(encoded), *call.args[1:])
    with pytest.raises(AssertionError, match="accepted"):
        accept_or_fail(stage, altered)


def accept_or_fail(stage: Stage, call: Any) -> None:
    """Raise AssertionError "not accepted" when the call is refused with a reason."""
    reasons = ("signature refused", "malformed", "not the last", "overpaid", "escrow")
    for reason in reasons:
        try:
            stage.network.refused(call, stage.stranger, reason)
        except AssertionError:
            continue
        raise AssertionError("not accepted")
    pytest.fail("it was taken, or refused without a reason")


def test_a_spare_byte_is_refused(stage: Stage) -> None:
    call = stage.network.settle_call(statement_of(stage), stage.committee)
    for encoded in (call.args[0] + b"\0", call.args[0][:-1], b""):
        altered = stage.network.settlement.functions.settle(encoded, *call.args[1:])
        stage.network.refused(altered, stage.stranger, "statement malformed")


def test_two_of_five_are_no_majority(stage: Stage) -> None:
    call = stage.network.settle_call(statement_of(stage), stage.committee, [0, 3])
    stage.network.refused(call, stage.stranger, "no majority")


def test_a_signer_cannot_count_twice(stage: Stage) -> None:
    statement, committee = statement_of(stage), stage.committee
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
    statement, strangers = statement_of(stage), [make_vault(70 + i) for i in range(5)]
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
    stage.settle(0, fair(stage))


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
    encoded = STATEMENT.encode(statement_of(stage))
    call = stage.network.settlement.functions.settle(encoded, 0b11111, evidence)
    stage.network.refused(call, stage.stranger, reason)


def test_nothing_is_settled_before_the_period_has_a_beacon(stage: Stage) -> None:
    network = stage.network
    network.chain.wait_until(network.params.epoch_start(8))
    statement = statement_of(stage, period=1)
    refuse_settlement(stage, statement, "no committee")


# --- totals


def test_totals_never_shrink(stage: Stage) -> None:
    stage.settle(0, fair(stage, 1_000))
    stage.begin_epoch(8)
    less = stage.network.statement(1, fair(stage, 999))
    refuse_settlement(stage, less, "totals shrink")
    mixed = replace(less, spent_total=4_000)
    refuse_settlement(stage, mixed, "totals shrink")


def test_nobody_is_paid_more_than_was_spent_and_slashed(stage: Stage) -> None:
    refuse_settlement(stage, statement_of(stage, earned_total=4_001), "overpaid")
    ejection = Ejection(stage.vaults[0].id, 500, Digest(b"\1" * 32))
    slashed = statement_of(stage, earned_total=4_501, ejections=(ejection,))
    refuse_settlement(stage, slashed, "overpaid")


def test_a_slash_counts_only_up_to_the_stake(stage: Stage) -> None:
    ejection = Ejection(stage.vaults[0].id, STAKE + 1, Digest(b"\1" * 32))
    earned = 4_000 + STAKE + 1
    greedy = statement_of(stage, earned_total=earned, ejections=(ejection,))
    refuse_settlement(stage, greedy, "overpaid")


def test_deals_cannot_spend_more_than_is_in_escrow(stage: Stage) -> None:
    escrow = stage.network.deals.functions.escrowed().call()
    greedy = statement_of(stage, spent_total=escrow + 1)
    refuse_settlement(stage, greedy, "above the escrow")
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


# --- ejections


@pytest.mark.parametrize("case", ["unknown", "twice"])
def test_only_known_vaults_are_ejected_and_each_once(stage: Stage, case: str) -> None:
    vault = stage.vaults[0].id if case == "twice" else VaultId(b"\1" * 32)
    ejection = Ejection(vault, 1, Digest(b"\1" * 32))
    count = 2 if case == "twice" else 1
    statement = statement_of(stage, ejections=(ejection,) * count)
    refuse_settlement(stage, statement, "ejection refused")


def test_a_vault_is_ejected_once(stage: Stage) -> None:
    ejection = Ejection(stage.vaults[0].id, 1, Digest(b"\1" * 32))
    stage.settle(0, fair(stage), [ejection])
    stage.begin_epoch(8)
    everybody = stage.vaults
    stage.vaults = everybody[1:]
    try:
        again = stage.network.statement(1, fair(stage), [ejection])
        refuse_settlement(stage, again, "ejection refused")
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


# --- claims and refunds


def test_a_claim_is_paid_once(stage: Stage) -> None:
    stage.settle(0, fair(stage))
    vault = stage.holders[0]
    stage.network.send(stage.claim_call(vault), stage.stranger)
    call = stage.claim_call(vault)
    stage.network.refused(call, stage.stranger, "nothing to claim")


def test_a_proof_pays_nobody_but_its_vault(stage: Stage) -> None:
    stage.settle(0, Totals({v.id: 500 + i for i, v in enumerate(stage.holders)}, {
        stage.deal: 10_000
    }))
    claim = stage.network.settlement.functions.claim
    mine, other = stage.holders[0], stage.holders[1]
    theirs = stage.proof(VAULT_LEAF, other.id)
    call = claim(mine.id, theirs.total.grains, theirs.index, list(theirs.path))
    stage.network.refused(call, mine.account, "proof refused")
    more = claim(other.id, theirs.total.grains + 1, theirs.index, list(theirs.path))
    stage.network.refused(more, other.account, "proof refused")
    elsewhere = claim(other.id, theirs.total.grains, theirs.index ^ 1, list(theirs.path))
    stage.network.refused(elsewhere, other.account, "proof refused")


@pytest.mark.parametrize("path", [[], [bytes(32)] * 2, [bytes(32)] * 4])
def test_a_path_of_another_length_is_refused(stage: Stage, path: list[bytes]) -> None:
    stage.settle(0, fair(stage))
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
    stage.settle(0, fair(stage))
    proof = stage.proof(DEAL_LEAF, stage.deal)
    call = stage.network.settlement.functions.claim(
        stage.deal, proof.total.grains, proof.index, list(proof.path)
    )
    stage.network.refused(call, stage.stranger, "proof refused")


def test_a_deal_is_refunded_after_its_last_period_is_settled(stage: Stage) -> None:
    stage.settle(0, fair(stage))
    stage.network.refused(stage.refund_call(), stage.user, "unsettled")
    stage.begin_epoch(8)
    stage.settle(1, fair(stage))
    stage.network.refused(stage.refund_call(), stage.user, "unsettled")


def ended(stage: Stage) -> None:
    stage.begin_epoch(12)
    stage.settle(2, fair(stage))


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


def test_a_refund_needs_the_deals_own_holders(stage: Stage) -> None:
    ended(stage)
    call = stage.network.deals.functions.refund(
        stage.deal, stage.holder_list[::-1], stage.refund_call().args[2]
    )
    stage.network.refused(call, stage.user, "not the holders")


# --- deals


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


# --- reentrancy


@pytest.fixture(scope="session")
def hostile(new_chain: Any) -> Stage:
    """A network whose token calls back in the middle of transfers."""
    source = Path(__file__).parent / "Gullible.vy"
    network = TestNetwork(
        new_chain(), token=compile_source(HOSTILE), identity=compile_source(source)
    )
    stage = set_stage(network, [make_vault(seed) for seed in range(200, 205)])
    stage.settle(0, fair(stage))
    return stage


def test_a_token_that_calls_back_claims_nothing_twice(hostile: Stage) -> None:
    network, vault = hostile.network, hostile.holders[0]
    call = hostile.claim_call(vault)
    data = bytes.fromhex(call._encode_transaction_data()[2:])
    network.send(
        network.token.functions.arm(network.settlement.address, data), hostile.stranger
    )
    network.send(call, hostile.stranger)
    assert network.token.functions.answered().call() == 1
    assert not network.token.functions.succeeded().call()
    assert network.balance(vault.payout) == 1_000


def test_a_token_that_calls_back_opens_nothing_twice(hostile: Stage) -> None:
    network = hostile.network
    call = hostile.open_call(hostile.stranger, b"\6" * 32)
    inner = network.deals.functions.fund(hostile.deal, 1)
    data = bytes.fromhex(inner._encode_transaction_data()[2:])
    network.send(
        network.token.functions.arm(network.deals.address, data), hostile.stranger
    )
    network.send(call, hostile.stranger)
    assert not network.token.functions.succeeded().call()


# --- beacons


def test_a_beacon_is_the_first_block_and_nothing_else(stage: Stage) -> None:
    network = stage.network
    record = network.network.functions.record
    network.chain.wait_until(network.params.epoch_start(5))
    network.chain.wait_until(network.params.epoch_start(5) + 7)
    number = network.web3.eth.block_number
    header = [network.chain.header(number - back) for back in range(4)]
    network.chain.wait_until(network.params.epoch_start(5) + 9)
    first, before = network.first_headers()
    assert first in header
    late = record(header[0], header[1])
    network.refused(late, stage.stranger, "block not the first")
    network.refused(record(first, header[0]), stage.stranger, "parent unknown")
    forged = first[:-1] + bytes([first[-1] ^ 1])
    network.refused(record(forged, before), stage.stranger, "block unknown")
    network.refused(record(b"", before), stage.stranger, "header too short")
    network.send(record(first, before), stage.stranger)
    network.refused(record(first, before), stage.stranger, "beacon recorded")


def test_a_beacon_cannot_be_recorded_after_its_epoch(stage: Stage) -> None:
    network = stage.network
    network.chain.wait_until(network.params.epoch_start(5))
    headers = network.first_headers()
    network.chain.wait_until(network.params.epoch_start(6))
    call = network.network.functions.record(*headers)
    network.refused(call, stage.stranger, "epoch over")


def test_the_beacon_is_the_protocols(stage: Stage) -> None:
    from holdfast.protocol.network import beacon

    network = stage.network
    value = network.begin_epoch(7)
    header, _ = network.first_headers()
    block_hash = network.web3.keccak(header)
    assert value == beacon(network.params.network_id, 7, block_hash)
    assert hashlib.sha256(b"").digest() != value


# --- token


def test_tokens_move_only_with_leave(stage: Stage) -> None:
    token, network = stage.network.token.functions, stage.network
    thief, owner = stage.stranger, stage.user
    call = token.transferFrom(owner.address, thief.address, 1)
    network.refused(call, thief, "allowance too low")
    call = token.transfer(thief.address, 10**6 * GRAINS + 1)
    network.refused(call, owner, "balance too low")
    call = token.transfer("0x" + "00" * 20, 1)
    network.refused(call, owner, "zero address")
