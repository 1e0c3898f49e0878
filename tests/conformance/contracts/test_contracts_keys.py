"""Who is not let into the registry, or out of it with a stake."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from compile_source import compile_source
from evm_network import TestNetwork
from evm_people import account, make_vault
from evm_stage import STAKE, Stage, set_stage
from holdfast.contracts.points import P, key_point, signature_point
from holdfast.protocol import bls

GULLIBLE = Path(__file__).parent / "Gullible.vy"
INFINITY = bytes(128)


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


@pytest.fixture(scope="session")
def gullible(new_chain: Callable[[], Any]) -> Stage:
    """A network that does not check consents, so that forged keys get further."""
    network = TestNetwork(new_chain(), identity=compile_source(GULLIBLE))
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


def test_a_seat_costs_the_least_stake(stage: Stage) -> None:
    network, vault = stage.network, make_vault(69)
    least = network.params.least_stake
    assert network.network.functions.least_stake().call() == least
    network.equip(vault.account, STAKE)
    below = network.registration(vault, least - 1)
    network.refused(below, vault.account, "below the least stake")
    network.send(network.registration(vault, least), vault.account)


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
