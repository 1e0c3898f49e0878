# pragma version 0.4.3
# @license Apache-2.0
"""
@title  The calendar of a network, inside every contract that has to know the epoch
"""

interface Network:
    def genesis_seconds() -> uint256: view
    def epoch_seconds() -> uint256: view
    def period_epochs() -> uint256: view

GENESIS: immutable(uint256)
EPOCH_SECONDS: immutable(uint256)
PERIOD_EPOCHS: immutable(uint256)


@deploy
def __init__(network: address):
    GENESIS = staticcall Network(network).genesis_seconds()
    EPOCH_SECONDS = staticcall Network(network).epoch_seconds()
    PERIOD_EPOCHS = staticcall Network(network).period_epochs()


@internal
@view
def _epoch() -> uint256:
    assert block.timestamp >= GENESIS, "not started"
    return (block.timestamp - GENESIS) // EPOCH_SECONDS


@internal
@view
def _period_of(epoch: uint256) -> uint256:
    return epoch // PERIOD_EPOCHS


@internal
@view
def _first_epoch(period: uint256) -> uint256:
    return period * PERIOD_EPOCHS
