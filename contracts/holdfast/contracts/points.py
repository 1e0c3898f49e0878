"""Points of BLS12-381 as contracts take them: uncompressed, each coordinate 64 bytes.

Keys and signatures travel compressed everywhere else (48 and 96 bytes, with the flags
of ZCash's encoding). This only finds y for an x; whether a point is in its group is for
`protocol.bls` and for the precompiles to check.
"""

from typing import Final

from holdfast.protocol.errors import SignatureInvalidError

# The field's modulus, from the curve's parameter.
_Z: Final = -0xD201000000010000
P: Final = (_Z - 1) ** 2 * (_Z**4 - _Z**2 + 1) // 3 + _Z
KEY_BYTES: Final = 48
SIGNATURE_BYTES: Final = 96
WORD_BYTES: Final = 64
_FLAGS: Final = 7 << 381
_SIGN: Final = 1 << 381
_COMPRESSED: Final = 1 << 383

Fp2 = tuple[int, int]


def key_point(key: bytes) -> bytes:
    """Return a compressed key's 128 bytes, or raise SignatureInvalidError."""
    x, sign = _first(key, KEY_BYTES)
    square = (pow(x, 3, P) + 4) % P
    y = pow(square, (P + 1) // 4, P)
    if y * y % P != square:
        raise SignatureInvalidError("the key is not on the curve")
    if (y > P // 2) != sign:
        y = P - y
    return _word(x) + _word(y)


def signature_point(signature: bytes) -> bytes:
    """Return a compressed signature's 256 bytes, or raise SignatureInvalidError."""
    second, sign = _first(signature, SIGNATURE_BYTES)
    x = (int.from_bytes(signature[48:], "big"), second)
    if x[0] >= P:
        raise SignatureInvalidError("a coordinate is out of range")
    cube = _times(_times(x, x), x)
    y = _square_root(((cube[0] + 4) % P, (cube[1] + 4) % P))
    if (y[1] > P // 2 if y[1] else y[0] > P // 2) != sign:
        y = (-y[0] % P, -y[1] % P)
    return b"".join(_word(part) for part in (*x, *y))


def compressed_signature(point: bytes) -> bytes:
    """Return the 96 bytes of a signature that `signature_point` had made longer.

    Raises SignatureInvalidError when the 256 bytes are no coordinates.
    """
    if len(point) != 4 * WORD_BYTES:
        raise SignatureInvalidError(f"a point of {len(point)} bytes, not 256")
    words = (point[at : at + WORD_BYTES] for at in range(0, len(point), WORD_BYTES))
    x0, x1, y0, y1 = (int.from_bytes(word, "big") for word in words)
    if max(x0, x1, y0, y1) >= P:
        raise SignatureInvalidError("a coordinate is out of range")
    larger = y1 > P // 2 if y1 else y0 > P // 2
    first = x1 | _COMPRESSED | (_SIGN if larger else 0)
    return first.to_bytes(48, "big") + x0.to_bytes(48, "big")


def _first(data: bytes, size: int) -> tuple[int, bool]:
    """Return the first coordinate and the sign bit, which share 48 bytes."""
    if len(data) != size:
        raise SignatureInvalidError(f"a point of {len(data)} bytes, not {size}")
    word = int.from_bytes(data[:48], "big")
    x, flags = word & ~_FLAGS, word & _FLAGS
    if flags not in {_COMPRESSED, _COMPRESSED | _SIGN} or x >= P:
        raise SignatureInvalidError("not a compressed point, or infinity")
    return x, bool(flags & _SIGN)


def _square_root(square: Fp2) -> Fp2:
    """Return a root in Fp2 = Fp[i]: with the norm's root it is one in Fp."""
    a, b = square
    norm = _root((a * a + b * b) % P)
    for root in (norm, -norm):
        half = (a + root) * pow(2, -1, P) % P
        first = pow(half, (P + 1) // 4, P)
        if first and first * first % P == half:
            return first, b * pow(2 * first, -1, P) % P
    if b == 0:
        return 0, _root(-a % P)
    raise SignatureInvalidError("the signature is not on the curve")


def _root(square: int) -> int:
    root = pow(square, (P + 1) // 4, P)
    if root * root % P != square:
        raise SignatureInvalidError("the signature is not on the curve")
    return root


def _times(left: Fp2, right: Fp2) -> Fp2:
    a, b = left
    c, d = right
    return (a * c - b * d) % P, (a * d + b * c) % P


def _word(part: int) -> bytes:
    return part.to_bytes(WORD_BYTES, "big")
