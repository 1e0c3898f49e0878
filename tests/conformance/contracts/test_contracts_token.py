"""The token, its permits, the faucet, and a deployment that does not fit together."""

from typing import Any

import pytest

from evm_network import REFUSALS, SUPPLY, TestNetwork
from evm_stage import Stage
from holdfast.contracts import load

PERMIT = (
    ("address", "owner"),
    ("address", "spender"),
    ("uint256", "value"),
    ("uint256", "nonce"),
    ("uint256", "deadline"),
)
DOMAIN = (
    ("string", "name"),
    ("string", "version"),
    ("uint256", "chainId"),
    ("address", "verifyingContract"),
)
ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


def fields(pairs: tuple[tuple[str, str], ...]) -> list[dict[str, str]]:
    return [{"type": kind, "name": name} for kind, name in pairs]


def permit(stage: Stage, amount: int, nonce: int, deadline: int) -> Any:
    """Sign that the stranger may move grains of the user; return the arguments."""
    token, user = stage.network.token, stage.user
    message = {
        "owner": user.address,
        "spender": stage.stranger.address,
        "value": amount,
        "nonce": nonce,
        "deadline": deadline,
    }
    domain = {
        "name": "Holdfast",
        "version": "1",
        "chainId": stage.network.params.chain_id,
        "verifyingContract": token.address,
    }
    signed = user.sign_typed_data(
        full_message={
            "types": {"EIP712Domain": fields(DOMAIN), "Permit": fields(PERMIT)},
            "primaryType": "Permit",
            "domain": domain,
            "message": message,
        }
    )
    r, s = (part.to_bytes(32, "big") for part in (signed.r, signed.s))
    return [user.address, stage.stranger.address, amount, deadline, signed.v, r, s]


def test_a_permit_allows_once_what_it_says(stage: Stage) -> None:
    network, token = stage.network, stage.network.token.functions
    later = network.chain.now + 10_000
    arguments = permit(stage, 70, 0, later)
    network.send(token.permit(*arguments), stage.stranger, "permit")
    network.refused(token.permit(*arguments), stage.stranger, "signature refused")
    who = stage.user.address, stage.stranger.address
    assert token.allowance(*who).call() == 70
    before = network.balance(who[1])
    network.send(token.transferFrom(*who, 50), stage.stranger)
    assert token.allowance(*who).call() == 20
    assert network.balance(who[1]) == before + 50
    network.refused(token.transferFrom(*who, 21), stage.stranger, "allowance too low")


def test_altered_and_late_permits_are_refused(stage: Stage) -> None:
    network, token = stage.network, stage.network.token.functions
    later = network.chain.now + 10_000
    good = permit(stage, 70, 0, later)
    high = (ORDER - int.from_bytes(good[6], "big")).to_bytes(32, "big")
    for wrong in (
        [*good[:2], 71, *good[3:]],
        [good[1], good[1], *good[2:]],
        [*good[:4], 55 - good[4], good[5], high],
        ["0x" + "00" * 20, *good[1:5], bytes(32), bytes(32)],
        permit(stage, 70, 1, later),
    ):
        network.refused(token.permit(*wrong), stage.stranger, "signature refused")
    late = permit(stage, 70, 0, network.chain.now - 1)
    network.refused(token.permit(*late), stage.stranger, "permit expired")


def test_the_supply_is_made_once(stage: Stage) -> None:
    token = stage.network.token.functions
    assert token.totalSupply().call() == SUPPLY
    assert token.decimals().call() == 9
    compiled = load("Token")
    for supply in (0, 2**63):
        with pytest.raises(REFUSALS):
            stage.network.web3.eth.contract(
                abi=compiled.abi, bytecode=compiled.bytecode
            ).constructor(supply, stage.user.address).estimate_gas()


def test_the_faucet_gives_once_what_it_has(stage: Stage) -> None:
    network = stage.network
    faucet = network.deploy("Faucet", network.token.address, 500)
    drip = faucet.functions.drip()
    network.refused(drip, stage.user, "balance too low")
    network.give(faucet.address, 900)
    before = network.balance(stage.user.address)
    network.send(drip, stage.user, "drip")
    assert network.balance(stage.user.address) == before + 500
    network.refused(drip, stage.user, "faucet used")
    network.refused(drip, stage.stranger, "balance too low")


def test_contracts_of_different_networks_do_not_fit_together(stage: Stage) -> None:
    network, other = stage.network, TestNetwork(stage.network.chain, name="other")
    compiled = load("Settlement")
    for parts in (
        (other.network, network.token, network.registry, network.deals),
        (network.network, other.token, network.registry, network.deals),
        (network.network, network.token, other.registry, network.deals),
        (network.network, network.token, network.registry, network.deals),
    ):
        where = [part.address for part in parts]
        with pytest.raises(REFUSALS, match="elsewhere"):
            network.web3.eth.contract(
                abi=compiled.abi, bytecode=compiled.bytecode
            ).constructor(*where).estimate_gas()


def test_parameters_are_those_of_the_network_id(stage: Stage) -> None:
    network, params = stage.network.network.functions, stage.network.params
    assert network.network_id().call() == params.network_id
    for name in (
        "genesis_seconds",
        "epoch_seconds",
        "period_epochs",
        "committee_size",
        "unbonding_epochs",
        "rebuild_price",
        "faucet_grains",
    ):
        assert getattr(network, name)().call() == getattr(params, name)
