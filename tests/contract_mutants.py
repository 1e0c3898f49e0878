"""Contracts of which any one condition can be switched off, and who notices.

Each condition of each `assert` gets a number. In a folder of its own the sources are
compiled so that a chain whose coinbase is that number, nobody's otherwise, lets the
condition pass. So one compilation makes all mutants, and one process tries them.
"""

import ast
import json
import os
import re
import runpy
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from compile_source import ROOT

SOURCES: Final = Path("contracts/holdfast/contracts")
TESTS: Final = Path("tests/conformance/contracts")
NOT_ASKED: Final = (
    "test_contracts_compiled.py",
    "test_contracts_gas.py",
    "test_contracts_mutants.py",
)
"""Tests that notice every change of bytecode, and the one that asks the others."""

SWITCH: Final = "HOLDFAST_CONDITION_OFF"
"""The variable with the coinbase that tests give to their chains."""

FIRST: Final = 0xC0DE << 128
PASSED, FAILED, NOTHING_CHOSEN = 0, 1, 5
_ASSERT: Final = re.compile(r'^( *)assert (.*?), ("[^"]*")$', re.MULTILINE | re.DOTALL)
_FUNCTION: Final = re.compile(r"^def (\w+)", re.MULTILINE)
_BRACKET_OR_AND: Final = re.compile(r"[(\[]|[)\]]|\band\b")


@dataclass(frozen=True)
class Condition:
    """One condition of an `assert`, and the coinbase that switches it off."""

    name: str
    reason: str
    coinbase: str


def switchable(source: Path, first: int) -> tuple[str, list[Condition]]:
    """Return a source's text with switches, and its conditions from number `first`."""
    text, found = source.read_text("utf-8"), list[Condition]()
    seen = Counter[str]()

    def guarded(match: re.Match[str]) -> str:
        indent, condition, reason = match.groups()
        parts = []
        for part in conjuncts(condition):
            where = _FUNCTION.findall(text[: match.start()])[-1]
            name = f"{source.stem}.{where}: {' '.join(part.split())}"
            seen[name] += 1
            name += f" ({seen[name]})" if seen[name] > 1 else ""
            number = first + len(found)
            found.append(Condition(name, reason.strip('"'), f"{number:#042x}"))
            parts.append(f"({part} or convert(block.coinbase, uint256) == {number})")
        return f"{indent}assert {' and '.join(parts)}, {reason}"

    switched = _ASSERT.sub(guarded, text)
    assert len(_ASSERT.findall(text)) == text.count(" assert ")
    # Who looks at the coinbase is not pure.
    return switched.replace("@pure", "@view"), found


def conjuncts(condition: str) -> list[str]:
    """Split a condition at each `and` that stands in no brackets."""
    parts, depth, begin = list[str](), 0, 0
    for match in _BRACKET_OR_AND.finditer(condition):
        if match.group() != "and":
            depth += 1 if match.group() in "([" else -1
        elif not depth:
            parts.append(condition[begin : match.start()].strip())
            begin = match.end()
    return [*parts, condition[begin:].strip()]


def make_tree(folder: Path) -> list[Condition]:
    """Copy contracts and tests, put the switches in, compile; return all conditions."""
    clean = shutil.ignore_patterns("__pycache__", *NOT_ASKED)
    for part in ("contracts", TESTS):
        shutil.copytree(ROOT / part, folder / part, ignore=clean)
    for path in [*(ROOT / "tests").glob("*.py"), ROOT / "pyproject.toml"]:
        shutil.copy(path, folder / path.relative_to(ROOT))
    conditions: list[Condition] = []
    for source in sorted((folder / SOURCES).glob("*.vy")):
        text, found = switchable(source, FIRST + len(conditions))
        source.write_text(text, "utf-8")
        conditions += found
    runpy.run_path(str(folder / "contracts" / "compile_contracts.py"))["main"]()
    return conditions


def survivors(folder: Path, anvil: str, wanted: list[Condition]) -> list[str]:
    """Return the names of conditions without which no test in `folder` fails."""
    asked = [[one.name, one.reason, one.coinbase] for one in wanted]
    variables = {"PYTHONPATH": "contracts:tests", "HOLDFAST_ANVIL": anvil}
    subprocess.run(
        (sys.executable, "-m", "contract_mutants", json.dumps(asked)),
        cwd=folder,
        env=os.environ | variables,
        check=True,
    )
    return list(json.loads((folder / "survivors.json").read_text("utf-8")))


def main() -> None:
    """Try the conditions of the first argument, in the tree that we are in."""
    conditions = [Condition(*fields) for fields in json.loads(sys.argv[1])]
    assert not _fails([str(TESTS)]), "tests fail with every condition in force"
    left = []
    for one in conditions:
        os.environ[SWITCH] = one.coinbase
        named = list(_tests_that_name(one.reason))
        noticed = _fails(named) or _fails([str(TESTS)])
        sys.stderr.write(f"{'noticed ' if noticed else 'SURVIVED'} {one.name}\n")
        left += [] if noticed else [one.name]
    Path("survivors.json").write_text(json.dumps(left), "utf-8")


def _tests_that_name(reason: str) -> Iterator[str]:
    for path in sorted(TESTS.glob("test_*.py")):
        text = path.read_text("utf-8")
        for node in ast.parse(text).body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                parts = (*node.decorator_list, node)
                said = (ast.get_source_segment(text, part) or "" for part in parts)
                if any(reason in one for one in said):
                    yield f"{path}::{node.name}"


def _fails(chosen: list[str]) -> bool:
    if not chosen:
        return False
    words = ("-x", "-q", "-k", "anvil", "-p", "no:cacheprovider", *chosen)
    code = pytest.main([*words])
    assert code in {PASSED, FAILED, NOTHING_CHOSEN}, code
    return code == FAILED


if __name__ == "__main__":
    main()
