# pragma version 0.4.3
# pragma evm-version cancun
# @license Apache-2.0
"""
@title  Ed25519 (RFC 8032) on the EVM: a vault's consent to its registration
@notice Accepts what libsodium accepts: a canonical S below the group's order, a
        canonical key, neither key nor R of small order, and R compared byte by byte.
        Half a million gas, spent once in a vault's life. It has no state, so it needs
        no defence; whoever calls it trusts only this code.
"""

# Values modulo p are kept below p; sums of two of them fit a word, and mulmod takes
# them unreduced.
P: constant(uint256) = 57896044618658097711785492504343953926634992332820282019728792003956564819949
TWICE_P: constant(uint256) = 2 * P
ORDER: constant(uint256) = 7237005577332262213973186563042994240857116359379907606001950938285454250989
# The curve's d, 2 * d, the square root of -1, and 2^256 modulo the order.
D: constant(uint256) = 37095705934669439343138083508754565189542113879843219016388785533085940283555
TWICE_D: constant(uint256) = 16295367250680780974490674513165176452449235426866156013048779062215315747161
ROOT: constant(uint256) = 19681161376707505956807079304988542015446066515923890162744021073123829784752
WORD_MODULO_ORDER: constant(uint256) = 7237005577332262213973186563042994240413239274941949949428319933631315875101
# The base point.
BASE_X: constant(uint256) = 15112221349535400772501151409588531511454012693041857206046113283949847762202
BASE_Y: constant(uint256) = 46316835694926478169428394003475163141307993866256225615783033603165251855960
# (p - 5) / 8, the exponent that finds square roots, and p - 2, which inverts.
ROOT_EXPONENT: constant(uint256) = 7237005577332262213973186563042994240829374041602535252466099000494570602493
INVERSE_EXPONENT: constant(uint256) = P - 2
SCALAR_BITS: constant(uint256) = 253

MODEXP: constant(address) = 0x0000000000000000000000000000000000000005
MESSAGE_BYTES_MAX: constant(uint256) = 278
# R, the key, the message, a one bit and zeros.
PADDED_BYTES_MAX: constant(uint256) = 32 + 32 + MESSAGE_BYTES_MAX + 1 + 160
BLOCKS_MAX: constant(uint256) = 3
M64: constant(uint256) = 2**64 - 1

# A point in extended coordinates: x = X/Z, y = Y/Z, T = XY/Z.
struct Point:
    x: uint256
    y: uint256
    z: uint256
    t: uint256

# An affine point as additions want it: y - x, y + x, 2 * d * x * y.
struct Addend:
    minus: uint256
    plus: uint256
    product: uint256


@external
@view
def verify(key: bytes32, message: Bytes[MESSAGE_BYTES_MAX], signature: Bytes[64]) -> bool:
    """
    @notice Tell whether the owner of `key` signed `message`.
    """
    if len(signature) != 64:
        return False
    r: bytes32 = extract32(signature, 0)
    s: uint256 = self._reverse(convert(extract32(signature, 32), uint256))
    if s >= ORDER:
        return False
    encoded: uint256 = self._reverse(convert(key, uint256))
    y: uint256 = encoded & (2**255 - 1)
    if y >= P:
        return False
    found: bool = False
    x: uint256 = 0
    found, x = self._x_of(y, encoded >> 255)
    if not found:
        return False
    if self._is_small(Point(x=x, y=y, z=1, t=uint256_mulmod(x, y, P))):
        return False
    h: uint256 = self._challenge(r, key, message)
    # R must be s * base - h * key.
    point: Point = self._combine(s, h, P - x, y)
    if self._is_small(point):
        return False
    return self._encode(point) == r


@internal
@view
def _combine(s: uint256, h: uint256, x: uint256, y: uint256) -> Point:
    """
    Return s * base + h * (x, y), both scalars at once (Shamir's trick).
    """
    base: Addend = self._addend(BASE_X, BASE_Y)
    key: Addend = self._addend(x, y)
    start: Point = Point(x=x, y=y, z=1, t=uint256_mulmod(x, y, P))
    sum: Point = self._add(start, base)
    inverse: uint256 = self._power(sum.z, INVERSE_EXPONENT)
    both: Addend = self._addend(uint256_mulmod(sum.x, inverse, P), uint256_mulmod(sum.y, inverse, P))

    total: Point = Point(x=0, y=1, z=1, t=0)
    for i: uint256 in range(SCALAR_BITS):
        place: uint256 = SCALAR_BITS - 1 - i
        total = self._double(total)
        first: bool = (s >> place) & 1 == 1
        second: bool = (h >> place) & 1 == 1
        if first and second:
            total = self._add(total, both)
        elif first:
            total = self._add(total, base)
        elif second:
            total = self._add(total, key)
    return total


@internal
@pure
def _addend(x: uint256, y: uint256) -> Addend:
    return Addend(
        minus=unsafe_sub(unsafe_add(y, P), x),
        plus=unsafe_add(y, x),
        product=uint256_mulmod(uint256_mulmod(x, y, P), TWICE_D, P),
    )


@internal
@pure
def _add(left: Point, right: Addend) -> Point:
    a: uint256 = uint256_mulmod(unsafe_sub(unsafe_add(left.y, P), left.x), right.minus, P)
    b: uint256 = uint256_mulmod(unsafe_add(left.y, left.x), right.plus, P)
    c: uint256 = uint256_mulmod(left.t, right.product, P)
    d: uint256 = unsafe_add(left.z, left.z)
    e: uint256 = unsafe_sub(unsafe_add(b, P), a)
    f: uint256 = uint256_addmod(d, unsafe_sub(P, c), P)
    g: uint256 = uint256_addmod(d, c, P)
    h: uint256 = unsafe_add(b, a)
    return Point(
        x=uint256_mulmod(e, f, P), y=uint256_mulmod(g, h, P), z=uint256_mulmod(f, g, P), t=uint256_mulmod(e, h, P)
    )


@internal
@pure
def _double(point: Point) -> Point:
    a: uint256 = uint256_mulmod(point.x, point.x, P)
    b: uint256 = uint256_mulmod(point.y, point.y, P)
    c: uint256 = uint256_mulmod(unsafe_add(point.z, point.z), point.z, P)
    both: uint256 = unsafe_add(point.x, point.y)
    h: uint256 = unsafe_sub(unsafe_sub(TWICE_P, a), b)
    e: uint256 = uint256_addmod(uint256_mulmod(both, both, P), h, P)
    g: uint256 = unsafe_sub(unsafe_add(b, P), a)
    f: uint256 = uint256_addmod(g, unsafe_sub(P, c), P)
    return Point(
        x=uint256_mulmod(e, f, P), y=uint256_mulmod(g, h, P), z=uint256_mulmod(f, g, P), t=uint256_mulmod(e, h, P)
    )


@internal
@pure
def _is_small(point: Point) -> bool:
    """
    Tell whether eight times the point is the identity.
    """
    eight: Point = self._double(self._double(self._double(point)))
    return eight.x == 0 and eight.y == eight.z


@internal
@view
def _encode(point: Point) -> bytes32:
    inverse: uint256 = self._power(point.z, INVERSE_EXPONENT)
    x: uint256 = uint256_mulmod(point.x, inverse, P)
    y: uint256 = uint256_mulmod(point.y, inverse, P)
    return convert(self._reverse(y | (x & 1) << 255), bytes32)


@internal
@view
def _x_of(y: uint256, sign: uint256) -> (bool, uint256):
    """
    Return the x of a point with this y, if there is one: RFC 8032, section 5.1.3.
    """
    square: uint256 = uint256_mulmod(y, y, P)
    u: uint256 = uint256_addmod(square, P - 1, P)
    v: uint256 = uint256_addmod(uint256_mulmod(D, square, P), 1, P)
    v3: uint256 = uint256_mulmod(uint256_mulmod(v, v, P), v, P)
    v7: uint256 = uint256_mulmod(uint256_mulmod(v3, v3, P), v, P)
    power: uint256 = self._power(uint256_mulmod(u, v7, P), ROOT_EXPONENT)
    x: uint256 = uint256_mulmod(uint256_mulmod(u, v3, P), power, P)
    found: uint256 = uint256_mulmod(v, uint256_mulmod(x, x, P), P)
    if found != u:
        if uint256_addmod(found, u, P) != 0:
            return False, 0
        x = uint256_mulmod(x, ROOT, P)
    if x & 1 != sign:
        x = P - x
    return True, x


@internal
@view
def _power(base: uint256, exponent: uint256) -> uint256:
    size: uint256 = 32
    result: Bytes[32] = raw_call(
        MODEXP,
        abi_encode(size, size, size, base, exponent, P),
        max_outsize=32,
        is_static_call=True,
    )
    return convert(result, uint256)


@internal
@pure
def _reverse(word: uint256) -> uint256:
    """
    Turn a word's bytes around: Ed25519 writes numbers with the lowest byte first.
    """
    x: uint256 = word
    x = ((x >> 8) & (max_value(uint256) // 257)) | ((x & (max_value(uint256) // 257)) << 8)
    x = ((x >> 16) & (max_value(uint256) // 65537)) | ((x & (max_value(uint256) // 65537)) << 16)
    x = ((x >> 32) & (max_value(uint256) // 4294967297)) | ((x & (max_value(uint256) // 4294967297)) << 32)
    x = ((x >> 64) & (max_value(uint256) // 18446744073709551617)) | ((x & (max_value(uint256) // 18446744073709551617)) << 64)
    return (x >> 128) | (x << 128)


# ------------------------------------------------------------------ SHA-512


@internal
@pure
def _challenge(r: bytes32, key: bytes32, message: Bytes[MESSAGE_BYTES_MAX]) -> uint256:
    """
    Return SHA-512(R, key, message) modulo the order.
    """
    zeros: bytes32 = empty(bytes32)
    data: Bytes[PADDED_BYTES_MAX] = concat(
        r, key, message, x"80", zeros, zeros, zeros, zeros, zeros
    )
    size: uint256 = 64 + len(message)
    blocks: uint256 = (size + 17 + 127) // 128
    k: uint256[80] = [
        4794697086780616226,
        8158064640168781261,
        13096744586834688815,
        16840607885511220156,
        4131703408338449720,
        6480981068601479193,
        10538285296894168987,
        12329834152419229976,
        15566598209576043074,
        1334009975649890238,
        2608012711638119052,
        6128411473006802146,
        8268148722764581231,
        9286055187155687089,
        11230858885718282805,
        13951009754708518548,
        16472876342353939154,
        17275323862435702243,
        1135362057144423861,
        2597628984639134821,
        3308224258029322869,
        5365058923640841347,
        6679025012923562964,
        8573033837759648693,
        10970295158949994411,
        12119686244451234320,
        12683024718118986047,
        13788192230050041572,
        14330467153632333762,
        15395433587784984357,
        489312712824947311,
        1452737877330783856,
        2861767655752347644,
        3322285676063803686,
        5560940570517711597,
        5996557281743188959,
        7280758554555802590,
        8532644243296465576,
        9350256976987008742,
        10552545826968843579,
        11727347734174303076,
        12113106623233404929,
        14000437183269869457,
        14369950271660146224,
        15101387698204529176,
        15463397548674623760,
        17586052441742319658,
        1182934255886127544,
        1847814050463011016,
        2177327727835720531,
        2830643537854262169,
        3796741975233480872,
        4115178125766777443,
        5681478168544905931,
        6601373596472566643,
        7507060721942968483,
        8399075790359081724,
        8693463985226723168,
        9568029438360202098,
        10144078919501101548,
        10430055236837252648,
        11840083180663258601,
        13761210420658862357,
        14299343276471374635,
        14566680578165727644,
        15097957966210449927,
        16922976911328602910,
        17689382322260857208,
        500013540394364858,
        748580250866718886,
        1242879168328830382,
        1977374033974150939,
        2944078676154940804,
        3659926193048069267,
        4368137639120453308,
        4836135668995329356,
        5532061633213252278,
        6448918945643986474,
        6902733635092675308,
        7801388544844847127,
    ]
    state: uint256[8] = [
        7640891576956012808,
        13503953896175478587,
        4354685564936845355,
        11912009170470909681,
        5840696475078001361,
        11170449401992604703,
        2270897969802886507,
        6620516959819538809,
    ]
    w: uint256[80] = empty(uint256[80])
    for block_index: uint256 in range(blocks, bound=BLOCKS_MAX):
        for i: uint256 in range(4):
            word: uint256 = convert(extract32(data, 128 * block_index + 32 * i), uint256)
            w[4 * i] = word >> 192
            w[4 * i + 1] = (word >> 128) & M64
            w[4 * i + 2] = (word >> 64) & M64
            w[4 * i + 3] = word & M64
        if block_index == blocks - 1:
            w[15] = 8 * size
        for i: uint256 in range(16, 80):
            x: uint256 = w[i - 15]
            y: uint256 = w[i - 2]
            xx: uint256 = x | x << 64
            yy: uint256 = y | y << 64
            s0: uint256 = (((xx >> 1) ^ (xx >> 8)) & M64) ^ (x >> 7)
            s1: uint256 = (((yy >> 19) ^ (yy >> 61)) & M64) ^ (y >> 6)
            w[i] = unsafe_add(
                unsafe_add(w[i - 16], s0), unsafe_add(w[i - 7], s1)
            ) & M64
        a: uint256 = state[0]
        b: uint256 = state[1]
        c: uint256 = state[2]
        d: uint256 = state[3]
        e: uint256 = state[4]
        f: uint256 = state[5]
        g: uint256 = state[6]
        h: uint256 = state[7]
        for i: uint256 in range(80):
            ee: uint256 = e | e << 64
            aa: uint256 = a | a << 64
            s1: uint256 = ((ee >> 14) ^ (ee >> 18) ^ (ee >> 41)) & M64
            s0: uint256 = ((aa >> 28) ^ (aa >> 34) ^ (aa >> 39)) & M64
            choice: uint256 = g ^ (e & (f ^ g))
            majority: uint256 = (a & b) | (c & (a | b))
            t1: uint256 = unsafe_add(
                unsafe_add(unsafe_add(h, s1), unsafe_add(choice, k[i])), w[i]
            )
            h = g
            g = f
            f = e
            e = unsafe_add(d, t1) & M64
            d = c
            c = b
            b = a
            a = unsafe_add(t1, unsafe_add(s0, majority)) & M64
        state[0] = unsafe_add(state[0], a) & M64
        state[1] = unsafe_add(state[1], b) & M64
        state[2] = unsafe_add(state[2], c) & M64
        state[3] = unsafe_add(state[3], d) & M64
        state[4] = unsafe_add(state[4], e) & M64
        state[5] = unsafe_add(state[5], f) & M64
        state[6] = unsafe_add(state[6], g) & M64
        state[7] = unsafe_add(state[7], h) & M64
    low: uint256 = self._reverse(
        state[0] << 192 | state[1] << 128 | state[2] << 64 | state[3]
    )
    high: uint256 = self._reverse(
        state[4] << 192 | state[5] << 128 | state[6] << 64 | state[7]
    )
    return uint256_addmod(uint256_mulmod(high, WORD_MODULO_ORDER, ORDER), low, ORDER)
