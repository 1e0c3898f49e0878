"""Contract tests need the dependency group `evm`; without it they are not collected.

They run on anvil and on py-evm in this process. py-evm takes a hundred times as long,
so where there is an anvil the default run plays on both only what an attacker tries;
the rest of py-evm's runs are long ones.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from importlib.util import find_spec
from typing import Any

import pytest

EVM = all(find_spec(name) for name in ("web3", "eth_tester", "vyper"))
collect_ignore_glob = [] if EVM else ["test_*.py"]
PY_EVM, ON_ANVIL = "py-evm", "anvil"
ATTACKS = {
    "test_contracts_certificates.py",
    "test_contracts_keys.py",
    "test_contracts_payouts.py",
    "test_contracts_reentrancy.py",
}
# Ed25519 in single steps: each of these registers vaults, with their consent.
SLOW = (
    "test_a_seat_costs_the_least_stake[",
    "test_a_stake_must_be_paid[",
    "test_a_vault_that_came_this_period_is_not_yet_in_the_draw[",
    "test_nobody_registers_a_vault_that_did_not_consent[",
)
ANVIL: str | None = None

if EVM:
    from contract_mutants import SWITCH
    from evm_anvil import anvil_program, running_anvil
    from evm_chain import TestChain
    from evm_network import TestNetwork
    from evm_people import make_vault
    from evm_stage import Stage, set_stage

    ANVIL = anvil_program()

CHAINS = [PY_EVM] if ANVIL is None else [PY_EVM, ON_ANVIL]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave to the long run what another chain shows as well, and sooner."""
    for item in items:
        slow = f"[{PY_EVM}" in item.name and item.path.parent.name == "contracts"
        often = item.path.name in ATTACKS and not item.name.startswith(SLOW)
        if ANVIL is not None and slow and not often:
            item.add_marker(pytest.mark.long)


@pytest.fixture(scope="session", params=CHAINS)
def new_chain(request: pytest.FixtureRequest) -> Iterator[Callable[[], Any]]:
    """Make chains, each with its own clock, until the end of the run."""
    with ExitStack() as running:

        def make() -> Any:
            if request.param == PY_EVM:
                return TestChain()
            assert ANVIL is not None
            chain = running.enter_context(running_anvil(ANVIL))
            if (coinbase := os.environ.get(SWITCH)) is not None:
                chain.ask("anvil_setCoinbase", coinbase)
            return chain

        yield make


@pytest.fixture(scope="session")
def first_stage(new_chain: Callable[[], Any]) -> "Stage":
    network = TestNetwork(new_chain())
    return set_stage(network, [make_vault(seed) for seed in range(5)])


@pytest.fixture
def stage(first_stage: "Stage") -> Iterator["Stage"]:
    """Epoch 4 of a network, as it was before any other test."""
    chain, beacon = first_stage.network.chain, first_stage.beacon
    snapshot = chain.remember()
    yield first_stage
    chain.return_to(snapshot)
    first_stage.beacon = beacon
