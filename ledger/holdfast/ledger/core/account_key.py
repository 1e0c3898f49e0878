"""An account's key: it signs operations, and anybody recovers the signer.

The curve is secp256k1, the digest EIP-712's; the bytes are those of eth-account,
which tests compare and which would cost every vault 30 MiB to import.
"""

from functools import cached_property
from typing import Final

from coincurve import PrivateKey, PublicKey

from holdfast.ledger.core.address import address_of
from holdfast.ledger.core.errors import OperationSignatureError
from holdfast.ledger.core.operations import Operation, SignedOperation
from holdfast.ledger.core.typed_data import operation_digest
from holdfast.protocol.network import NetworkParams
from holdfast.protocol.units import AccountId, Digest

SECRET_BYTES: Final = 32
ORDER: Final = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
_V_FIRST: Final = 27


class AccountKey:
    """A secp256k1 secret and the account that it controls."""

    def __init__(self, secret: bytes) -> None:
        self._key = PrivateKey(secret)

    @classmethod
    def from_secret(cls, secret: bytes) -> "AccountKey":
        """Return the key with this 32-byte secret, below the curve's order."""
        assert len(secret) == SECRET_BYTES
        return cls(secret)

    @property
    def secret(self) -> bytes:
        """The 32 bytes that control the account."""
        return self._key.secret

    @cached_property
    def id(self) -> AccountId:
        """The account's address."""
        return address_of(self._key.public_key.format(compressed=False))

    def sign(
        self, params: NetworkParams, nonce: int, operation: Operation
    ) -> SignedOperation:
        """Return the operation signed as this account's number `nonce`."""
        digest = operation_digest(params, self.id, nonce, operation)
        return SignedOperation(self.id, nonce, operation, self.sign_digest(digest))

    def sign_digest(self, digest: Digest) -> bytes:
        """Return r, s and v: the deterministic signature (RFC 6979) with the low s."""
        signature = self._key.sign_recoverable(digest, hasher=None)
        return signature[:64] + bytes([_V_FIRST + signature[64]])


def authenticate(params: NetworkParams, signed: SignedOperation) -> Digest:
    """Return the operation's digest, or raise OperationSignatureError."""
    digest = digest_of(params, signed)
    if signer_of(digest, signed.signature) != signed.account:
        raise OperationSignatureError(signed.account)
    return digest


def digest_of(params: NetworkParams, signed: SignedOperation) -> Digest:
    """Return the operation's digest; whoever signed it."""
    return operation_digest(params, signed.account, signed.nonce, signed.operation)


def signer_of(digest: Digest, signature: bytes) -> AccountId | None:
    """Return who signed, or None: malformed, or the high one of the two s."""
    place = signature[64] - _V_FIRST
    if place not in {0, 1} or int.from_bytes(signature[32:64], "big") > ORDER // 2:
        return None
    try:
        public = PublicKey.from_signature_and_message(
            signature[:64] + bytes([place]), digest, hasher=None
        )
    except ValueError:
        return None
    except Exception as error:
        # coincurve raises a bare Exception where nothing can be recovered.
        if type(error) is not Exception:
            raise
        return None
    return address_of(public.format(compressed=False))
