"""What no network may be, and what nobody gets a second time or too early."""

from dataclasses import replace
from typing import Any

import pytest

from evm_chain import TestChain
from evm_network import REFUSALS
from evm_stage import Stage
from holdfast.contracts import load
from holdfast.protocol.network import NETWORK_PARAMS

BLOCKS_MAX = 256


def mine_blocks(chain: Any, count: int) -> None:
    if isinstance(chain, TestChain):
        chain.tester.mine_blocks(count)
    else:
        chain.ask("anvil_mine", hex(count))


def refuse_params(stage: Stage, params: bytes, reason: str) -> None:
    web3 = stage.network.web3
    compiled = load("Network")
    factory = web3.eth.contract(abi=compiled.abi, bytecode=compiled.bytecode)
    with pytest.raises(REFUSALS, match=reason):
        factory.constructor(params).estimate_gas()


def changed(stage: Stage, **fields: Any) -> bytes:
    return NETWORK_PARAMS.encode(replace(stage.network.params, **fields))


def test_encoded_parameters_are_read_whole_or_refused(stage: Stage) -> None:
    good = NETWORK_PARAMS.encode(stage.network.params)
    refuse_params(stage, b"", "params too short")
    refuse_params(stage, good[:79], "params too short")
    refuse_params(stage, good + b"\0", "params malformed")
    refuse_params(stage, b"XY" + good[2:], "params of another kind")
    refuse_params(stage, good[:3] + b"\x63" + good[4:], "params of another kind")


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"chain_id": 5}, "params for another chain"),
        ({"epoch_seconds": 0}, "params without time"),
        ({"period_epochs": 0}, "params without time"),
        ({"committee_size": 0}, "committee size"),
        ({"committee_size": 129}, "committee size"),
    ],
)
def test_a_network_that_could_not_work_is_not_deployed(
    stage: Stage, fields: dict[str, int], reason: str
) -> None:
    refuse_params(stage, changed(stage, **fields), reason)


def test_a_stake_is_withdrawn_once(stage: Stage) -> None:
    network, vault = stage.network, stage.vaults[4]
    registry = network.registry.functions
    network.send(registry.unbond(vault.id), vault.account)
    stage.settle(0, stage.fair())
    for period in (1, 2, 3):
        stage.begin_epoch(4 * (period + 1))
        everybody = stage.vaults
        stage.vaults = everybody[:4]
        try:
            stage.settle(period, stage.fair())
        finally:
            stage.vaults = everybody
    network.send(registry.withdraw(vault.id), vault.account)
    network.refused(registry.withdraw(vault.id), vault.account, "nothing to withdraw")


def test_a_block_that_the_chain_forgot_gives_no_beacon(stage: Stage) -> None:
    network = stage.network
    start = network.params.epoch_start(5)
    network.chain.wait_until(start)
    headers = network.first_headers()
    mine_blocks(network.chain, BLOCKS_MAX + 2)
    call = network.network.functions.record(*headers)
    network.refused(call, stage.stranger, "block not recent")


def test_a_price_that_fits_no_column_is_refused(stage: Stage) -> None:
    nonce = b"\5" * 32
    quotes = stage.quotes(stage.id_of(stage.user, nonce))
    dear = [(one[0], 2**63, *one[2:]) for one in quotes]
    call = stage.open_call(stage.user, nonce, dear)
    stage.network.refused(call, stage.user, "price refused")


def test_a_faucet_of_nothing_is_closed(stage: Stage) -> None:
    network = stage.network
    faucet = network.deploy("Faucet", network.token.address, 0)
    network.refused(faucet.functions.drip(), stage.user, "faucet closed")


def test_nothing_begins_before_genesis(stage: Stage) -> None:
    network = stage.network
    later = changed(stage, genesis_seconds=network.chain.now + 10_000)
    compiled = load("Network")
    other = network.deploy_code("later", compiled.abi, compiled.bytecode, later)
    network.refused(other.functions.epoch(), stage.stranger, "not started")
