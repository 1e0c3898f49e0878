"""Contract tests need the dependency group `evm`; without it they are not collected.

They run on py-evm in this process, and on anvil too when HOLDFAST_ANVIL names one.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from importlib.util import find_spec
from typing import Any

import pytest

EVM = all(find_spec(name) for name in ("web3", "eth_tester", "vyper"))
collect_ignore_glob = [] if EVM else ["test_*.py"]
CHAINS = ["py-evm", "anvil"] if "HOLDFAST_ANVIL" in os.environ else ["py-evm"]

if EVM:
    from evm_anvil import running_anvil
    from evm_chain import TestChain
    from evm_network import TestNetwork, make_vault
    from evm_stage import Stage, set_stage


@pytest.fixture(scope="session", params=CHAINS)
def new_chain(request: pytest.FixtureRequest) -> Iterator[Callable[[], Any]]:
    """Make chains, each with its own clock, until the end of the run."""
    with ExitStack() as running:

        def make() -> Any:
            if request.param == "py-evm":
                return TestChain()
            program = os.environ["HOLDFAST_ANVIL"]
            return running.enter_context(running_anvil(program))

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
