"""Hypothesis: no deadlines, as no test depends on speed; in CI the same examples.

Side by side (`pytest -n auto`) all tests of local networks stay with one worker: two
networks at once starve a machine.
"""

import os
from typing import Any, Final

import pytest
from hypothesis import settings

NETWORKS: Final = (
    "tests/acceptance/",
    "tests/integration/test_backup_network.py",
    "tests/integration/test_evm_network.py",
    "tests/integration/test_local_network.py",
    "tests/integration/test_network_epochs.py",
)

settings.register_profile("here", deadline=None)
settings.register_profile("CI", deadline=None, derandomize=True)
settings.load_profile("CI" if os.environ.get("CI") else "here")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> object:
    """Give one worker the networks, and whoever is free the next of the others."""
    from xdist.scheduler import LoadScopeScheduling  # noqa: PLC0415

    class NetworksTogether(LoadScopeScheduling):  # type: ignore[misc] # it has no types
        def _split_scope(self, nodeid: str) -> str:
            return "networks" if nodeid.startswith(NETWORKS) else nodeid

    return NetworksTogether(config, log)
