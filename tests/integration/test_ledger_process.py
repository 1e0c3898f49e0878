"""The ledger as a process: killed at any moment, it keeps what it promised."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from holdfast.ledger.core.account_key import AccountKey
from holdfast.ledger.core.operations import Faucet, Transfer
from holdfast.ledger.errors import LedgerError, LedgerUnreachableError
from holdfast.ledger.network_file import NetworkFile
from holdfast.ledger.remote import RemoteLedger
from holdfast.ledger.verify import verify
from holdfast.protocol.units import AccountId
from ledger_stage import account_key

ALICE = account_key(1)
COMMAND = [sys.executable, "-m", "holdfast.ledger.main"]
START_SECONDS = 30.0


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments], check=False, capture_output=True, text=True, timeout=60
    )


def make(path: Path, *options: str) -> None:
    made = run("init", "--dir", str(path), "--name", "test", "--development", *options)
    assert made.returncode == 0, made.stderr


@contextmanager
def serving(path: Path) -> Iterator[subprocess.Popen[str]]:
    """A ledger process that is ready; killed at the end if it is still there."""
    process = subprocess.Popen(
        [*COMMAND, "serve", "--dir", str(path)], stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stderr is not None
        line = json.loads(process.stderr.readline())
        assert line["message"] == "serving", line
        yield process
    finally:
        process.kill()
        process.communicate(timeout=START_SECONDS)


async def connect(path: Path, patience_seconds: float = 5.0) -> RemoteLedger:
    return await RemoteLedger.join(
        NetworkFile.load(path / "network.json"), patience_seconds
    )


@dataclass
class Stream:
    """One account that pays 1, 2, 3, … grains to another, and what was answered."""

    number: int
    promised: int = 0
    in_doubt: int = 0

    @property
    def source(self) -> AccountKey:
        return account_key(self.number)

    @property
    def to(self) -> AccountId:
        return account_key(self.number + 100).id

    async def begin(self, ledger: RemoteLedger) -> None:
        await ledger.open_account(self.source).submit(Faucet())

    async def check(self, ledger: RemoteLedger) -> None:
        """What was answered is there; the one in doubt may be."""
        found = (await ledger.account(self.to)).balance
        assert found in {self.promised, self.promised + self.in_doubt}
        self.promised, self.in_doubt = found, 0

    async def pay(
        self, ledger: RemoteLedger, process: subprocess.Popen[str], kill_at: int | None
    ) -> None:
        """Pay until the ledger is gone; kill it after `kill_at` answers."""
        account = ledger.open_account(self.source)
        for amount in range(1, 10_000):
            if amount == kill_at:
                os.kill(process.pid, signal.SIGKILL)
            self.in_doubt = amount
            try:
                await account.submit(Transfer(self.to, amount))
            except LedgerUnreachableError:
                return
            self.promised += amount
        raise AssertionError  # nobody killed it


def test_a_ledger_killed_while_it_writes_loses_nothing_it_answered(
    tmp_path: Path,
) -> None:
    """Four accounts pay at once, so that writes are under way at the kill."""
    make(tmp_path)
    streams = [Stream(number) for number in (1, 2, 3, 4)]

    async def play(process: subprocess.Popen[str] | None, kill_at: int) -> None:
        ledger = await connect(tmp_path, patience_seconds=2.0)
        for stream in streams:
            await (stream.check(ledger) if kill_at else stream.begin(ledger))
        if process is not None:
            async with asyncio.TaskGroup() as group:
                for stream in streams:
                    at = kill_at if stream.number == 1 else None
                    group.create_task(stream.pay(ledger, process, at))
        await ledger.close()

    with serving(tmp_path):
        asyncio.run(play(None, 0))
    for kill_at in (1, 7, 40):
        with serving(tmp_path) as process:
            asyncio.run(play(process, kill_at))
            assert process.wait(START_SECONDS) == -signal.SIGKILL
        assert verify(tmp_path / "ledger.db").problems == ()
    with serving(tmp_path):
        asyncio.run(play(None, 1))
    assert all(stream.promised for stream in streams)


def test_a_ledger_stops_when_told_and_says_so(tmp_path: Path) -> None:
    make(tmp_path, "--epoch-seconds", "1")
    with serving(tmp_path) as process:
        assert process.stderr is not None
        messages = [json.loads(process.stderr.readline()) for _ in range(2)]
        assert [line["message"] for line in messages] == ["EpochBegan"] * 2
        assert [line["epoch"] for line in messages] == [0, 1] or (
            messages[0]["epoch"] > 0
        )
        process.send_signal(signal.SIGTERM)
        rest = process.communicate(timeout=START_SECONDS)[1].splitlines()
        assert process.returncode == 0
        assert json.loads(rest[-1])["message"] == "stopped"
    assert verify(tmp_path / "ledger.db").sound


def test_epochs_that_passed_while_it_was_down_are_void(tmp_path: Path) -> None:
    start = "1000000000"
    make(tmp_path, "--genesis-seconds", start, "--epoch-seconds", "1000000")
    with serving(tmp_path):

        async def look() -> tuple[int, list[int]]:
            ledger = await connect(tmp_path)
            while (tip := await ledger.tip()).epoch < 0:
                pass
            beacons = await ledger.beacons(0)
            await ledger.close()
            return tip.epoch, [beacon.epoch for beacon in beacons]

        epoch, beacons = asyncio.run(look())
    assert epoch >= 9
    assert beacons == [epoch]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["serve", "--dir", "{}/none"], "make one with init"),
        (["verify", "--dir", "{}/none"], "no ledger is here"),
        (["init", "--dir", "{}/made", "--name", "x"], "there is a ledger already"),
        (
            ["init", "--dir", "{}/new", "--name", "x", "--allocate", "0x12=5"],
            "is not an account",
        ),
        (["serve", "--dir", "{}/made", "--endpoint", "nowhere:1"], "--endpoint"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_sentence(
    tmp_path: Path, arguments: list[str], says: str
) -> None:
    make(tmp_path / "made")
    done = run(*(argument.format(tmp_path) for argument in arguments))
    assert done.returncode == 1
    sentence = [line for line in done.stderr.splitlines() if line[:1] != "{"]
    assert len(sentence) == 1
    assert says in sentence[0]
    assert "Traceback" not in done.stderr


def test_a_network_file_that_lies_is_refused(tmp_path: Path) -> None:
    make(tmp_path)
    with serving(tmp_path):
        pass
    path = tmp_path / "network.json"
    good = json.loads(path.read_text())
    assert NetworkFile.load(path).name == "test"
    for change in (
        {"network_id": "00" * 32},
        {"params": "00"},
        {"params": 5},
        {"version": 2},
        {"certificate": None, "endpoint": None, "network_id": "zz"},
    ):
        path.write_text(json.dumps(good | change))
        with pytest.raises(LedgerError, match="ask the network's operator"):
            NetworkFile.load(path)
    for text in ("", "[]", "{}", "nonsense"):
        path.write_text(text)
        with pytest.raises(LedgerError, match="ask the network's operator"):
            NetworkFile.load(path)
    path.unlink()
    with pytest.raises(LedgerError, match="No such file"):
        NetworkFile.load(path)


def test_only_the_owner_reads_the_tls_key(tmp_path: Path) -> None:
    make(tmp_path)
    with serving(tmp_path):
        pass
    assert (tmp_path / "tls.key").stat().st_mode & 0o777 == 0o600


def test_an_allocation_is_there_from_the_beginning(tmp_path: Path) -> None:
    account = "0x" + ALICE.id.hex()
    made = run(
        *("init", "--dir", str(tmp_path), "--name", "real"),
        *("--allocate", f"{account}=12"),
    )
    assert made.returncode == 0, made.stderr
    assert "has 12 HOLD" in made.stdout
    report = verify(tmp_path / "ledger.db")
    assert (report.minted, report.accounts, report.sound) == (12 * 10**9, 1, True)
