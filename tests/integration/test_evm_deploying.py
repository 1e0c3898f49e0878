"""A network's contracts on anvil: final before they are named, of either kind."""

import asyncio
import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from eth_account import Account

from evm_anvil import AnvilChain, anvil_program, running_anvil
from holdfast.client.exit_codes import ExitCode
from holdfast.client.local_layout import EVM, LocalPlan
from holdfast.client.local_other_node import OtherNode, prepare
from holdfast.client.main import main
from holdfast.ledger.chain_errors import (
    DeploymentPendingError,
    PrecompilesMissingError,
)
from holdfast.ledger.evm.commands import NOT_FINAL, NewNetwork, deploy_on
from holdfast.ledger.evm.deploying import begin_deployment
from holdfast.ledger.evm.follower import Finality
from holdfast.ledger.evm.ledger import EvmLedger
from holdfast.ledger.evm.local_chain import load_settings
from holdfast.ledger.main import network_params
from holdfast.ledger.network_file import NetworkFile
from ledger_stage import account_key

ANVIL = anvil_program()
pytestmark = pytest.mark.skipif(ANVIL is None, reason="anvil is not installed")
PAYER = account_key(106)
ETHER = 10**18
FINAL_AFTER = 64
"""So many blocks anvil wants on one before it calls that final."""


@pytest.fixture(scope="module")
def chain() -> Iterator[AnvilChain]:
    """A chain of the fork before Prague, which has no precompiles for BLS."""
    assert ANVIL is not None
    with running_anvil(ANVIL, int(time.time()), hardfork="cancun") as chain:
        chain.fund_account(PAYER.id)
        yield chain


@pytest.fixture(autouse=True)
def alone(chain: AnvilChain) -> Iterator[None]:
    """Each test begins on the same chain."""
    before = chain.remember()
    yield
    chain.return_to(before)


def code_at(chain: AnvilChain, account: bytes) -> str:
    found: str = chain.ask("eth_getCode", "0x" + account.hex(), "latest")
    return found


def new_network(name: str, finality_blocks: int | None) -> NewNetwork:
    now = int(time.time())
    return NewNetwork(name, True, 3600, now, finality_blocks, accounts_certify=True)


def test_what_the_chain_takes_back_is_deployed_again_and_found_where_it_is(
    chain: AnvilChain,
) -> None:
    chain_id = int(chain.web3.eth.chain_id)
    params = network_params("back", chain.now, 60, development=True, chain_id=chain_id)

    async def run() -> None:
        node, before = chain.node(), chain.remember()
        begun = await begin_deployment(
            node,
            PAYER,
            params,
            accounts_certify=True,
            finality=Finality(0),
            pause_seconds=0.0,
        )
        first = begun.deployed.addresses
        chain.return_to(before)
        assert code_at(chain, first.registry) == "0x"
        for _ in range(3):
            chain.ask("evm_mine")
        deployed = await begun.make_final()
        again = deployed.addresses
        assert again.first_block == first.first_block + 3
        assert again.all == first.all
        assert all(code_at(chain, account) != "0x" for account in again.all)
        ledger = await EvmLedger.connect(node, params, again, finality=Finality(0))
        assert again.faucet is not None
        faucet = await ledger.account(again.faucet)
        assert faucet.balance > 0
        await ledger.close()

    asyncio.run(run())


def test_a_network_is_named_when_its_contracts_are_final(
    chain: AnvilChain, tmp_path: Path
) -> None:
    path = tmp_path / "network.json"
    so_far = tmp_path / f"network.json{NOT_FINAL}"

    async def run() -> None:
        wish = new_network("waits", None)
        deploying = asyncio.create_task(deploy_on(chain.url, PAYER, wish, path))
        while not so_far.exists():  # noqa: ASYNC110 # a file has no event
            await asyncio.sleep(0.05)
        assert not path.exists()
        assert NetworkFile.load(so_far).accounts_certify
        await asyncio.to_thread(chain.ask, "anvil_mine", hex(FINAL_AFTER + 8))
        file, deployed = await deploying
        assert NetworkFile.load(path) == file
        assert file.chain is not None
        assert file.chain.addresses == deployed.addresses
        assert not so_far.exists()

    asyncio.run(run())


def test_contracts_that_do_not_become_final_are_not_lost(
    chain: AnvilChain, tmp_path: Path
) -> None:
    path = tmp_path / "network.json"
    so_far = tmp_path / f"network.json{NOT_FINAL}"
    wish = new_network("slow", None)

    async def run() -> None:
        key, seconds = PAYER, 5
        await deploy_on(chain.url, key, wish, path, final_seconds=seconds)

    with pytest.raises(DeploymentPendingError) as caught:
        asyncio.run(run())
    assert str(so_far) in str(caught.value)
    assert not path.exists()
    kept = NetworkFile.load(so_far).chain
    assert kept is not None
    # Wherever a reorganisation puts them, they are read from the first on.
    assert kept.addresses.first_block == 0
    assert all(code_at(chain, account) != "0x" for account in kept.addresses.all)


def test_without_the_precompiles_only_accounts_can_certify(
    chain: AnvilChain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keystore = tmp_path / "payer.json"
    content = Account.encrypt(PAYER.secret, "theirs", kdf="pbkdf2", iterations=2)
    keystore.write_text(json.dumps(content))
    monkeypatch.setenv("HOLDFAST_PASSPHRASE", "theirs")
    monkeypatch.setenv("HOLDFAST_HOME", str(tmp_path / "home"))
    path = tmp_path / "network.json"
    where = ("--rpc", chain.url, "--network-file", str(path), "--finality-blocks", "0")
    words = ("ledger", "deploy", "--name", "old", "--keystore", str(keystore), *where)
    assert main([*words]) != ExitCode.OK
    assert not path.exists()
    assert main([*words, "--certificates", "accounts"]) == ExitCode.OK
    assert NetworkFile.load(path).accounts_certify


def test_a_refusal_names_the_kind_of_certificate_that_would_do(
    chain: AnvilChain, tmp_path: Path
) -> None:
    plan = LocalPlan(5, 1, ledger=EVM, finality_blocks=None)
    by_accounts = LocalPlan(5, 1, ledger=EVM, accounts_certify=True)
    node = OtherNode(chain.url, PAYER, ETHER // 2)
    with pytest.raises(PrecompilesMissingError) as caught:
        asyncio.run(prepare(tmp_path / "ledger", plan, node))
    assert "--certificates accounts" in str(caught.value)
    asyncio.run(prepare(tmp_path / "ledger", by_accounts, node))
    assert load_settings(tmp_path / "ledger").accounts_certify
