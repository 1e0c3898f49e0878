"""The files of scenarios beside the tests, for whoever plays them elsewhere."""

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

from holdfast.ledger.core.chain import Genesis
from ledger_stage import PLAYS, Scenario

FOLDER = Path(__file__).with_name("conformance")


def scenes(name: str) -> dict[str, tuple[Scenario, Genesis]]:
    """Return the scenarios of a file, by name, each with its network."""
    module = load(name)
    prefix = f"{module.__name__}."
    return {
        key.removeprefix(prefix): play
        for key, play in PLAYS.items()
        if key.startswith(prefix)
    }


def load(name: str) -> ModuleType:
    """Return a file of the conformance tests as a module of its own."""
    spec = spec_from_file_location(f"scenarios.{name}", FOLDER / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
