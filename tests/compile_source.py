"""Compile a contract that only tests deploy, with the modules of the real ones."""

import json
import runpy
from pathlib import Path
from typing import Any

SCRIPT = Path(__file__).parents[1] / "contracts" / "compile_contracts.py"


def compile_source(source: Path) -> tuple[list[dict[str, Any]], bytes]:
    """Return ABI and bytecode."""
    compiled = json.loads(runpy.run_path(str(SCRIPT))["compiled"](source))
    return compiled["abi"], bytes.fromhex(compiled["bytecode"])
