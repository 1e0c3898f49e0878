"""A token that calls back in the middle of a transfer gets nothing done by that.

Each call is made within another, and then alone: alone it works, so it is the moment
that makes it fail.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from compile_source import compile_source
from evm_network import TestNetwork
from evm_people import make_vault
from evm_stage import CAPACITY, Stage, set_stage
from holdfast.protocol.settlement import Ejection
from holdfast.protocol.units import Digest

FOLDER = Path(__file__).parent
Call = tuple[Any, Any]
"""A call of a contract and who sends it."""


@pytest.fixture(scope="session")
def first_hostile(new_chain: Callable[[], Any]) -> Stage:
    """A network whose token calls back, with a settled period and the next begun."""
    network = TestNetwork(
        new_chain(),
        token=compile_source(FOLDER / "HostileToken.vy"),
        identity=compile_source(FOLDER / "Gullible.vy"),
    )
    stage = set_stage(network, [make_vault(seed) for seed in range(200, 205)])
    stage.settle(0, stage.fair())
    extend = network.deals.functions.extend
    network.send(
        extend(stage.deal, CAPACITY, 12, stage.quotes(stage.deal, end=12)), stage.user
    )
    stage.begin_epoch(8)
    for poor in (network.token.address, stage.vaults[0].account.address):
        network.give(poor, 10)
    return stage


@pytest.fixture
def hostile(first_hostile: Stage) -> Iterator[Stage]:
    chain, beacon = first_hostile.network.chain, first_hostile.beacon
    snapshot = chain.remember()
    yield first_hostile
    chain.return_to(snapshot)
    first_hostile.beacon = beacon


def claims(stage: Stage) -> Call:
    return stage.claim_call(stage.holders[0]), stage.stranger


def claims_for_another(stage: Stage) -> Call:
    return stage.claim_call(stage.holders[1]), stage.stranger


def funds(stage: Stage) -> Call:
    return stage.network.deals.functions.fund(stage.deal, 5), stage.stranger


def opens(stage: Stage) -> Call:
    call = stage.open_call(stage.stranger, b"\6" * 32, end=12)
    return call, stage.stranger


def stakes(stage: Stage) -> Call:
    vault = stage.vaults[0]
    return stage.network.registry.functions.add_stake(vault.id, 5), vault.account


def settles(stage: Stage) -> Call:
    ejection = Ejection(stage.vaults[4].id, 5, Digest(b"\1" * 32))
    statement = stage.network.statement(1, stage.fair(2_000), [ejection])
    return stage.network.settle_call(statement, stage.committee), stage.stranger


@pytest.mark.parametrize(
    ("outer", "inner"),
    [
        (claims, claims_for_another),
        (claims, settles),
        (funds, funds),
        (opens, funds),
        (stakes, settles),
        (settles, claims),
        (settles, funds),
    ],
)
def test_a_token_that_calls_back_gets_nothing_done(
    hostile: Stage, outer: Callable[[Stage], Call], inner: Callable[[Stage], Call]
) -> None:
    network = hostile.network
    token = network.token.functions
    call, _ = inner(hostile)
    data = bytes.fromhex(call._encode_transaction_data()[2:])
    beginning = network.chain.remember()
    network.send(token.arm(call.address, data), hostile.stranger)
    network.send(*outer(hostile))
    assert token.answered().call() == 1
    assert not token.succeeded().call()
    # The token makes the same call when nothing else is going on.
    network.chain.return_to(beginning)
    network.send(token.arm(call.address, data), hostile.stranger)
    network.send(token.transfer(hostile.user.address, 0), hostile.stranger)
    assert token.answered().call() == 1
    assert token.succeeded().call()
