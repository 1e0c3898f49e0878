"""A network to be used as its users do: through the `holdfast` program alone."""

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast.client.async_client import AsyncClient
from holdfast.client.core.key_slots import WEAKEST
from holdfast.client.local_network import LocalNetwork
from holdfast.client.profile import Profile
from holdfast_shell import PASSPHRASE, Shell
from network_takers import wait_for_takers


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let networks of their own come first and what stops vaults last.

    Two networks at once starve a machine; vaults that were away are not trusted soon.
    """
    here = Path(__file__).parent
    places = [place for place, item in enumerate(items) if here in item.path.parents]
    ours = [items[place] for place in places]
    ours.sort(key=_turn)
    for place, item in zip(places, ours, strict=True):
        items[place] = item


def _turn(item: pytest.Item) -> tuple[bool, bool]:
    shared = "network" in getattr(item, "fixturenames", ())
    return shared, item.path.stem == "test_outages"


@pytest.fixture(scope="package")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalNetwork]:
    """Twelve vaults: a deal of eight finds its holders though some are behind."""
    made = LocalNetwork(tmp_path_factory.mktemp("network") / "n", tied=True)
    asyncio.run(made.up(12, epoch_seconds=5))
    yield made
    made.down()


@pytest.fixture
def stranger(tmp_path: Path) -> Shell:
    """Somebody who has no profile."""
    return Shell(tmp_path / "home")


@pytest.fixture
def newcomer(tmp_path: Path, network: LocalNetwork) -> Shell:
    """Somebody who has a profile, and no tokens; its passphrase is soon checked."""
    shell = Shell(tmp_path / "home")
    file = network.network_file
    Profile.create(shell.home, file, PASSPHRASE, strength=WEAKEST)
    return shell


@pytest.fixture
def owner(newcomer: Shell, network: LocalNetwork) -> Shell:
    """Somebody who has a profile and tokens, where a deal finds its holders."""
    wait_for_takers(network)

    async def take() -> None:
        profile = Profile.load(newcomer.home)
        keys = profile.unlock(PASSPHRASE)
        async with await AsyncClient.connect(profile, keys) as client:
            await client.faucet()

    asyncio.run(take())
    return newcomer


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A few files of all kinds."""
    root = tmp_path / "tree"
    (root / "sub" / "empty").mkdir(parents=True)
    (root / "letter.txt").write_text("Dear vault, keep this.\n" * 100)
    (root / "noise.bin").write_bytes(os.urandom(300_000))
    (root / "nothing").write_bytes(b"")
    (root / "sub" / "run.sh").write_text("#!/bin/sh\nexit 0\n")
    (root / "sub" / "run.sh").chmod(0o750)
    (root / "sub" / "link").symlink_to("../letter.txt")
    os.utime(root / "letter.txt", ns=(1, 1_234_567_890_123_456_789))
    return root
