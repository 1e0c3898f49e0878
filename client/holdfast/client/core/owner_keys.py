"""Every key of an owner, expanded from one 32-byte master key.

HKDF-SHA256 with one label per use, so that no key tells anything of another: a
vault that learnt a deal key would still know nothing of the seal key.
"""

from dataclasses import dataclass, field
from functools import cached_property

from holdfast.protocol.keys import SigningPair, hkdf

MASTER_KEY_BYTES = 32


@dataclass(frozen=True)
class OwnerKeys:
    """All keys of an owner, from the master key that the phrase and key file hold."""

    master: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.master) != MASTER_KEY_BYTES:
            raise ValueError("a master key has 32 bytes")

    @cached_property
    def account_secret(self) -> bytes:
        """The secp256k1 secret (32 bytes) of the account that pays."""
        return hkdf(self.master, "owner account")

    def deal_seed(self, nonce: bytes) -> bytes:
        """Return the Ed25519 seed (32 bytes) of the deal opened with `nonce`."""
        return hkdf(self.master, "owner deal", salt=nonce)

    def deal_pair(self, nonce: bytes) -> SigningPair:
        """Return the key pair that signs heads and grants of the deal of `nonce`."""
        return SigningPair(self.deal_seed(nonce))

    @cached_property
    def dedup(self) -> bytes:
        """The key that names blobs, so that names tell nothing of well-known files."""
        return hkdf(self.master, "owner dedup")

    @cached_property
    def seal(self) -> bytes:
        """The key from which each chunk's own key is derived."""
        return hkdf(self.master, "owner seal")

    @cached_property
    def salt(self) -> bytes:
        """The key by which a chunk's salt follows from its content."""
        return hkdf(self.master, "owner salt")

    @cached_property
    def memo(self) -> bytes:
        """The key that seals head memos."""
        return hkdf(self.master, "owner memo")

    @cached_property
    def chunking_seed(self) -> int:
        """The seed that makes this owner's cut points its own, 1 to 2^63 - 1."""
        drawn = int.from_bytes(hkdf(self.master, "owner chunking", 8), "big")
        # pyfastcdc shifts the seed left within 64 bits, and takes 0 for none.
        return (drawn >> 1) or 1

    @cached_property
    def cache(self) -> bytes:
        """The key that seals what the client keeps on its own disk."""
        return hkdf(self.master, "owner cache")
