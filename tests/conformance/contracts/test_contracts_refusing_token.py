"""A token that says no instead of reverting is believed, and nothing else happens."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from compile_source import compile_source
from evm_network import TestNetwork
from evm_people import make_vault
from evm_stage import Stage, set_stage
from holdfast.protocol.settlement import Ejection, Totals
from holdfast.protocol.units import Digest

FOLDER = Path(__file__).parent
Call = tuple[Any, Any]
"""A call of a contract and who sends it."""


@pytest.fixture(scope="module")
def first_refusing(new_chain: Callable[[], Any]) -> Stage:
    network = TestNetwork(
        new_chain(),
        token=compile_source(FOLDER / "Refusing.vy"),
        identity=compile_source(FOLDER / "Gullible.vy"),
    )
    stage = set_stage(network, [make_vault(seed) for seed in range(300, 305)])
    network.give(stage.vaults[0].account.address, 10)
    return stage


@pytest.fixture
def refusing(first_refusing: Stage) -> Iterator[Stage]:
    chain, beacon = first_refusing.network.chain, first_refusing.beacon
    snapshot = chain.remember()
    yield first_refusing
    chain.return_to(snapshot)
    first_refusing.beacon = beacon


def funds(stage: Stage) -> Call:
    return stage.network.deals.functions.fund(stage.deal, 5), stage.user


def refunds(stage: Stage) -> Call:
    stage.begin_epoch(12)
    stage.settle(2, stage.fair())
    return stage.refund_call(), stage.user


def spends(stage: Stage) -> Call:
    statement = stage.network.statement(0, stage.fair())
    return stage.network.settle_call(statement, stage.committee), stage.user


def stakes(stage: Stage) -> Call:
    vault = stage.vaults[0]
    return stage.network.registry.functions.add_stake(vault.id, 5), vault.account


def slashes(stage: Stage) -> Call:
    ejection = Ejection(stage.vaults[4].id, 5, Digest(b"\1" * 32))
    statement = stage.network.statement(0, Totals({}, {}), [ejection])
    return stage.network.settle_call(statement, stage.committee), stage.user


def withdraws(stage: Stage) -> Call:
    registry, vault = stage.network.registry.functions, stage.vaults[4]
    stage.network.send(registry.unbond(vault.id), vault.account)
    stage.settle(0, stage.fair())
    everybody = stage.vaults
    for period in (1, 2, 3):
        stage.begin_epoch(4 * (period + 1))
        stage.vaults = everybody[:4]
        try:
            stage.settle(period, stage.fair())
        finally:
            stage.vaults = everybody
    return registry.withdraw(vault.id), vault.account


def claims(stage: Stage) -> Call:
    stage.settle(0, stage.fair())
    return stage.claim_call(stage.holders[0]), stage.user


@pytest.mark.parametrize(
    ("prepared", "party"),
    [
        (funds, "deals"),
        (refunds, "deals"),
        (spends, "deals"),
        (stakes, "registry"),
        (slashes, "registry"),
        (withdraws, "registry"),
        (claims, "settlement"),
    ],
)
def test_what_the_token_refuses_is_not_done(
    refusing: Stage, prepared: Callable[[Stage], Call], party: str
) -> None:
    network = refusing.network
    call, sender = prepared(refusing)
    call.call({"from": sender.address})
    contract = getattr(network, party)
    refuse = network.token.functions.refuse(contract.address)
    network.send(refuse, refusing.stranger)
    network.refused(call, sender, "token refused")


def test_a_faucet_whose_token_refuses_feeds_nobody(refusing: Stage) -> None:
    network = refusing.network
    faucet = network.deploy("Faucet", network.token.address, 5)
    network.give(faucet.address, 10)
    faucet.functions.drip().call({"from": refusing.user.address})
    refuse = network.token.functions.refuse(faucet.address)
    network.send(refuse, refusing.stranger)
    network.refused(faucet.functions.drip(), refusing.user, "token refused")
