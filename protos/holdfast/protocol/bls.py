"""BLS signatures for settlements, the one kind of signature that a contract checks.

Suite BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_ of draft-irtf-cfrg-bls-signature:
public keys of 48 bytes in G1, signatures of 96 bytes in G2. Every verdict and every
byte is py_ecc's (`G2ProofOfPossession`); arkworks does the work where it is installed,
a hundred times faster, and py_ecc is then never imported.

Adding keys up is only safe among keys whose proofs of possession were verified:
`aggregate_verify_same` leaves that to whoever admitted them to the registry.
"""

import hashlib
import hmac
from collections.abc import Sequence
from typing import Final, Protocol

SEED_BYTES: Final = 32
PUBLIC_KEY_BYTES: Final = 48
SIGNATURE_BYTES: Final = 96
CURVE_ORDER: Final = 0x73EDA753299D7D483339D80809A1D80553BDA402FFFE5BFEFFFFFFFF00000001


class Backend(Protocol):
    """What an implementation of the suite has to do; both are modules."""

    NAME: str

    def public_key(self, secret: int) -> bytes:
        """Return the public key of a secret key in [1, order)."""

    def sign(self, secret: int, message: bytes) -> bytes:
        """Return the signature of `message`."""

    def prove_possession(self, secret: int) -> bytes:
        """Return the proof that `secret` is known."""

    def verify_possession(self, public: bytes, proof: bytes) -> bool:
        """Tell whether `proof` is that of the key's owner."""

    def aggregate(self, signatures: Sequence[bytes]) -> bytes:
        """Return the sum of signatures, or raise SignatureInvalidError."""

    def aggregate_verify_same(
        self, publics: Sequence[bytes], message: bytes, signature: bytes
    ) -> bool:
        """Tell whether the owners of all keys signed `message`."""


_backend: Backend
try:
    from holdfast.protocol import bls_arkworks

    _backend = bls_arkworks
except ImportError:
    from holdfast.protocol import bls_pyecc

    _backend = bls_pyecc


def backend_name() -> str:
    """Return which implementation does the work: "arkworks" or "py_ecc"."""
    return _backend.NAME


def secret_key(seed: bytes) -> int:
    """Return the secret key of a 32-byte seed: the draft's KeyGen, without key_info."""
    assert len(seed) == SEED_BYTES
    salt, secret = b"BLS-SIG-KEYGEN-SALT-", 0
    while not secret:
        salt = hashlib.sha256(salt).digest()
        key = hmac.digest(salt, seed + b"\x00", "sha256")
        secret = int.from_bytes(_expand(key, b"\x00\x30", 48)) % CURVE_ORDER
    return secret


def public_key(secret: int) -> bytes:
    """Return the 48-byte public key of `secret`."""
    _check(secret)
    return _backend.public_key(secret)


def sign(secret: int, message: bytes) -> bytes:
    """Return the 96-byte signature of `message`."""
    _check(secret)
    return _backend.sign(secret, message)


def verify(public: bytes, message: bytes, signature: bytes) -> bool:
    """Tell whether the owner of `public` signed `message`; malformed input is a no."""
    return aggregate_verify_same([public], message, signature)


def aggregate(signatures: Sequence[bytes]) -> bytes:
    """Return the sum of at least one signature.

    Raises SignatureInvalidError when there is none, or one is not a point of the
    group. py_ecc's own Aggregate takes points outside the group, which no verification
    accepts; that such a signature came in is better known before it is added.
    """
    return _backend.aggregate(signatures)


def aggregate_verify_same(
    publics: Sequence[bytes], message: bytes, signature: bytes
) -> bool:
    """Tell whether the owners of all `publics` signed the one `message`.

    The draft's FastAggregateVerify: no key, a malformed one or keys that cancel out
    are a no.
    """
    return _backend.aggregate_verify_same(publics, message, signature)


def prove_possession(secret: int) -> bytes:
    """Return the 96-byte proof that whoever publishes the key knows `secret`."""
    _check(secret)
    return _backend.prove_possession(secret)


def verify_possession(public: bytes, proof: bytes) -> bool:
    """Tell whether `proof` is a proof of possession of the key `public`."""
    return _backend.verify_possession(public, proof)


def _check(secret: int) -> None:
    assert 0 < secret < CURVE_ORDER, "not a secret key"


def _expand(key: bytes, info: bytes, length: int) -> bytes:
    """HKDF-Expand with SHA-256, RFC 5869."""
    output = block = b""
    while len(output) < length:
        counter = len(output) // hashlib.sha256().digest_size + 1
        block = hmac.digest(key, block + info + bytes([counter]), "sha256")
        output += block
    return output[:length]
