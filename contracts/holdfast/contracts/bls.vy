# pragma version 0.4.3
# @license Apache-2.0
"""
@title  BLS12-381 on the precompiles of EIP-2537
@notice The suite of `holdfast.protocol.bls`: keys in G1, signatures in G2,
        BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_. Points come in uncompressed, as
        the precompiles take them; compressed forms are derived here and never taken
        from a caller, who could choose the sign and register another's key negated.
"""

# A precompile that fails burns all the gas it was given, so each gets a bound, far
# above its price (375, 600, 23,800 and 102,900 at Prague): prices change by fork.
G1_ADD: constant(address) = 0x000000000000000000000000000000000000000b
G1_ADD_GAS: constant(uint256) = 20_000
G2_ADD: constant(address) = 0x000000000000000000000000000000000000000d
G2_ADD_GAS: constant(uint256) = 20_000
PAIRING: constant(address) = 0x000000000000000000000000000000000000000F
PAIRING_GAS: constant(uint256) = 1_000_000
MAP_TO_G2: constant(address) = 0x0000000000000000000000000000000000000011
MAP_TO_G2_GAS: constant(uint256) = 250_000
MODEXP: constant(address) = 0x0000000000000000000000000000000000000005

# (p - 1) / 2 for the field's modulus p, as 128 and 256 bits.
HALF_HIGH: constant(uint256) = 17282741772707453034394598013407712875
HALF_LOW: constant(uint256) = (
    80617075055843030690312053732876818007934237714091801549733396136033114903893
)
LOW_128: constant(uint256) = 2**128 - 1

# The generator of G1, negated.
NEGATED_G1: constant(Bytes[128]) = x"0000000000000000000000000000000017f1d3a73197d7942695638c4fa9ac0fc3688c4f9774b905a14e3a3f171bac586c55e83ff97a1aeffb3af00adb22c6bb00000000000000000000000000000000114d1d6855d545a8aa7d76c8cf2e21f267816aef1db507c96655b9d5caac42364e6f38ba0ecb751bad54dcd6b939c2ca"

# Domain separation tags with their length behind them: DST_prime of RFC 9380.
TAG_SIGNATURE: constant(Bytes[44]) = b"BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_\x2b"
TAG_POSSESSION: constant(Bytes[44]) = b"BLS_POP_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_\x2b"
ZEROS_64: constant(Bytes[64]) = x"00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
# Reduce 64 bytes modulo p: lengths 64, 1 and 64, base, exponent 1, modulus.
MODEXP_HEAD: constant(Bytes[96]) = x"000000000000000000000000000000000000000000000000000000000000004000000000000000000000000000000000000000000000000000000000000000010000000000000000000000000000000000000000000000000000000000000040"
MODEXP_TAIL: constant(Bytes[65]) = x"01000000000000000000000000000000001a0111ea397fe69a4b1ba7b6434bacd764774b84f38512bf6730d2a0f6b0f6241eabfffeb153ffffb9feffffffffaaab"

# A point of G1 without its padding: x and y are 48 bytes each.
struct Key:
    first: bytes32      # x[0:32]
    second: bytes32     # x[32:48], y[0:16]
    third: bytes32      # y[16:48]


@internal
@pure
def _pack(point: Bytes[128]) -> Key:
    """
    The precompiles check the range of coordinates and the curve, not this.
    """
    assert len(point) == 128, "key malformed"
    assert convert(slice(point, 0, 16), uint128) == 0, "key malformed"
    assert convert(slice(point, 64, 16), uint128) == 0, "key malformed"
    return Key(
        first=extract32(point, 16),
        second=convert(concat(slice(point, 48, 16), slice(point, 80, 16)), bytes32),
        third=extract32(point, 96),
    )


@internal
@pure
def _unpack(key: Key) -> Bytes[128]:
    zeros: bytes16 = empty(bytes16)
    return concat(
        zeros, key.first, slice(key.second, 0, 16),
        zeros, slice(key.second, 16, 16), key.third,
    )


@internal
@pure
def _is_infinity(point: Bytes[128]) -> bool:
    return keccak256(point) == keccak256(concat(ZEROS_64, ZEROS_64))


@internal
@pure
def _is_high(high: uint256, low: uint256) -> bool:
    """
    Tell whether a coordinate is above (p - 1) / 2: then its point has the sign bit.
    """
    return high > HALF_HIGH or (high == HALF_HIGH and low > HALF_LOW)


@internal
@pure
def _compress_key(key: Key) -> Bytes[48]:
    """
    The 48 bytes of a key that is not infinity, with the flags of ZCash's encoding.
    """
    flags: uint256 = 4
    if self._is_high(convert(key.second, uint256) & LOW_128, convert(key.third, uint256)):
        flags = 5
    first: uint256 = convert(key.first, uint256) | flags << 253
    return concat(convert(first, bytes32), slice(key.second, 0, 16))


@internal
@pure
def _compress_signature(point: Bytes[256]) -> Bytes[96]:
    """
    The 96 bytes of a point of G2 that is not infinity: there the second component of
    x stands first, and y's second component decides about the sign.
    """
    assert len(point) == 256, "signature malformed"
    high: uint256 = convert(extract32(point, 192), uint256)
    low: uint256 = convert(extract32(point, 224), uint256)
    if high | low == 0:
        high = convert(extract32(point, 128), uint256)
        low = convert(extract32(point, 160), uint256)
    flags: uint256 = 4
    if self._is_high(high, low):
        flags = 5
    first: uint256 = convert(extract32(point, 80), uint256) | flags << 253
    return concat(
        convert(first, bytes32), slice(point, 112, 16), slice(point, 16, 48)
    )


@internal
@view
def _add_keys(left: Bytes[128], right: Bytes[128]) -> Bytes[128]:
    done: bool = False
    total: Bytes[128] = b""
    done, total = raw_call(
        G1_ADD,
        concat(left, right),
        max_outsize=128,
        gas=G1_ADD_GAS,
        is_static_call=True,
        revert_on_failure=False,
    )
    assert done and len(total) == 128, "key refused"
    return total


@internal
@view
def _verify(key: Bytes[128], message: Bytes[48], tag: Bytes[44], signature: Bytes[256]) -> bool:
    """
    e(key, H(message)) = e(generator, signature), as one product that must be 1. The
    precompile refuses points outside the groups. The caller refuses infinity as key.
    """
    assert len(signature) == 256, "signature malformed"
    done: bool = False
    product: Bytes[32] = b""
    done, product = raw_call(
        PAIRING,
        concat(key, self._hash_to_g2(message, tag), NEGATED_G1, signature),
        max_outsize=32,
        gas=PAIRING_GAS,
        is_static_call=True,
        revert_on_failure=False,
    )
    return done and len(product) == 32 and convert(product, uint256) == 1


@internal
@view
def _hash_to_g2(message: Bytes[48], tag: Bytes[44]) -> Bytes[256]:
    """
    hash_to_curve of RFC 9380 with expand_message_xmd over SHA-256, 256 bytes long.
    The map clears the cofactor, which is linear, so the sum needs no clearing.
    """
    base: bytes32 = sha256(concat(ZEROS_64, message, x"010000", tag))
    parts: bytes32[8] = empty(bytes32[8])
    parts[0] = sha256(concat(base, x"01", tag))
    for i: uint256 in range(1, 8):
        mixed: bytes32 = convert(
            convert(base, uint256) ^ convert(parts[i - 1], uint256), bytes32
        )
        parts[i] = sha256(concat(mixed, convert(convert(i + 1, uint8), bytes1), tag))
    left: Bytes[256] = self._map_to_g2(parts[0], parts[1], parts[2], parts[3])
    right: Bytes[256] = self._map_to_g2(parts[4], parts[5], parts[6], parts[7])
    point: Bytes[256] = raw_call(
        G2_ADD,
        concat(left, right),
        max_outsize=256,
        gas=G2_ADD_GAS,
        is_static_call=True,
    )
    assert len(point) == 256, "precompiles missing"
    return point


@internal
@view
def _map_to_g2(a: bytes32, b: bytes32, c: bytes32, d: bytes32) -> Bytes[256]:
    return raw_call(
        MAP_TO_G2,
        concat(self._reduce(a, b), self._reduce(c, d)),
        max_outsize=256,
        gas=MAP_TO_G2_GAS,
        is_static_call=True,
    )


@internal
@view
def _reduce(high: bytes32, low: bytes32) -> Bytes[64]:
    return raw_call(
        MODEXP,
        concat(MODEXP_HEAD, high, low, MODEXP_TAIL),
        max_outsize=64,
        is_static_call=True,
    )
