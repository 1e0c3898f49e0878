"""Settlement comes last, and joins only contracts that name one another."""

from pathlib import Path
from typing import Any

import pytest

from compile_source import compile_source
from evm_network import REFUSALS, create_address
from evm_people import address_bytes
from evm_stage import Stage
from holdfast.contracts import load

SOURCE = Path(__file__).parent / "Answering.vy"
PARTS = ("network", "token", "registry", "certificates", "deals", "settlement")
STAND_INS = ("registry", "certificates", "deals")


@pytest.fixture(scope="module")
def answering() -> tuple[list[dict[str, Any]], bytes]:
    return compile_source(SOURCE)


@pytest.mark.parametrize(
    ("asked", "wrong", "reason"),
    [
        ("registry", "settlement", "registry elsewhere"),
        ("registry", "deals", "registry elsewhere"),
        ("registry", "token", "registry elsewhere"),
        ("registry", "network", "registry elsewhere"),
        ("certificates", "registry", "certificates elsewhere"),
        ("certificates", "network", "certificates elsewhere"),
        ("deals", "settlement", "deals elsewhere"),
        ("deals", "registry", "deals elsewhere"),
        ("deals", "token", "deals elsewhere"),
        ("deals", "network", "deals elsewhere"),
    ],
)
def test_contracts_that_name_others_are_not_joined(
    stage: Stage, answering: Any, asked: str, wrong: str, reason: str
) -> None:
    assert joined(stage, answering, "", "") is None
    refusal = joined(stage, answering, asked, wrong)
    assert refusal is not None
    assert reason in refusal


def joined(stage: Stage, answering: Any, asked: str, wrong: str) -> str | None:
    """Try to deploy Settlement where one answer is wrong; return what it says to it."""
    network = stage.network
    owner = network.owner.address
    nonce = network.web3.eth.get_transaction_count(owner)
    after = (*STAND_INS, "settlement")
    where = {
        "network": network.network.address,
        "token": network.token.address,
        **{
            part: create_address(address_bytes(owner), nonce + step)
            for step, part in enumerate(after)
        },
    }
    for part in STAND_INS:
        said = dict(where)
        if part == asked:
            said[wrong] = stage.stranger.address
        network.deploy_code(part, *answering, *(said[name] for name in PARTS))
    compiled = load("Settlement")
    factory = network.web3.eth.contract(abi=compiled.abi, bytecode=compiled.bytecode)
    names = ("network", "token", "registry", "deals")
    call = factory.constructor(*(where[name] for name in names))
    try:
        call.estimate_gas({"from": owner})
    except REFUSALS as refused:
        return str(refused)
    return None
