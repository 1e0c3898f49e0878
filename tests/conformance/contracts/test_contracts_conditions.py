"""Conditions that only somebody meets who tries: each refuses by its own name."""

import pytest
import rlp

from evm_network import REFUSALS, TestNetwork
from evm_people import make_vault
from evm_stage import Stage, proof_argument
from holdfast.contracts import load
from holdfast.contracts.points import key_point, signature_point
from holdfast.protocol import bls
from holdfast.protocol.settlement import DEAL_LEAF, STATEMENT, Totals

NOBODY = "0x" + "00" * 20
DIGEST = b"\7" * 32
NUMBER, RANDOMNESS = 8, 13
"""Where a header has its block's number and its randomness."""


def test_signers_beyond_the_committee_are_unknown_to_either_kind(stage: Stage) -> None:
    network = stage.network
    ecdsa = network.deploy(
        "EcdsaCertificates", network.registry.address, network.network.address
    )
    for contract, signers, evidence in (
        (network.certificates, 0b101, bytes(256)),
        (ecdsa, 0b100, b""),
    ):
        call = contract.functions.verify([0, 1], signers, DIGEST, evidence)
        network.refused(call, stage.stranger, "signers unknown")


def test_no_signers_at_all_sign_nothing(stage: Stage) -> None:
    call = stage.network.certificates.functions.verify([0, 1], 0, DIGEST, bytes(256))
    stage.network.refused(call, stage.stranger, "signers unknown")


def test_only_the_registry_enrolls_accounts(stage: Stage) -> None:
    network, keys = stage.network, make_vault(60).keys
    ecdsa = network.deploy(
        "EcdsaCertificates", network.registry.address, network.network.address
    )
    possession = signature_point(bls.prove_possession(keys.bls_secret))
    call = ecdsa.functions.enroll(
        9, stage.stranger.address, key_point(keys.bls_public), possession
    )
    network.refused(call, stage.stranger, "only the registry")


def test_a_deal_is_funded_with_something_and_while_it_runs(stage: Stage) -> None:
    network, fund = stage.network, stage.network.deals.functions.fund
    network.refused(fund(stage.deal, 0), stage.user, "amount refused")
    network.chain.wait_until(network.params.epoch_start(8))
    network.refused(fund(stage.deal, 1), stage.user, "deal ended")


def test_nobody_closes_a_deal_that_is_not_there(stage: Stage) -> None:
    call = stage.network.deals.functions.close(b"\2" * 32)
    stage.network.refused(call, stage.user, "deal unknown")


def test_a_refund_stops_where_a_committee_spent_the_escrow_of_others(
    stage: Stage,
) -> None:
    network, nonce = stage.network, b"\6" * 32
    other = stage.id_of(stage.stranger, nonce)
    network.send(stage.open_call(stage.stranger, nonce), stage.stranger)
    both = network.deals.functions.escrowed().call()
    stage.begin_epoch(12)
    stage.settle(2, Totals({stage.vaults[0].id: both}, {stage.deal: both, other: 0}))
    proof = proof_argument(stage.proof(DEAL_LEAF, other))
    call = network.deals.functions.refund(other, stage.holder_list, [proof])
    network.refused(call, stage.stranger, "overdrawn")


def test_a_proof_of_possession_is_a_whole_point(stage: Stage) -> None:
    network, keys, registry = stage.network, make_vault(63).keys, stage.stranger
    certificates = network.deploy(
        "BlsCertificates", registry.address, network.network.address
    )
    whole = signature_point(bls.prove_possession(keys.bls_secret))
    for possession in (whole, whole[:-1]):
        call = certificates.functions.enroll(
            9, registry.address, key_point(keys.bls_public), possession
        )
        if possession == whole:
            call.call({"from": registry.address})
        else:
            network.refused(call, registry, "signature malformed")


def test_no_deal_is_funded_before_genesis(stage: Stage) -> None:
    chain = stage.network.chain
    later = TestNetwork(chain, genesis_seconds=chain.now + 10_000)
    call = later.deals.functions.fund(stage.deal, 1)
    later.refused(call, stage.stranger, "not started")


def test_a_vault_is_paid_somewhere(stage: Stage) -> None:
    vault = make_vault(61)
    vault.payout = NOBODY
    stage.network.equip(vault.account, 10**9)
    call = stage.network.registration(vault, 10**9)
    stage.network.refused(call, vault.account, "zero address")


def test_a_vault_that_left_takes_no_more_stake(stage: Stage) -> None:
    network, vault = stage.network, stage.vaults[4]
    registry = network.registry.functions
    network.give(vault.account.address, 5)
    network.send(registry.unbond(vault.id), vault.account)
    network.refused(registry.add_stake(vault.id, 5), vault.account, "vault left")


def test_nothing_is_claimed_for_a_vault_that_never_registered(stage: Stage) -> None:
    stranger = make_vault(62)
    stage.settle(0, Totals({stranger.id: 5}, {stage.deal: 5}))
    call = stage.claim_call(stranger)
    stage.network.refused(call, stage.stranger, "vault unknown")


def test_no_committee_is_drawn_from_a_snapshot_that_is_behind(stage: Stage) -> None:
    network, vault = stage.network, stage.vaults[4]
    registry = network.registry.functions
    network.send(registry.unbond(vault.id), vault.account)
    stage.begin_epoch(8)
    call = registry.committee(stage.beacon)
    network.refused(call, stage.stranger, "registry behind")


def test_when_everybody_has_left_nobody_settles(stage: Stage) -> None:
    network, registry = stage.network, stage.network.registry.functions
    for vault in stage.vaults:
        network.send(registry.unbond(vault.id), vault.account)
    stage.begin_epoch(8)
    encoded = STATEMENT.encode(network.statement(1, Totals({}, {})))
    call = network.settlement.functions.settle(encoded, 0, bytes(256))
    network.refused(call, stage.stranger, "no committee")


@pytest.mark.parametrize(
    ("place", "content", "reason"),
    [
        (NUMBER, (2**40).to_bytes(6, "big"), "block not recent"),
        (NUMBER, b"\1" * 33, "header malformed"),
        (RANDOMNESS, b"\1" * 31, "header malformed"),
    ],
)
def test_a_header_that_no_block_has_gives_no_beacon(
    stage: Stage, place: int, content: bytes, reason: str
) -> None:
    network = stage.network
    network.chain.wait_until(network.params.epoch_start(5))
    first, parent = network.first_headers()
    fields = rlp.decode(first)
    fields[place] = content
    call = network.network.functions.record(rlp.encode(fields), parent)
    network.refused(call, stage.stranger, reason)


@pytest.mark.parametrize(
    ("supply", "to_nobody", "reason"),
    [
        (0, False, "supply refused"),
        (2**63, False, "supply refused"),
        (1, True, "zero address"),
    ],
)
def test_a_token_of_nothing_for_nobody_or_beyond_64_bits_is_not_deployed(
    stage: Stage, supply: int, to_nobody: bool, reason: str
) -> None:
    compiled = load("Token")
    factory = stage.network.web3.eth.contract(
        abi=compiled.abi, bytecode=compiled.bytecode
    )
    holder = NOBODY if to_nobody else stage.user.address
    with pytest.raises(REFUSALS, match=reason):
        factory.constructor(supply, holder).estimate_gas()
