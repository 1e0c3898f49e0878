# pragma version 0.4.3
# pragma evm-version cancun
# @license Apache-2.0
"""
@title  One network: its parameters and its beacons
@notice The parameters are given in the canonical encoding of `NetworkParams`, whose
        SHA-256 is the network's id, so nobody can deploy a network under parameters
        that differ from its id. The beacon of an epoch comes from the randomness that
        the chain gave to the first block at or after its start (EIP-4399, the field
        that was called mix hash), not from the block's hash: its producer could try
        out one content after the other until the hash suits him. Anybody may record
        it, with the headers of that block and of the one before; nobody can choose
        another.
"""

event BeaconRecorded:
    epoch: indexed(uint256)
    beacon: bytes32
    block_number: uint256
    randomness: bytes32

HEADER_BYTES_MAX: constant(uint256) = 1024
PARAMS_BYTES_MAX: constant(uint256) = 144
PARAMS_BYTES_MIN: constant(uint256) = 80
PARAMS_PREFIX: constant(uint256) = 1212547330  # "HF", kind 1, version 2
COMMITTEE_MAX: constant(uint256) = 128
# Where the fields of a header begin that have no fixed length: a list prefix of
# three bytes, two hashes, an address, three hashes and the bloom filter.
NUMBERS_AT: constant(uint256) = 448
BLOCKS_MAX: constant(uint256) = 256
U16_MAX: constant(uint256) = 2**16 - 1
U32_MAX: constant(uint256) = 2**32 - 1
U64_MAX: constant(uint256) = 2**64 - 1
# How RLP says that 32 bytes follow, and the longest string whose length is one byte.
WORD_PREFIX: constant(uint256) = 160
SHORT_MAX: constant(uint256) = 55

struct Header:
    parent: bytes32
    number: uint256
    seconds: uint256
    randomness: bytes32

struct Recorded:
    epoch: uint256
    period: uint256

network_id: public(immutable(bytes32))
genesis_seconds: public(immutable(uint256))
epoch_seconds: public(immutable(uint256))
period_epochs: public(immutable(uint256))
committee_size: public(immutable(uint256))
unbonding_epochs: public(immutable(uint256))
rebuild_price: public(immutable(uint256))
least_stake: public(immutable(uint256))
faucet_grains: public(immutable(uint256))

# (newest recorded epoch + 1) << 128 | (period of `_beacon`)
_recorded: uint256
_beacon: bytes32


@deploy
def __init__(params: Bytes[PARAMS_BYTES_MAX]):
    """
    @param params The encoded NetworkParams; see the protocol's specification.
    """
    size: uint256 = len(params)
    assert size >= PARAMS_BYTES_MIN, "params too short"
    head: uint256 = convert(extract32(params, 0), uint256)
    assert head >> 224 == PARAMS_PREFIX, "params of another kind"
    assert (head >> 192) & U32_MAX == size - PARAMS_BYTES_MIN, "params malformed"
    first: uint256 = convert(extract32(params, size - 72), uint256)
    second: uint256 = convert(extract32(params, size - 32), uint256)
    assert first >> 192 == chain.id, "params for another chain"
    network_id = sha256(params)
    genesis_seconds = (first >> 128) & U64_MAX
    epoch_seconds = (first >> 96) & U32_MAX
    period_epochs = (first >> 64) & U32_MAX
    committee_size = (first >> 32) & U16_MAX
    unbonding_epochs = second >> 224
    rebuild_price = (second >> 128) & U64_MAX
    least_stake = (second >> 64) & U64_MAX
    faucet_grains = second & U64_MAX
    assert epoch_seconds > 0 and period_epochs > 0, "params without time"
    assert 0 < committee_size and committee_size <= COMMITTEE_MAX, "committee size"


@external
def record(header: Bytes[HEADER_BYTES_MAX], parent: Bytes[HEADER_BYTES_MAX]):
    """
    @notice Record the current epoch's beacon.
    @param header The RLP of the first block at or after the epoch's start.
    @param parent The RLP of the block before it.
    """
    first: Header = self._read(header)
    assert first.number < block.number, "block not recent"
    assert first.number + BLOCKS_MAX >= block.number, "block not recent"
    assert blockhash(first.number) == keccak256(header), "block unknown"
    assert first.parent == keccak256(parent), "parent unknown"

    epoch: uint256 = self._epoch_at(first.seconds)
    start: uint256 = genesis_seconds + epoch * epoch_seconds
    assert self._read(parent).seconds < start, "block not the first"
    assert epoch == self._epoch_at(block.timestamp), "epoch over"
    last: Recorded = self._last()
    assert epoch >= last.epoch, "beacon recorded"
    # Chains that have no randomness say zero, one, or another small number for ever.
    assert convert(first.randomness, uint256) > U64_MAX, "no randomness"

    value: bytes32 = sha256(
        concat(
            b"holdfast beacon v1",
            network_id,
            convert(convert(epoch, uint64), bytes8),
            first.randomness,
        )
    )
    period: uint256 = last.period
    if epoch % period_epochs == 0:
        period = epoch // period_epochs
        self._beacon = value
    self._recorded = (epoch + 1) << 128 | period
    log BeaconRecorded(
        epoch=epoch,
        beacon=value,
        block_number=first.number,
        randomness=first.randomness,
    )


@external
@view
def period_beacon(period: uint256) -> bytes32:
    """
    @notice The beacon of a period's first epoch; zero unless it is the newest one.
    """
    return self._beacon if self._last().period == period else empty(bytes32)


@external
@view
def epoch() -> uint256:
    """
    @notice The current epoch; reverts before genesis.
    """
    return self._epoch_at(block.timestamp)


@external
@view
def next_unrecorded_epoch() -> uint256:
    """
    @notice One more than the newest epoch with a recorded beacon; 0 before any.
    """
    return self._last().epoch


@internal
@view
def _last() -> Recorded:
    word: uint256 = self._recorded
    return Recorded(epoch=word >> 128, period=word & (2**128 - 1))


@internal
@view
def _epoch_at(seconds: uint256) -> uint256:
    assert seconds >= genesis_seconds, "not started"
    return (seconds - genesis_seconds) // epoch_seconds


@internal
@pure
def _read(header: Bytes[HEADER_BYTES_MAX]) -> Header:
    """
    Read the four fields that matter of an RLP header. Its hash is compared with one
    that the chain knows, so it is well formed.
    """
    assert len(header) > NUMBERS_AT + 64, "header too short"
    at: uint256 = NUMBERS_AT
    numbers: uint256[5] = empty(uint256[5])
    for i: uint256 in range(5):
        first: uint256 = convert(slice(header, at, 1), uint256)
        size: uint256 = 0
        if first < 128:
            numbers[i] = first
        else:
            size = first - 128
            assert size <= 32, "header malformed"
            if size > 0:
                word: uint256 = convert(extract32(header, at + 1), uint256)
                numbers[i] = word >> (8 * (32 - size))
        at += 1 + size
    # Behind them stands what the producer likes to say, and then the randomness.
    said: uint256 = convert(slice(header, at, 1), uint256)
    if said >= 128:
        assert said - 128 <= SHORT_MAX, "header malformed"
        at += said - 128
    at += 1
    assert convert(slice(header, at, 1), uint256) == WORD_PREFIX, "header malformed"
    # The five numbers: difficulty, number, gas limit, gas used, timestamp.
    return Header(
        parent=extract32(header, 4),
        number=numbers[1],
        seconds=numbers[4],
        randomness=extract32(header, at + 1),
    )
