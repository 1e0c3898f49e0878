"""Sealing a chunk: authenticated encryption under a key that no other chunk has.

A sealed chunk is a clear header, "HF" kind version cipher salt, and the AEAD's
output; the header is authenticated. The key is HKDF(seal key, salt). The salt is a
keyed hash of what determines the plaintext, so the key encrypts this one message, the
nonce can be zero, and an interrupted upload makes the same chunks again.
"""

from collections.abc import Callable, Iterable
from enum import Enum
from typing import Final

from blake3 import blake3
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from nacl import bindings
from nacl.exceptions import CryptoError, UnavailableError

from holdfast.client.core.errors import SealBrokenError
from holdfast.protocol.encoding import MAGIC
from holdfast.protocol.keys import hkdf
from holdfast.protocol.units import CHUNK_BYTES_MAX

SALT_BYTES: Final = 32
_PREFIX: Final = MAGIC + bytes([64, 1])
_HEADER_BYTES: Final = len(_PREFIX) + 1 + SALT_BYTES
_TAG_BYTES: Final = 16
SEAL_BYTES: Final = _HEADER_BYTES + _TAG_BYTES
PLAINTEXT_BYTES_MAX: Final = CHUNK_BYTES_MAX - SEAL_BYTES
Sealed = bytes | memoryview  # a chunk, sealed or opened
NewBuffer = Callable[[int], memoryview]  # returns so many writable bytes
_CLEARED_MAX: Final = 1 << 18
_AES_NONCE: Final = bytes(12)
_XCHACHA_NONCE: Final = bytes(24)


class Cipher(Enum):
    """The AEAD of a chunk; the value is the format's byte."""

    AES_256_GCM = 1
    XCHACHA20_POLY1305 = 2


def preferred_cipher() -> Cipher:
    """Return AES-256-GCM where the processor computes it, else XChaCha20-Poly1305."""
    try:
        bindings.crypto_aead_aes256gcm_encrypt(b"", None, _AES_NONCE, bytes(32))
    except UnavailableError:
        return Cipher.XCHACHA20_POLY1305
    return Cipher.AES_256_GCM


def new_memory(size: int) -> memoryview:
    """Return memory to be overwritten; nobody clears much of it first."""
    if size <= _CLEARED_MAX:
        return memoryview(bytearray(size))
    import numpy as np  # noqa: PLC0415 # it takes longer than clearing a mebibyte

    return np.empty(size, np.uint8).data


def salt_of(salt_key: bytes, pieces: Iterable[bytes | memoryview]) -> bytes:
    """Return the salt of a chunk: the same for the same content, 32 bytes.

    The pieces, put together, must differ for any two plaintexts that differ: they are
    the plaintext, or what is left of it without that which the rest determines.
    """
    hasher = blake3(key=salt_key)
    for piece in pieces:
        hasher.update(piece)
    return hasher.digest()


def seal(
    key: bytes,
    salt: bytes,
    plaintext: bytes | memoryview,
    cipher: Cipher,
    new_buffer: NewBuffer = new_memory,
) -> Sealed:
    """Return the sealed chunk; `salt` is `salt_of` what determines the plaintext."""
    assert len(salt) == SALT_BYTES
    assert len(plaintext) <= PLAINTEXT_BYTES_MAX
    header = _PREFIX + bytes([cipher.value]) + salt
    own = hkdf(key, "chunk", salt=salt)
    match cipher:
        case Cipher.AES_256_GCM:
            sealed = new_buffer(len(plaintext) + SEAL_BYTES)
            sealed[:_HEADER_BYTES] = header
            body = sealed[_HEADER_BYTES:]
            AESGCM(own).encrypt_into(_AES_NONCE, plaintext, header, body)
            return sealed.toreadonly()
        case Cipher.XCHACHA20_POLY1305:
            return header + bindings.crypto_aead_xchacha20poly1305_ietf_encrypt(
                bytes(plaintext), header, _XCHACHA_NONCE, own
            )


def unseal(
    key: bytes, ciphertext: bytes | memoryview, new_buffer: NewBuffer = new_memory
) -> Sealed:
    """Return the plaintext of a sealed chunk, or raise SealBrokenError."""
    view = memoryview(ciphertext)
    header = bytes(view[:_HEADER_BYTES])
    if len(view) < SEAL_BYTES or not header.startswith(_PREFIX[:3]):
        raise SealBrokenError("these bytes are not a sealed chunk")
    if header[3] != _PREFIX[3]:
        raise SealBrokenError(f"sealed chunks of version {header[3]} are unknown here")
    own = hkdf(key, "chunk", salt=header[-SALT_BYTES:])
    try:
        return _open(header[4], view[_HEADER_BYTES:], header, own, new_buffer)
    except (CryptoError, InvalidTag) as error:
        raise SealBrokenError(
            "a chunk was altered, or belongs to another owner"
        ) from error


def _open(
    cipher: int, body: memoryview, header: bytes, own: bytes, new_buffer: NewBuffer
) -> Sealed:
    match cipher:
        case Cipher.AES_256_GCM.value:
            plaintext = new_buffer(len(body) - _TAG_BYTES)
            AESGCM(own).decrypt_into(_AES_NONCE, body, header, plaintext)
            return plaintext.toreadonly()
        case Cipher.XCHACHA20_POLY1305.value:
            return bindings.crypto_aead_xchacha20poly1305_ietf_decrypt(
                bytes(body), header, _XCHACHA_NONCE, own
            )
        case _:
            raise SealBrokenError(f"cipher {cipher} is unknown here")
