"""Hypothesis: no deadlines, as no test depends on speed; in CI the same examples.

Tests of local networks are marked `network`: vaults that starve miss audits. With
`-n auto` one worker has them all, one by one, and the others take what they leave of
the processors, which is nearly half.
"""

import os
from typing import Final

import pytest
from hypothesis import settings
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from holdfast.wire import process

NETWORKS: Final = (
    "tests/acceptance/",
    "tests/integration/test_backup_network.py",
    "tests/integration/test_evm_account_network.py",
    "tests/integration/test_evm_network.py",
    "tests/integration/test_local_network.py",
    "tests/integration/test_network_epochs.py",
    "tests/integration/test_split_network.py",
)

LEAST_PRIORITY: Final = 19

settings.register_profile("here", deadline=None)
settings.register_profile("CI", deadline=None, derandomize=True)
settings.load_profile("CI" if os.environ.get("CI") else "here")


class NetworksApart(LoadScopeScheduling):  # type: ignore[misc] # it has no types
    """One worker has all networks; a module stays together, for what it shares."""

    def __init__(self, config: pytest.Config, log: Producer) -> None:
        config.option.loadscopereorder = False  # it is in order of what takes long
        super().__init__(config, log)

    def _split_scope(self, nodeid: str) -> str:
        return "network" if nodeid.startswith(NETWORKS) else nodeid.partition("::")[0]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> NetworksApart:
    """Return who says which worker runs what."""
    return NetworksApart(config, log)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Return the workers of `-n auto`: one for networks beside one for each core."""
    return len(os.sched_getaffinity(0)) + 1


@pytest.hookimpl(tryfirst=True)  # before tests are chosen by their marks
def pytest_collection_modifyitems(
    config: pytest.Config, items: list[pytest.Item]
) -> None:
    """Mark what starts a network of vaults, each a process of its own."""
    for item in items:
        if item.nodeid.startswith(NETWORKS):
            item.add_marker(pytest.mark.network)
    if hasattr(config, "workerinput"):
        items.sort(key=_turn)


def pytest_collection_finish() -> None:
    """Leave what thousands of tests are made of to themselves."""
    process.settle()


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Leave the processors to the networks that run beside this."""
    if hasattr(item.config, "workerinput") and not _is_network(item):
        os.nice(LEAST_PRIORITY)


def _is_network(item: pytest.Item) -> bool:
    return item.get_closest_marker("network") is not None


def _turn(item: pytest.Item) -> int:
    """Return when an item's turn is: what takes long begins first."""
    if _is_network(item):
        return 0
    return 1 if item.nodeid.startswith("tests/simulation/") else 2
