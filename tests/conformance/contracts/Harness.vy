# pragma version 0.4.3
# pragma evm-version cancun
"""
@notice Opens the insides of the modules to tests.
"""

import bls
import calendar
import merkle
import roster

initializes: calendar
initializes: roster[calendar := calendar]


@deploy
def __init__(network: address):
    calendar.__init__(network)


@external
@view
def root(
    party: uint8,
    id: bytes32,
    grains: uint64,
    index: uint256,
    count: uint256,
    path: DynArray[bytes32, merkle.PATH_MAX],
) -> bytes32:
    return merkle._root(party, id, grains, index, count, path)


@external
@view
def places(beacon: bytes32, wanted: uint256, live: uint256) -> DynArray[uint256, 128]:
    return roster._places(beacon, wanted, live)


@external
def enter(count: uint256, epoch: uint256):
    for i: uint256 in range(count, bound=600):
        roster._enter(convert(roster.count, bytes32), epoch)


@external
def leave(numbers: DynArray[uint256, 200], epoch: uint256):
    for number: uint256 in numbers:
        roster._leave(number, epoch)


@external
def advance(steps: uint256, epoch: uint256):
    roster._advance(steps, epoch)


@external
@view
def draw(beacon: bytes32, size: uint256, epoch: uint256) -> DynArray[uint256, 128]:
    assert roster._is_current(epoch), "registry behind"
    return roster._draw(beacon, size)


@external
@view
def hash_to_g2(message: Bytes[48]) -> Bytes[256]:
    return bls._hash_to_g2(message, bls.TAG_SIGNATURE)


@external
@view
def compress_key(point: Bytes[128]) -> Bytes[48]:
    return bls._compress_key(bls._pack(point))


@external
@view
def compress_signature(point: Bytes[256]) -> Bytes[96]:
    return bls._compress_signature(point)
