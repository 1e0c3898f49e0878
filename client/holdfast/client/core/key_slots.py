"""The master key sealed under passphrases: one slot for each passphrase.

Argon2id makes a key of a passphrase; XChaCha20-Poly1305 seals the master key with
it and authenticates the slot's parameters. Slots come and go; the master key stays.
"""

import unicodedata
from collections.abc import Callable, Sequence
from typing import Final

from nacl import bindings
from nacl.exceptions import CryptoError
from nacl.pwhash import argon2id

from holdfast.client.core.errors import WrongPassphraseError
from holdfast.client.core.owner_keys import MASTER_KEY_BYTES
from holdfast.protocol.frozen import frozen
from holdfast.protocol.units import GIB, KIB, MIB

SALT_BYTES: Final = 16
NONCE_BYTES: Final = 24
SEALED_BYTES: Final = MASTER_KEY_BYTES + 16
_OPERATIONS_MAX: Final = 64
_PURPOSE: Final = b"holdfast key slot v1"


@frozen
class Strength:
    """What guessing one passphrase costs: Argon2id passes, and bytes of memory."""

    operations: int
    memory_bytes: int

    def __post_init__(self) -> None:
        # A key file from elsewhere must not take the machine's memory.
        if not 1 <= self.operations <= _OPERATIONS_MAX:
            raise ValueError("Argon2id makes 1 to 64 passes")
        if not 8 * KIB <= self.memory_bytes <= 2 * GIB:
            raise ValueError("Argon2id takes 8 KiB to 2 GiB of memory")


DEFAULT_STRENGTH: Final = Strength(3, 64 * MIB)
"""What RFC 9106 recommends where memory is scarce, and borg takes.

It is several times what OWASP asks for (2 passes over 19 MiB), yet every command pays
it: its first recommendation, 2 GiB, would leave no room on the machines that we run on.
"""
WEAKEST: Final = Strength(argon2id.OPSLIMIT_MIN, argon2id.MEMLIMIT_MIN)
"""For tests only."""


@frozen
class KeySlot:
    """The master key sealed under one passphrase; `label` is for people."""

    label: str
    strength: Strength
    salt: bytes
    nonce: bytes
    sealed: bytes

    def __post_init__(self) -> None:
        sizes = (len(self.salt), len(self.nonce), len(self.sealed))
        if sizes != (SALT_BYTES, NONCE_BYTES, SEALED_BYTES):
            raise ValueError("a key slot's fields do not have their lengths")


def seal_slot(
    master: bytes,
    passphrase: str,
    label: str,
    strength: Strength,
    entropy: Callable[[int], bytes],
) -> KeySlot:
    """Return a slot that `passphrase` opens; takes some 0.1 s by default."""
    salt, nonce = entropy(SALT_BYTES), entropy(NONCE_BYTES)
    sealed = bindings.crypto_aead_xchacha20poly1305_ietf_encrypt(
        master, _bound(label, strength), nonce, _stretch(passphrase, salt, strength)
    )
    return KeySlot(label, strength, salt, nonce, sealed)


def open_slot(slot: KeySlot, passphrase: str) -> bytes | None:
    """Return the master key, or None if the passphrase is another slot's."""
    try:
        return bindings.crypto_aead_xchacha20poly1305_ietf_decrypt(
            slot.sealed,
            _bound(slot.label, slot.strength),
            slot.nonce,
            _stretch(passphrase, slot.salt, slot.strength),
        )
    except CryptoError:
        return None


def open_slots(slots: Sequence[KeySlot], passphrase: str) -> tuple[int, bytes]:
    """Return the slot that opens and the master key, or raise WrongPassphraseError."""
    for place, slot in enumerate(slots):
        master = open_slot(slot, passphrase)
        if master is not None:
            return place, master
    raise WrongPassphraseError(
        "the passphrase is wrong; try again, or use the 24-word recovery phrase"
    )


def _stretch(passphrase: str, salt: bytes, strength: Strength) -> bytes:
    # Keyboards of different systems make different bytes of one accented letter.
    normal = unicodedata.normalize("NFKC", passphrase).encode()
    return argon2id.kdf(
        32, normal, salt, opslimit=strength.operations, memlimit=strength.memory_bytes
    )


def _bound(label: str, strength: Strength) -> bytes:
    numbers = (strength.operations, strength.memory_bytes)
    return _PURPOSE + b"".join(n.to_bytes(8, "big") for n in numbers) + label.encode()
