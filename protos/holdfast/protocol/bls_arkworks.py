"""The BLS suite on the curve operations of arkworks (Rust). See `bls`.

arkworks checks that a point lies on the curve and in the group, but reads anything
under the infinity flag as the identity, so encodings are checked here to be the one
that the point has. Callers have checked secrets.
"""

from collections.abc import Sequence
from functools import reduce
from operator import add
from typing import Final

from py_arkworks_bls12381 import GT, G1Point, G2Point, Scalar

from holdfast.protocol.errors import SignatureInvalidError

NAME: Final = "arkworks"

SIGNATURE_TAG: Final = b"BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_"
POSSESSION_TAG: Final = b"BLS_POP_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_"


def public_key(secret: int) -> bytes:
    """Return the public key of a secret key in [1, order)."""
    return (G1Point() * _scalar(secret)).to_compressed_bytes()


def sign(secret: int, message: bytes) -> bytes:
    """Return the signature of `message`."""
    return _sign(secret, message, SIGNATURE_TAG)


def prove_possession(secret: int) -> bytes:
    """Return the proof that `secret` is known."""
    return _sign(secret, public_key(secret), POSSESSION_TAG)


def verify_possession(public: bytes, proof: bytes) -> bool:
    """Tell whether `proof` is that of the key's owner."""
    return _verify([public], public, proof, POSSESSION_TAG)


def aggregate(signatures: Sequence[bytes]) -> bytes:
    """Return the sum of signatures, or raise SignatureInvalidError."""
    if not signatures:
        raise SignatureInvalidError("there is no signature to add up")
    try:
        points = [_signature_point(signature) for signature in signatures]
    except ValueError as error:
        raise SignatureInvalidError("a signature is not a point of G2") from error
    return reduce(add, points).to_compressed_bytes()


def aggregate_verify_same(
    publics: Sequence[bytes], message: bytes, signature: bytes
) -> bool:
    """Tell whether the owners of all keys signed `message`."""
    return _verify(publics, message, signature, SIGNATURE_TAG)


def _sign(secret: int, message: bytes, tag: bytes) -> bytes:
    point = G2Point.hash_to_curve(message, tag) * _scalar(secret)
    return point.to_compressed_bytes()


def _verify(
    publics: Sequence[bytes], message: bytes, signature: bytes, tag: bytes
) -> bool:
    try:
        keys = [_key_point(public) for public in publics]
        point = _signature_point(signature)
    except ValueError:
        return False
    key = reduce(add, keys, G1Point.identity())
    if key == G1Point.identity():
        return False
    # e(key, H(message)) = e(generator, signature), as one product that must be 1
    hashed = G2Point.hash_to_curve(message, tag)
    return GT.pairing_check([key, -G1Point()], [hashed, point])


def _key_point(public: bytes) -> G1Point:
    point = G1Point.from_compressed_bytes(public)
    if point == G1Point.identity():
        raise ValueError("the identity is nobody's key")
    return point


def _signature_point(signature: bytes) -> G2Point:
    point = G2Point.from_compressed_bytes(signature)
    if point == G2Point.identity() and point.to_compressed_bytes() != signature:
        raise ValueError("not the encoding of the identity")
    return point


def _scalar(secret: int) -> Scalar:
    return Scalar.from_be_bytes(secret.to_bytes(32))
