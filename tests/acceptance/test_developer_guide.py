"""The examples of docs/developer.md, run as they stand, one after the other."""

import asyncio
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast.client.async_client import AsyncClient
from holdfast.client.core.key_slots import Strength
from holdfast.client.local_network import LocalNetwork
from holdfast.client.profile import Profile
from holdfast.protocol.units import MIB

GUIDE = Path(__file__).parents[2] / "docs" / "developer.md"
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture
def folder(
    tmp_path: Path, network: LocalNetwork, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    """A working directory, and a home whose profile has tokens."""
    home = tmp_path / ".local" / "share" / "holdfast"
    strength = Strength(1, 8 * MIB)
    profile, _ = Profile.create(
        home, network.network_file, "correct horse", strength=strength
    )

    async def faucet() -> None:
        keys = profile.unlock("correct horse")
        async with await AsyncClient.connect(profile, keys) as client:
            await client.faucet()

    asyncio.run(faucet())
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    assert Path(os.getcwd()) == tmp_path  # noqa: PTH109 # where the examples ran


@pytest.mark.usefixtures("folder")
def test_the_examples_of_the_guide_run() -> None:
    text = GUIDE.read_text()
    examples = list(BLOCK.finditer(text))
    assert len(examples) > 5
    names: dict[str, object] = {"__name__": "guide"}
    for example in examples:
        line = text.count("\n", 0, example.start(1))
        code = "\n" * line + example[1]
        exec(compile(code, str(GUIDE), "exec"), names)  # our own guide
