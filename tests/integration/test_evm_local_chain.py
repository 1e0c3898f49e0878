"""A chain of one's own: started, deployed on, kept going, and ended without a trace."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from evm_anvil import anvil_program
from holdfast.ledger.core.operations import Faucet
from holdfast.ledger.errors import LedgerFileError, LedgerUnreachableError
from holdfast.ledger.evm.anvil_state import LAST, STATE
from holdfast.ledger.joining import JoinedLedger, join
from holdfast.ledger.network_file import NetworkFile
from ledger_stage import account_key

ANVIL = anvil_program()
pytestmark = pytest.mark.skipif(ANVIL is None, reason="anvil is not installed")
PATIENCE = 3000
PROGRAM = (sys.executable, "-m", "holdfast.ledger.main")


@contextmanager
def serving(directory: Path) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([*PROGRAM, "chain", "--dir", str(directory)])
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0


async def joined(path: Path, process: subprocess.Popen[bytes]) -> JoinedLedger:
    """Return the ledger as soon as its node answers."""
    for _ in range(PATIENCE):
        assert process.poll() is None
        with suppress(LedgerFileError, LedgerUnreachableError):
            return await join(NetworkFile.load(path))
        await asyncio.sleep(0.05)
    raise AssertionError("no ledger came")


async def first_beacon(directory: Path, process: subprocess.Popen[bytes]) -> None:
    """Return when a beacon is on the chain, and an account without ether is fed."""
    ledger = await joined(directory / "network.json", process)
    try:
        news = await ledger.sync((), 0, 60.0)
        assert news.beacons
        poor = ledger.open_account(account_key(9))
        if not (await ledger.account(poor.id)).balance:
            await poor.submit(Faucet())
        balance = (await ledger.account(poor.id)).balance
        assert balance == ledger.params.faucet_grains
    finally:
        await ledger.close()


def test_a_chain_serves_its_network_and_goes_on_after_a_restart(
    tmp_path: Path,
) -> None:
    directory = tmp_path / "ledger"
    assert ANVIL is not None
    subprocess.run(
        [*PROGRAM, "chain-init", "--dir", directory, "--name", "own"],
        check=True,
        env={**os.environ, "HOLDFAST_ANVIL": ANVIL},
    )
    for _ in range(2):
        with serving(directory) as process:
            asyncio.run(first_beacon(directory, process))
    port = json.loads((directory / "chain.json").read_text())["port"]
    with socket.socket() as nobody:
        assert nobody.connect_ex(("127.0.0.1", port)) != 0


@pytest.mark.long
def test_a_killed_node_is_told_of_and_goes_on_from_what_was_kept(
    tmp_path: Path,
) -> None:
    directory = tmp_path / "ledger"
    assert ANVIL is not None
    subprocess.run(
        [*PROGRAM, "chain-init", "--dir", directory, "--name", "own"],
        check=True,
        env={**os.environ, "HOLDFAST_ANVIL": ANVIL},
    )
    words = [*PROGRAM, "chain", "--dir", str(directory)]
    with subprocess.Popen(words, stderr=subprocess.PIPE) as process:
        asyncio.run(first_beacon(directory, process))
        saved_anew(directory / STATE, process)
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        os.kill(int(children.read_text()), signal.SIGKILL)
        _, said = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1
    assert b"its state is kept, start it again" in said
    assert b"Traceback" not in said
    # What it might have been writing when it was killed.
    (directory / LAST).write_text('{"block": ')
    with serving(directory) as process:
        asyncio.run(still_fed(directory, process))


async def still_fed(directory: Path, process: subprocess.Popen[bytes]) -> None:
    """Check that an account has what it was given before."""
    ledger = await joined(directory / "network.json", process)
    try:
        balance = (await ledger.account(account_key(9).id)).balance
        assert balance == ledger.params.faucet_grains
        assert (await ledger.sync((), 0, 60.0)).beacons
    finally:
        await ledger.close()


def saved_anew(state: Path, process: subprocess.Popen[bytes]) -> None:
    """Return when all that is on the chain now was written down."""
    for _ in range(2):  # the first may have been under way
        before = state.stat().st_mtime_ns
        while state.stat().st_mtime_ns == before:
            with suppress(subprocess.TimeoutExpired):
                process.wait(0.2)
            assert process.returncode is None


def test_without_anvil_a_sentence_says_what_to_install(tmp_path: Path) -> None:
    environment = {**os.environ, "PATH": str(tmp_path)}
    environment.pop("HOLDFAST_ANVIL", None)
    done = subprocess.run(
        [*PROGRAM, "chain-init", "--dir", tmp_path / "ledger", "--name", "own"],
        check=False,
        capture_output=True,
        env=environment,
        cwd=tmp_path,
    )
    assert done.returncode == 1
    assert b"npm install" in done.stderr
    assert not (tmp_path / "ledger").exists()
