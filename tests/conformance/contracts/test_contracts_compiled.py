"""What is committed beside the sources is what they compile to."""

from pathlib import Path

import pytest

from compile_source import compiled_text, script
from holdfast.contracts import NAMES, load

SOURCES: list[Path] = script()["sources"]()
CODE_BYTES_MAX = 24_576


def test_every_contract_can_be_loaded() -> None:
    assert tuple(source.stem for source in SOURCES) == NAMES


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.stem)
def test_the_committed_bytecode_is_the_sources(source: Path) -> None:
    committed = source.with_suffix(".json").read_text("utf-8")
    assert compiled_text(source) == committed


@pytest.mark.parametrize("name", NAMES)
def test_every_contract_fits_on_a_chain(name: str) -> None:
    assert len(load(name).bytecode) < CODE_BYTES_MAX


@pytest.mark.parametrize("name", NAMES)
def test_nobody_owns_a_contract(name: str) -> None:
    functions = {item.get("name", "").lower() for item in load(name).abi}
    powers = {"owner", "pause", "upgrade", "mint", "transferownership", "initialize"}
    assert not functions & powers
