"""The beacon is the first block of its epoch, and nobody can choose another."""

from evm_stage import Stage
from holdfast.protocol.network import beacon


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
    block_hash = network.web3.keccak(header)
    assert value == beacon(network.params.network_id, 7, block_hash)
