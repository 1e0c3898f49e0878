"""What `holdfast network status` says of a ledger on a chain."""

import re
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from holdfast.client.commands.network import document_of, show_status
from holdfast.client.invocation import Invocation
from holdfast.client.local_health import LedgerStatus, NetworkStatus, VaultStatus
from holdfast.client.local_layout import LocalVault
from holdfast.ledger.health import ChainHealth, LedgerHealth

HERE = Path("/nowhere")
URL = "http://127.0.0.1:8545"
NOW = int(time.time())
SILENT = LedgerStatus(7, URL, HERE)
ANSWERING = replace(
    SILENT,
    epoch=9,
    settled_period=1,
    chain=ChainHealth(120, NOW - 40),
    newest_block=124,
)


def vault(number: int, lost_seconds: int | None) -> VaultStatus:
    named = LocalVault(number, f"{number:064x}", f"127.0.0.1:{number}")
    health = LedgerHealth(lost_seconds, "", ChainHealth(118, NOW - 90))
    state = "serving" if lost_seconds is None else "cut off"
    return VaultStatus(named, number, HERE, state, ledger=health)


def shown(
    ledger: LedgerStatus,
    vaults: tuple[VaultStatus, ...],
    capsys: pytest.CaptureFixture[str],
) -> str:
    show_status(Invocation(), NetworkStatus(HERE, 5, ledger, vaults))
    return capsys.readouterr().out


def test_a_chain_shows_its_last_block_and_the_finality_lag(
    capsys: pytest.CaptureFixture[str],
) -> None:
    said = shown(ANSWERING, (vault(1, None),), capsys)
    assert f"Ledger {URL} (pid 7): epoch 9 of 5 s, newest settled period: 1" in said
    found = re.search(r"Chain: block 124, final up to 120, which is (\d+) s old", said)
    assert found is not None
    assert int(found[1]) >= 40


def test_a_chain_that_does_not_answer_is_said_to_be_lost_since_the_first_missed_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    vaults = (vault(1, NOW - 50), vault(2, NOW - 130), vault(3, None))
    said = shown(SILENT, vaults, capsys)
    found = re.search(r"does not answer\. Vaults miss it since (\d+) min", said)
    assert found is not None
    assert int(found[1]) >= 2
    assert "they go on without" in said


def test_a_ledger_that_does_not_run_is_told_apart_from_one_that_is_silent(
    capsys: pytest.CaptureFixture[str],
) -> None:
    said = shown(replace(SILENT, pid=None), (vault(1, None),), capsys)
    assert said.startswith("The ledger does not run.")


def test_programs_get_the_blocks_and_since_when_as_numbers() -> None:
    status = NetworkStatus(HERE, 5, ANSWERING, (vault(2, NOW - 130),))
    document: Any = document_of(status)
    assert document["ledger"]["chain"]["block"] == 120
    assert document["ledger"]["newest_block"] == 124
    (said,) = document["vaults"]
    assert said["ledger"]["lost_seconds"] == NOW - 130
    assert said["ledger"]["chain"]["block"] == 118
