"""What users are told while parts of the network are away, or a disk is full."""

import asyncio
import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast.client.demo.comparison import compare
from holdfast.client.exit_codes import ExitCode
from holdfast.client.local_layout import LEDGER
from holdfast.client.local_network import LocalNetwork
from holdfast_shell import Shell


@contextlib.contextmanager
def without_vaults(network: LocalNetwork, vaults: list[str]) -> Iterator[None]:
    for vault in vaults:
        network.stop_vault(vault, kill=True)
    try:
        yield
    finally:
        asyncio.run(network.up())


def holders_of(owner: Shell) -> list[str]:
    (deal,) = owner.json("deal", "list")["deals"]
    return [holder["vault"] for holder in deal["holders"]]


def test_while_the_ledger_is_away_that_is_what_is_told(
    owner: Shell, tree: Path, network: LocalNetwork
) -> None:
    network.programs.stop(LEDGER, kill=True)
    try:
        for words in (("wallet", "balance"), ("backup", tree), ("snapshots",)):
            run = owner.run(*words)
            assert run.returncode == ExitCode.UNREACHABLE, run.stderr
            assert "the ledger at 127.0.0.1:" in run.stderr
            assert "does not answer; check that it runs" in run.stderr
            assert "Traceback" not in run.stderr
    finally:
        asyncio.run(network.up())
    assert owner.json("backup", tree)["problems"] == []


def test_with_four_of_eight_holders_dead_everything_comes_back(
    owner: Shell, tree: Path, network: LocalNetwork, tmp_path: Path
) -> None:
    owner.json("backup", tree)
    with without_vaults(network, holders_of(owner)[:4]):
        report = owner.json("restore", "latest", "--target", tmp_path / "t")
    assert report["complete"]
    assert compare(tree, tmp_path / "t" / tree.relative_to("/")).differences == []


def test_with_five_of_eight_dead_the_missing_and_the_needed_are_told(
    owner: Shell, tree: Path, network: LocalNetwork, tmp_path: Path
) -> None:
    owner.json("backup", tree)
    dead = holders_of(owner)[:5]
    with without_vaults(network, dead):
        run = owner.run("restore", "latest", "--target", tmp_path / "t")
    assert run.returncode == ExitCode.DATA_UNAVAILABLE, run.stderr
    assert all(vault[:12] in run.stderr for vault in dead)
    assert "4 holders of deal" in run.stderr
    assert "are needed and 3 answer" in run.stderr
    assert "Traceback" not in run.stderr
    assert owner.json("restore", "latest", "--target", tmp_path / "t")["complete"]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of a megabyte, where the tests may mount one."""
    place = tmp_path / "small"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("these tests may not mount a file system")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_restore_onto_a_full_disk_says_so_and_goes_on_elsewhere(
    owner: Shell, tree: Path, small_disk: Path, tmp_path: Path
) -> None:
    (tree / "large.bin").write_bytes(os.urandom(3_000_000))
    owner.json("backup", tree)
    run = owner.run("restore", "latest", "--target", small_disk / "t")
    assert run.returncode == ExitCode.DISK_FULL, run.stdout + run.stderr
    assert "full" in run.stderr
    assert "Traceback" not in run.stderr
    assert owner.json("restore", "latest", "--target", tmp_path / "t")["complete"]


def test_a_profile_on_a_full_disk_says_so(
    small_disk: Path, network: LocalNetwork
) -> None:
    (small_disk / "filler").write_bytes(b"\0" * 1_040_000)
    run = Shell(small_disk / "home").run("init", "--network", network.network_file)
    assert run.returncode == ExitCode.DISK_FULL, run.stdout + run.stderr
    assert "Traceback" not in run.stderr
