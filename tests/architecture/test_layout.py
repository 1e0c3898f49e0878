"""What the layout promises and no single module can: floors, sizes, clean text."""

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = ("protos", "ledger", "contracts", "vault", "client")
LINES_MAX = 400
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text())

# Absolute paths of the places where this was written. A relative a/root/b is none.
WORKPLACE = re.compile(rb"(?<![\w.-])/(?:work|root)/")


def modules() -> list[Path]:
    """Return every module of the distribution that a person wrote."""
    found = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")]
    return sorted(path for path in found if "_pb2" not in path.name)


def packages() -> list[Path]:
    """Return the portions of the namespace package, one or two for each folder."""
    inits = [
        init
        for folder in FOLDERS
        for init in (ROOT / folder / "holdfast").glob("*/__init__.py")
    ]
    return sorted(init.parent for init in inits)


def tracked_files() -> list[Path]:
    """Return every file that git tracks and that is still there."""
    listing = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, timeout=60
    )
    paths = [ROOT / name for name in listing.stdout.decode().split("\0") if name]
    return [path for path in paths if path.is_file()]


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_folder_claims_the_namespace_for_itself(folder: str) -> None:
    assert (ROOT / folder / "holdfast").is_dir()
    assert not (ROOT / folder / "__init__.py").exists()
    assert not (ROOT / folder / "holdfast" / "__init__.py").exists()


def test_every_folder_is_in_the_wheel_and_in_an_editable_install() -> None:
    build = SETTINGS["tool"]["hatch"]["build"]
    assert set(build["dev-mode-dirs"]) == set(FOLDERS)
    shipped = build["targets"]["wheel"]["packages"]
    assert set(shipped) == {f"{folder}/holdfast" for folder in FOLDERS}


def test_every_package_is_behind_the_fences_and_typed() -> None:
    fenced = SETTINGS["tool"]["importlinter"]["root_packages"]
    assert {f"holdfast.{package.name}" for package in packages()} == set(fenced)
    assert [name(path) for path in packages() if not (path / "py.typed").exists()] == []


def test_imports_keep_to_the_floors() -> None:
    linted = subprocess.run(
        [
            sys.executable,
            "-c",
            "from importlinter.cli import lint_imports_command as lint; lint()",
            "--no-cache",
        ],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert linted.returncode == 0, linted.stdout + linted.stderr


def test_every_module_says_what_it_is() -> None:
    silent = [
        name(path)
        for path in modules()
        if not ast.get_docstring(ast.parse(path.read_bytes()))
    ]
    assert silent == []


def test_no_module_is_too_long_to_read() -> None:
    lengths = {name(path): len(path.read_text().splitlines()) for path in modules()}
    assert {path: n for path, n in lengths.items() if n > LINES_MAX} == {}


def test_no_tracked_file_names_the_place_where_it_was_written() -> None:
    telling = [
        name(path) for path in tracked_files() if WORKPLACE.search(path.read_bytes())
    ]
    assert telling == []
