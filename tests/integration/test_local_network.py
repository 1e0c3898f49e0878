"""A network of real processes on this machine: up, looked at, hurt, up again."""

import asyncio
import fcntl
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast.client.local_layout import (
    LEDGER,
    LocalNetworkError,
    NoLocalNetworkError,
)
from holdfast.client.local_network import LocalNetwork, VaultUnknownError
from holdfast.client.local_process import mark_of, wait_for_end
from holdfast.client.local_programs import ProgramFailedError

VAULTS = 2
EPOCH_SECONDS = 1


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalNetwork]:
    made = LocalNetwork(tmp_path_factory.mktemp("local") / "network", tied=True)
    asyncio.run(made.up(VAULTS, EPOCH_SECONDS))
    yield made
    made.down()


def pids(network: LocalNetwork) -> list[int]:
    names = [LEDGER, *(vault.name for vault in network.plan().vaults)]
    return [mark.pid for name in names if (mark := network.programs.mark(name))]


def test_every_process_of_a_network_that_is_up_serves_and_says_how_it_is(
    network: LocalNetwork,
) -> None:
    status = asyncio.run(network.up())
    assert status.healthy
    assert status.ledger.epoch is not None
    assert len(status.vaults) == VAULTS
    for vault in status.vaults:
        assert vault.state == "serving"
        assert vault.standing == "active"
        assert (vault.shards, vault.held_bytes, vault.earned) == (0, 0, 0)
        assert vault.directory.is_dir()
        assert vault.pid is not None
    assert len({vault.vault.vault for vault in status.vaults}) == VAULTS


def test_up_on_a_running_network_starts_nothing(network: LocalNetwork) -> None:
    before = pids(network)
    assert asyncio.run(network.up()).healthy
    assert pids(network) == before
    assert len(before) == VAULTS + 1


def test_a_killed_vault_is_seen_as_stopped_and_comes_back_as_the_same(
    network: LocalNetwork,
) -> None:
    first = network.plan().vaults[0]
    assert network.stop_vault(first.vault[:10], kill=True) == (first, True)
    status = asyncio.run(network.status())
    assert [vault.state for vault in status.vaults] == ["stopped", "serving"]
    assert not status.healthy
    assert network.stop_vault("01") == (first, False)
    assert asyncio.run(network.start_vault(first.vault)) == (first, True)
    assert asyncio.run(network.start_vault(first.vault)) == (first, False)
    again = asyncio.run(network.status()).vaults[0]
    assert (again.state, again.vault) == ("serving", first)


def test_a_process_whose_note_was_lost_is_found_and_not_started_twice(
    network: LocalNetwork,
) -> None:
    before = pids(network)
    shutil.rmtree(network.layout.directory / "processes")
    again = LocalNetwork(network.layout.directory, tied=True)
    assert asyncio.run(again.up()).healthy
    assert pids(again) == before


def test_down_ends_every_process_and_up_brings_the_same_network_back(
    network: LocalNetwork,
) -> None:
    before = pids(network)
    plan = network.plan()
    assert network.down() == VAULTS + 1
    assert [mark_of(pid) for pid in before] == [None] * len(before)
    assert network.down() == 0
    status = asyncio.run(network.up())
    assert status.healthy
    assert network.plan() == plan


def test_no_vault_is_guessed_from_an_id_that_fits_none_or_several(
    network: LocalNetwork,
) -> None:
    for prefix in ("", "zz", "99"):
        with pytest.raises(VaultUnknownError):
            network.stop_vault(prefix)
    assert len(pids(network)) == VAULTS + 1


def test_the_length_of_an_epoch_is_never_changed(network: LocalNetwork) -> None:
    with pytest.raises(LocalNetworkError):
        asyncio.run(network.up(epoch_seconds=EPOCH_SECONDS + 1))


def test_two_commands_do_not_change_one_network_at_a_time(
    network: LocalNetwork,
) -> None:
    with network.layout.lock.open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(LocalNetworkError):
            network.stop_vault("01")
    assert len(pids(network)) == VAULTS + 1


def test_a_vault_that_ends_while_it_is_waited_for_is_reported_with_its_log(
    network: LocalNetwork,
) -> None:
    second = network.plan().vaults[1]
    network.stop_vault("02")
    certificate = network.layout.certificate(second)
    spoiled = certificate.read_bytes()
    certificate.write_bytes(b"not a certificate")
    try:
        with pytest.raises(ProgramFailedError) as raised:
            asyncio.run(network.start_vault("02"))
    finally:
        certificate.write_bytes(spoiled)
    assert raised.value.log == network.layout.log("vault-02")
    assert asyncio.run(network.start_vault("02")) == (second, True)


def test_what_a_killed_command_left_half_made_is_made_again_and_deleted_at_the_end(
    tmp_path: Path,
) -> None:
    (tmp_path / "ledger.new").mkdir()
    (tmp_path / "ledger.new" / "ledger.db").write_bytes(b"torn")
    (tmp_path / "vaults" / "01").mkdir(parents=True)
    (tmp_path / "vaults" / "01" / "vault.toml").write_text("torn")
    (tmp_path / "letter").write_text("not the network's")
    network = LocalNetwork(tmp_path, tied=True)
    try:
        assert asyncio.run(network.up(1, EPOCH_SECONDS)).healthy
    finally:
        network.down(delete=True)
    assert [path.name for path in tmp_path.iterdir()] == ["letter"]


def test_where_no_network_was_made_there_is_nothing_to_look_at_or_end(
    tmp_path: Path,
) -> None:
    network = LocalNetwork(tmp_path / "none")
    with pytest.raises(NoLocalNetworkError):
        asyncio.run(network.status())
    with pytest.raises(NoLocalNetworkError):
        network.down()


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel ties processes")
def test_a_tied_network_dies_with_the_process_that_started_it(tmp_path: Path) -> None:
    program = (
        "import asyncio, sys\n"
        "from pathlib import Path\n"
        "from holdfast.client.local_network import LocalNetwork\n"
        f"network = LocalNetwork(Path({str(tmp_path / 'n')!r}), tied=True)\n"
        "status = asyncio.run(network.up(1, 1))\n"
        "print(status.ledger.pid, status.vaults[0].pid, flush=True)\n"
        "sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as parent:
        assert parent.stdout is not None
        marks = [mark_of(int(pid)) for pid in parent.stdout.readline().split()]
        assert len(marks) == 2
        os.kill(parent.pid, signal.SIGKILL)
        for mark in marks:
            assert mark is not None
            assert wait_for_end(mark, 10)
