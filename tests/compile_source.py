"""Compile contracts in tests, each once for as long as no source changes.

What a compilation gave is kept in the build folder under the hash of all that it
depends on: every source, the script and the compiler's version.
"""

import hashlib
import json
import os
import runpy
import tempfile
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parents[1]
SCRIPT: Final = ROOT / "contracts" / "compile_contracts.py"
KEPT: Final = ROOT / "build" / "vyper"


def compile_source(source: Path) -> tuple[list[dict[str, Any]], bytes]:
    """Return ABI and bytecode."""
    compiled = json.loads(compiled_text(source))
    return compiled["abi"], bytes.fromhex(compiled["bytecode"])


def compiled_text(source: Path) -> str:
    """Return what the script makes of a source."""
    kept = KEPT / f"{_digest(source)}.json"
    if kept.exists():
        return kept.read_text("utf-8")
    text = str(script()["compiled"](source))
    KEPT.mkdir(parents=True, exist_ok=True)
    # Two runs at once must not read each other's halves.
    handle, name = tempfile.mkstemp(dir=KEPT)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    Path(name).replace(kept)
    return text


@cache
def script() -> dict[str, Any]:
    """Return what the script that compiles the contracts defines."""
    return runpy.run_path(str(SCRIPT))


def _digest(source: Path) -> str:
    modules = sorted((ROOT / "contracts").rglob("*.vy"))
    digest = hashlib.sha256(version("vyper").encode())
    for path in (SCRIPT, *modules, source):
        content = path.read_bytes()
        digest.update(b"%s %d\n%s" % (path.name.encode(), len(content), content))
    return digest.hexdigest()
