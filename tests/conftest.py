"""Hypothesis: no deadlines, as no test depends on speed; in CI the same examples.

Tests of local networks are marked `network`: they need the machine for themselves,
so that `make test` runs them after all others, which run side by side.
"""

import os
from typing import Final

import pytest
from hypothesis import settings

NETWORKS: Final = (
    "tests/acceptance/",
    "tests/integration/test_backup_network.py",
    "tests/integration/test_evm_account_network.py",
    "tests/integration/test_evm_network.py",
    "tests/integration/test_local_network.py",
    "tests/integration/test_network_epochs.py",
    "tests/integration/test_split_network.py",
)

settings.register_profile("here", deadline=None)
settings.register_profile("CI", deadline=None, derandomize=True)
settings.load_profile("CI" if os.environ.get("CI") else "here")


@pytest.hookimpl(tryfirst=True)  # before tests are chosen by their marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what starts a network of vaults, each a process of its own."""
    for item in items:
        if item.nodeid.startswith(NETWORKS):
            item.add_marker(pytest.mark.network)
