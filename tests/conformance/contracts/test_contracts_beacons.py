"""The beacon is the first block of its epoch, and nobody can choose another."""

import pytest
from eth_tester.exceptions import TransactionFailed

from evm_chain import START, TestChain
from evm_stage import Stage
from holdfast.contracts import load
from holdfast.protocol.network import NETWORK_PARAMS, NetworkParams, beacon

CHAIN_ID = 131277322940537
"""That of eth-tester."""
RANDOMNESS = bytes(range(32))


def test_a_beacon_is_the_first_block_and_nothing_else(stage: Stage) -> None:
    network = stage.network
    record = network.network.functions.record
    network.chain.wait_until(network.params.epoch_start(5))
    network.chain.wait_until(network.params.epoch_start(5) + 7)
    number = network.web3.eth.block_number
    header = [network.chain.header(number - back) for back in range(4)]
    network.chain.wait_until(network.params.epoch_start(5) + 9)
    first, before = network.first_headers()
    assert first in header
    late = record(header[0], header[1])
    network.refused(late, stage.stranger, "block not the first")
    network.refused(record(first, header[0]), stage.stranger, "parent unknown")
    forged = first[:-1] + bytes([first[-1] ^ 1])
    network.refused(record(forged, before), stage.stranger, "block unknown")
    network.refused(record(b"", before), stage.stranger, "header too short")
    network.send(record(first, before), stage.stranger)
    network.refused(record(first, before), stage.stranger, "beacon recorded")


def test_a_beacon_cannot_be_recorded_after_its_epoch(stage: Stage) -> None:
    network = stage.network
    network.chain.wait_until(network.params.epoch_start(5))
    headers = network.first_headers()
    network.chain.wait_until(network.params.epoch_start(6))
    call = network.network.functions.record(*headers)
    network.refused(call, stage.stranger, "epoch over")


def test_the_beacon_is_the_protocols(stage: Stage) -> None:
    network = stage.network
    value = network.begin_epoch(7)
    header, _ = network.first_headers()
    (first,) = (
        block
        for number in range(network.web3.eth.block_number, 0, -1)
        if (block := network.web3.eth.get_block(number))["hash"]
        == network.web3.keccak(header)
    )
    given = bytes(first["mixHash"])
    assert value == beacon(network.params.network_id, 7, given)


GENESIS = START + 1000
PARAMS = NetworkParams(name="dice", chain_id=CHAIN_ID, genesis_seconds=GENESIS)


class Producer:
    """Whoever makes the blocks of a chain, and says in them what he likes."""

    def __init__(self) -> None:
        chain = TestChain()
        web3 = chain.web3
        compiled = load("Network")
        factory = web3.eth.contract(abi=compiled.abi, bytecode=compiled.bytecode)
        sent = factory.constructor(NETWORK_PARAMS.encode(PARAMS)).transact()
        where = web3.eth.wait_for_transaction_receipt(sent)["contractAddress"]
        self.network = web3.eth.contract(address=where, abi=compiled.abi)
        self.chain, self.blocks = chain, chain.tester.backend.chain
        self.chain.wait_until(GENESIS - 100)

    def produce(self, said: bytes, randomness: bytes) -> bytes:
        """Make the first block of epoch 0; return the beacon it leads to."""
        self.blocks.mine_block(timestamp=GENESIS, extra_data=said, mix_hash=randomness)
        number = self.chain.web3.eth.block_number
        self.chain.wait_until(GENESIS + 1)
        headers = (self.chain.header(number), self.chain.header(number - 1))
        self.network.functions.record(*headers).transact()
        return bytes(self.network.functions.period_beacon(0).call())


@pytest.fixture(scope="module")
def producer() -> Producer:
    return Producer()


@pytest.mark.parametrize("said", [b"", b"\0", b"\x7f", b"\x80", b"s" * 32])
def test_what_a_producer_says_in_a_block_changes_no_beacon(
    producer: Producer, said: bytes
) -> None:
    snapshot = producer.chain.remember()
    found = producer.produce(said, RANDOMNESS)
    producer.chain.return_to(snapshot)
    assert found == beacon(PARAMS.network_id, 0, RANDOMNESS)


@pytest.mark.parametrize("nothing", [0, 1, 2**64 - 1])
def test_a_chain_without_randomness_gets_no_beacon(
    producer: Producer, nothing: int
) -> None:
    snapshot = producer.chain.remember()
    with pytest.raises(TransactionFailed, match="no randomness"):
        producer.produce(b"", nothing.to_bytes(32, "big"))
    producer.chain.return_to(snapshot)
