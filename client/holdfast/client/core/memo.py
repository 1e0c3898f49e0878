"""The head memo: 256 sealed bytes that say where the newest state is."""

from typing import Final

from nacl import bindings
from nacl.exceptions import CryptoError

from holdfast.client.core.blobs import BlobId
from holdfast.client.core.errors import SealBrokenError
from holdfast.protocol.encoding import BYTES32, MAGIC, U64, Format
from holdfast.protocol.frozen import frozen
from holdfast.protocol.units import MEMO_BYTES, ChunkId

MEMO_NONCE_BYTES: Final = 24
_PREFIX: Final = MAGIC + bytes([65, 1])
_SEALED_AT: Final = len(_PREFIX) + MEMO_NONCE_BYTES
_PADDED_BYTES: Final = MEMO_BYTES - _SEALED_AT - 16


@frozen
class MemoReference:
    """The blob `root` in `chunk` is the state of this generation."""

    generation: int
    chunk: ChunkId
    root: BlobId


MEMO_REFERENCE: Final = Format(
    MemoReference, kind=66, version=1, generation=U64, chunk=BYTES32, root=BYTES32
)


def seal_memo(key: bytes, nonce: bytes, reference: MemoReference) -> bytes:
    """Return exactly 256 bytes; `nonce` is 24 random bytes."""
    assert len(nonce) == MEMO_NONCE_BYTES
    encoded = MEMO_REFERENCE.encode(reference)
    padded = (len(encoded).to_bytes(2, "big") + encoded).ljust(_PADDED_BYTES, b"\0")
    memo = (
        _PREFIX
        + nonce
        + bindings.crypto_aead_xchacha20poly1305_ietf_encrypt(
            padded, _PREFIX, nonce, key
        )
    )
    assert len(memo) == MEMO_BYTES
    return memo


def unseal_memo(key: bytes, memo: bytes) -> MemoReference:
    """Return what a memo refers to, or raise SealBrokenError or DecodingError."""
    if len(memo) != MEMO_BYTES or not memo.startswith(_PREFIX):
        raise SealBrokenError("these bytes are not a memo that this program can read")
    nonce = memo[len(_PREFIX) : _SEALED_AT]
    try:
        padded = bindings.crypto_aead_xchacha20poly1305_ietf_decrypt(
            memo[_SEALED_AT:], _PREFIX, nonce, key
        )
    except CryptoError as error:
        raise SealBrokenError("the memo belongs to another owner") from error
    length = int.from_bytes(padded[:2], "big")
    return MEMO_REFERENCE.decode(padded[2 : 2 + length])
