"""The BLS suite as py_ecc has it: the reference, and slow. See `bls`.

Importing this costs 26 MB and most of a second, so only the fallback and tests do.
Callers have checked secrets.
"""

from collections.abc import Sequence
from typing import Final

from eth_typing import BLSPubkey, BLSSignature
from py_ecc.bls.ciphersuites import G2ProofOfPossession as Scheme
from py_ecc.bls.g2_primitives import signature_to_G2, subgroup_check

from holdfast.protocol.errors import SignatureInvalidError

NAME: Final = "py_ecc"

SIGNATURE_BYTES: Final = 96


def public_key(secret: int) -> bytes:
    """Return the public key of a secret key in [1, order)."""
    return Scheme.SkToPk(secret)


def sign(secret: int, message: bytes) -> bytes:
    """Return the signature of `message`."""
    return Scheme.Sign(secret, message)


def prove_possession(secret: int) -> bytes:
    """Return the proof that `secret` is known."""
    return Scheme.PopProve(secret)


def verify_possession(public: bytes, proof: bytes) -> bool:
    """Tell whether `proof` is that of the key's owner."""
    return Scheme.PopVerify(BLSPubkey(public), BLSSignature(proof))


def aggregate(signatures: Sequence[bytes]) -> bytes:
    """Return the sum of signatures, or raise SignatureInvalidError."""
    if not signatures:
        raise SignatureInvalidError("there is no signature to add up")
    checked = [_inside_the_group(signature) for signature in signatures]
    return Scheme.Aggregate(checked)


def aggregate_verify_same(
    publics: Sequence[bytes], message: bytes, signature: bytes
) -> bool:
    """Tell whether the owners of all keys signed `message`."""
    keys = [BLSPubkey(public) for public in publics]
    return Scheme.FastAggregateVerify(keys, message, BLSSignature(signature))


def _inside_the_group(signature: bytes) -> BLSSignature:
    """Return `signature`, which py_ecc would add up without this check."""
    checked = BLSSignature(signature)
    try:
        if len(checked) == SIGNATURE_BYTES and subgroup_check(signature_to_G2(checked)):
            return checked
    except ValueError as error:
        raise SignatureInvalidError("a signature is not a point of G2") from error
    raise SignatureInvalidError("a signature is not a point of G2")
