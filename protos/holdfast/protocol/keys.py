"""Every key of a node or an owner, expanded from one 32-byte seed.

HKDF-SHA256 (RFC 5869) with one label per key, so that no key tells anything of
another. Ed25519 signs identities and votes, X25519 opens sealed boxes,
BLS12-381 signs settlements, secp256k1 is the account on the ledger.
"""

import hashlib
import hmac
from dataclasses import dataclass
from functools import cached_property

from nacl.exceptions import BadSignatureError
from nacl.public import PrivateKey
from nacl.signing import SigningKey, VerifyKey

from holdfast.protocol import bls
from holdfast.protocol.errors import SignatureInvalidError
from holdfast.protocol.units import VaultId

SIGNATURE_BYTES = 64


def hkdf(key: bytes, label: str, length: int = 32, salt: bytes = b"") -> bytes:
    """Return `length` bytes derived from `key` for the use that `label` names."""
    extracted = hmac.digest(salt or bytes(32), key, "sha256")
    out = b""
    block = b""
    info = f"holdfast v1 {label}".encode()
    for counter in range(1, -(-length // 32) + 1):
        block = hmac.digest(extracted, block + info + bytes([counter]), "sha256")
        out += block
    return out[:length]


@dataclass(frozen=True)
class SigningPair:
    """An Ed25519 key pair made from a 32-byte seed."""

    seed: bytes

    @cached_property
    def _key(self) -> SigningKey:
        return SigningKey(self.seed)

    @cached_property
    def public(self) -> bytes:
        """The 32-byte public key."""
        return bytes(self._key.verify_key)

    def sign(self, message: bytes) -> bytes:
        """Return the 64-byte signature of `message`."""
        return self._key.sign(message).signature


@dataclass(frozen=True)
class NodeKeys:
    """All keys of a vault, from its seed; `wallet` is another account's secret."""

    seed: bytes
    wallet: bytes | None = None

    @cached_property
    def identity(self) -> SigningPair:
        """The Ed25519 pair that is the vault's identity and signs its votes."""
        return SigningPair(hkdf(self.seed, "identity"))

    @cached_property
    def vault_id(self) -> VaultId:
        """The vault's name and place: SHA-256 of its identity key."""
        return vault_id(self.identity.public)

    @cached_property
    def box(self) -> PrivateKey:
        """The X25519 key that opens boxes sealed to this vault."""
        return PrivateKey(hkdf(self.seed, "box"))

    @cached_property
    def bls_secret(self) -> int:
        """The BLS12-381 secret that signs settlements."""
        return bls.secret_key(hkdf(self.seed, "bls"))

    @cached_property
    def bls_public(self) -> bytes:
        """The compressed 48-byte G1 key of `bls_secret`."""
        return bls.public_key(self.bls_secret)

    @cached_property
    def account_secret(self) -> bytes:
        """The secp256k1 secret of the vault's account."""
        return self.wallet or hkdf(self.seed, "account")


def vault_id(identity_public: bytes) -> VaultId:
    """Return the id of the vault that holds this Ed25519 public key."""
    return VaultId(hashlib.sha256(identity_public).digest())


def verify(public: bytes, message: bytes, signature: bytes) -> None:
    """Raise SignatureInvalidError unless `signature` of `message` fits `public`."""
    try:
        VerifyKey(public).verify(message, signature)
    except (BadSignatureError, ValueError, TypeError) as error:
        raise SignatureInvalidError("the signature does not fit") from error
