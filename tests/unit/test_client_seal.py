import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from holdfast.client.core.blobs import BlobId
from holdfast.client.core.errors import SealBrokenError
from holdfast.client.core.memo import MemoReference, seal_memo, unseal_memo
from holdfast.client.core.seal import (
    PLAINTEXT_BYTES_MAX,
    SEAL_BYTES,
    Cipher,
    preferred_cipher,
    salt_of,
    seal,
    unseal,
)
from holdfast.protocol.errors import ProtocolError
from holdfast.protocol.keys import hkdf
from holdfast.protocol.units import CHUNK_BYTES_MAX, MEMO_BYTES, ChunkId

KEY = bytes(range(32))
SALT = bytes(range(32, 64))
CIPHERS = sorted({preferred_cipher(), Cipher.XCHACHA20_POLY1305}, key=lambda c: c.value)
REFERENCE = MemoReference(2**64 - 1, ChunkId(b"c" * 32), BlobId(b"b" * 32))


@pytest.mark.parametrize("cipher", CIPHERS)
@given(plaintext=st.binary(max_size=200))
def test_what_was_sealed_is_unsealed(cipher: Cipher, plaintext: bytes) -> None:
    sealed = seal(KEY, SALT, plaintext, cipher)
    assert len(sealed) == len(plaintext) + SEAL_BYTES
    assert unseal(KEY, memoryview(sealed)) == plaintext


@pytest.mark.parametrize("cipher", CIPHERS)
def test_a_flipped_bit_anywhere_breaks_the_seal(cipher: Cipher) -> None:
    sealed = seal(KEY, SALT, b"plaintext", cipher)
    for place in range(len(sealed)):
        wrong = bytearray(sealed)
        wrong[place] ^= 1
        with pytest.raises(SealBrokenError):
            unseal(KEY, bytes(wrong))


@given(data=st.binary(max_size=300))
def test_arbitrary_bytes_are_no_sealed_chunk_and_no_memo(data: bytes) -> None:
    with pytest.raises(SealBrokenError):
        unseal(KEY, data)
    with pytest.raises(ProtocolError):
        unseal_memo(KEY, data)


@pytest.mark.skipif(Cipher.AES_256_GCM not in CIPHERS, reason="no AES instructions")
def test_openssl_opens_what_libsodium_sealed() -> None:
    sealed = seal(KEY, SALT, b"plaintext", Cipher.AES_256_GCM)
    own = AESGCM(hkdf(KEY, "chunk", salt=SALT))
    assert own.decrypt(bytes(12), sealed[37:], sealed[:37]) == b"plaintext"


def test_another_key_does_not_open_it() -> None:
    sealed = seal(KEY, SALT, b"plaintext", preferred_cipher())
    with pytest.raises(SealBrokenError, match="another owner"):
        unseal(SALT, sealed)


def test_equal_plaintexts_under_other_salts_share_nothing() -> None:
    first = seal(KEY, SALT, b"same" * 100, preferred_cipher())
    second = seal(KEY, KEY, b"same" * 100, preferred_cipher())
    assert first[-400:] != second[-400:]


def test_the_largest_plaintext_makes_the_largest_chunk() -> None:
    sealed = seal(KEY, SALT, bytes(PLAINTEXT_BYTES_MAX), preferred_cipher())
    assert len(sealed) == CHUNK_BYTES_MAX


def test_a_memo_has_256_bytes_and_says_what_it_was_told() -> None:
    memo = seal_memo(KEY, bytes(24), REFERENCE)
    assert len(memo) == MEMO_BYTES
    assert unseal_memo(KEY, memo) == REFERENCE


def test_an_altered_memo_is_refused() -> None:
    memo = seal_memo(KEY, bytes(24), REFERENCE)
    for place in range(MEMO_BYTES):
        wrong = bytearray(memo)
        wrong[place] ^= 1
        with pytest.raises(SealBrokenError):
            unseal_memo(KEY, bytes(wrong))


def test_a_memo_of_another_owner_is_refused() -> None:
    with pytest.raises(SealBrokenError, match="another owner"):
        unseal_memo(SALT, seal_memo(KEY, bytes(24), REFERENCE))


def test_the_same_pack_of_the_same_owner_makes_the_same_chunk_again() -> None:
    salt = salt_of(b"\x01" * 32, [b"a pack"])
    assert salt == salt_of(b"\x01" * 32, [b"a ", b"pack"])
    assert salt != salt_of(b"\x02" * 32, [b"a pack"])
    assert salt != salt_of(b"\x01" * 32, [b"another"])
