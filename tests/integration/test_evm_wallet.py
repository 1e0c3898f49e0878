"""`holdfast wallet` on a chain where gas costs something."""

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account

from evm_anvil import anvil_program, running_anvil
from holdfast.client.contract_books import ContractBooks, Flows
from holdfast.client.core.key_slots import WEAKEST
from holdfast.client.exit_codes import ExitCode
from holdfast.client.main import main
from holdfast.client.profile import Profile
from holdfast.ledger.core.account_key import AccountKey
from holdfast.ledger.core.address import address_text
from holdfast.ledger.errors import LedgerUnreachableError
from holdfast.ledger.evm.commands import NewNetwork, deploy_on
from holdfast.ledger.network_file import NetworkFile
from holdfast.protocol.units import SUPPLY_MAX
from ledger_stage import account_key

ANVIL = anvil_program()
pytestmark = pytest.mark.skipif(ANVIL is None, reason="anvil is not installed")
ETHER = 10**18
RICH = account_key(105)
Said = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A network on a chain with fees, whose tokens belong to RICH."""
    assert ANVIL is not None
    path = tmp_path_factory.mktemp("chain") / "network.json"
    now = int(time.time())
    with running_anvil(ANVIL, now) as chain:
        chain.fund_account(RICH.id)
        wish = NewNetwork("wallet", True, 3600, now, 0)
        asyncio.run(deploy_on(chain.url, RICH, wish, path))
        yield path


@pytest.fixture
def home(network: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    Profile.create(tmp_path / "home", network, "mine", strength=WEAKEST)
    monkeypatch.setenv("HOLDFAST_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HOLDFAST_PASSPHRASE", "mine")
    return tmp_path / "home"


@pytest.fixture
def said(home: Path, capsys: pytest.CaptureFixture[str]) -> Said:
    assert home.exists()

    def run(*words: str) -> dict[str, Any]:
        assert main(["wallet", *words, "--json"]) == 0, capsys.readouterr()
        found: dict[str, Any] = json.loads(capsys.readouterr().out.splitlines()[-1])
        return found

    return run


def keystore(path: Path, key: AccountKey) -> Path:
    content = Account.encrypt(key.secret, "theirs", kdf="pbkdf2", iterations=2)
    path.write_text(json.dumps(content))
    return path


def test_a_keystore_pays_in_and_the_gas_of_every_command_is_added_up(
    said: Said, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty = said("balance")
    assert (empty["balance_grains"], empty["ether_wei"], empty["gas_used"]) == (0, 0, 0)
    payer = keystore(tmp_path / "rich.json", RICH)
    monkeypatch.setenv("HOLDFAST_PASSPHRASE", "theirs")
    paid = said("pay-in", "12.5", "--ether", "0.25", "--keystore", str(payer))
    assert paid["from"] == address_text(RICH.id)
    full = said("balance")
    assert full["balance_grains"] == 12_500_000_000
    assert full["ether_wei"] == ETHER // 4
    monkeypatch.setenv("HOLDFAST_PASSPHRASE", "mine")
    said("faucet")
    once = said("balance")
    assert once["gas_used"] > 21_000
    assert once["gas_wei"] == ETHER // 4 - once["ether_wei"] > 0
    said("transfer", address_text(RICH.id), "1")
    twice = said("balance")
    assert twice["gas_used"] > once["gas_used"] + 21_000
    assert twice["gas_wei"] == ETHER // 4 - twice["ether_wei"]


@pytest.mark.usefixtures("home")
def test_without_ether_a_command_says_where_to_send_some(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["wallet", "faucet"]) == ExitCode.BALANCE_TOO_LOW
    said = capsys.readouterr().err
    assert "has too little ether" in said
    assert "pay-in" in said


def test_an_exported_account_opens_in_any_wallet(
    said: Said, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOLDFAST_NEW_PASSPHRASE", "for the wallet")
    file = tmp_path / "exported.json"
    account = said("export", str(file))["account"]
    assert file.stat().st_mode & 0o777 == 0o600
    secret = Account.decrypt(json.loads(file.read_text()), "for the wallet")
    assert Account.from_key(secret).address == account
    assert main(["wallet", "export", str(file)]) == ExitCode.NOT_FOUND


@pytest.mark.usefixtures("home")
def test_paying_nothing_in_is_a_mistake(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    payer = keystore(tmp_path / "rich.json", RICH)
    words = ["wallet", "pay-in", "--keystore", str(payer)]
    assert main(words) == ExitCode.USAGE
    assert "--ether" in capsys.readouterr().err


def test_the_contracts_of_a_new_network_have_the_supply_and_nothing_else(
    network: Path,
) -> None:
    async def ask() -> None:
        async with ContractBooks(NetworkFile.load(network)) as books:
            balances, supply = await books.balances(), await books.supply()
            assert sum(balances.values()) == supply == SUPPLY_MAX
            assert balances[RICH.id] > supply // 3
            assert await books.flows() == Flows(None, 0, 0, 0, 0)
            assert await books.escrowed() == 0
            assert await books.certificates() == ()
            assert await books.claims() == ()
            assert await books.newest_beacon() == (-1, 0)
            final = await books.final()
            assert final.block == books.block > 0

    asyncio.run(ask())


def test_contracts_out_of_reach_are_a_sentence(
    network: Path,
) -> None:
    file = replace(NetworkFile.load(network), endpoint="http://127.0.0.1:1")

    async def ask() -> None:
        with pytest.raises(LedgerUnreachableError):
            async with ContractBooks(file, patience_seconds=0.2):
                raise AssertionError

    asyncio.run(ask())
