"""Who pays for a local network on a chain that is there already."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from evm_anvil import AnvilChain, anvil_program, running_anvil
from holdfast.client.local_layout import EVM, LocalNetworkError, LocalPlan
from holdfast.client.local_other_node import OtherNode, give_gas, prepare
from holdfast.ledger.chain_errors import EtherMissingError, PayerMissingError
from holdfast.ledger.core.account_key import AccountKey
from holdfast.ledger.core.address import address_text
from holdfast.ledger.evm.local_chain import load_settings
from ledger_stage import account_key

ANVIL = anvil_program()
pytestmark = pytest.mark.skipif(ANVIL is None, reason="anvil is not installed")
PLAN = LocalPlan(5, 1, ledger=EVM, finality_blocks=None)
ETHER = 10**18


@pytest.fixture(scope="module")
def chain() -> Iterator[AnvilChain]:
    assert ANVIL is not None
    with running_anvil(ANVIL) as chain:
        yield chain


def ether(chain: AnvilChain, key: AccountKey) -> int:
    return int(chain.web3.eth.get_balance(address_text(key.id)))  # type: ignore[arg-type] # web3's own type of address


def test_an_unlocked_account_fills_the_purse_and_half_is_for_the_contracts(
    chain: AnvilChain, tmp_path: Path
) -> None:
    node = OtherNode(chain.url, wei=8 * ETHER)
    asyncio.run(prepare(tmp_path / "ledger", PLAN, node))
    settings = load_settings(tmp_path / "ledger")
    assert (tmp_path / "ledger" / "chain.json").stat().st_mode & 0o777 == 0o600
    assert (settings.url, settings.finality_blocks) == (chain.url, None)
    deployer, purse = (
        AccountKey.from_secret(bytes.fromhex(secret))
        for secret in (settings.secret, settings.purse)
    )
    assert ether(chain, deployer) == 4 * ETHER
    assert 3.9 * ETHER < ether(chain, purse) < 4 * ETHER

    takers = [account_key(number) for number in (101, 102, 103)]
    addresses = [address_text(key.id) for key in takers]
    asyncio.run(give_gas(tmp_path / "ledger", addresses, ETHER // 2))
    assert [ether(chain, key) for key in takers] == [ETHER // 2] * 3
    with pytest.raises(EtherMissingError) as poor:
        asyncio.run(give_gas(tmp_path / "ledger", addresses, ETHER))
    assert "has 2.4" in str(poor.value)
    assert [ether(chain, key) for key in takers] == [ETHER // 2] * 3


def test_what_was_paid_before_a_try_failed_is_not_paid_again(
    chain: AnvilChain, tmp_path: Path
) -> None:
    payer = account_key(105)
    chain.fund_account(payer.id)
    node = OtherNode(chain.url, payer, ETHER // 2)
    asyncio.run(prepare(tmp_path / "ledger", PLAN, node))
    once, left = load_settings(tmp_path / "ledger"), ether(chain, payer)
    assert left < ETHER // 2
    asyncio.run(prepare(tmp_path / "ledger", PLAN, node))
    assert load_settings(tmp_path / "ledger") == once
    assert ether(chain, payer) == left


def test_a_payer_without_ether_is_told_how_much_is_missing(
    chain: AnvilChain, tmp_path: Path
) -> None:
    payer = account_key(104)
    node = OtherNode(chain.url, payer, 2 * ETHER)
    with pytest.raises(EtherMissingError) as missing:
        asyncio.run(prepare(tmp_path / "ledger", PLAN, node))
    said = str(missing.value)
    assert address_text(payer.id) in said
    assert "has 0.000000 ether" in said
    assert "2.00" in said
    assert "nothing was sent" in said
    chain.fund_account(payer.id)
    node = OtherNode(chain.url, payer, ETHER // 2)
    asyncio.run(prepare(tmp_path / "ledger", PLAN, node))
    assert 0.49 * ETHER < ether(chain, payer) < 0.5 * ETHER


def test_a_node_without_accounts_asks_for_a_keystore(tmp_path: Path) -> None:
    assert ANVIL is not None
    with (
        running_anvil(ANVIL, 1_900_000_000, "--accounts", "0") as bare,
        pytest.raises(PayerMissingError) as nobody,
    ):
        asyncio.run(prepare(tmp_path / "ledger", PLAN, OtherNode(bare.url)))
    assert "--keystore" in str(nobody.value)


def test_where_gas_is_free_nobody_is_given_any(tmp_path: Path) -> None:
    with pytest.raises(LocalNetworkError, match="no gas is needed"):
        asyncio.run(give_gas(tmp_path, [address_text(account_key(1).id)], 1))
