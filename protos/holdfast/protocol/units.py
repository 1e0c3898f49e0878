"""Sizes, tokens and the names of ids: what numbers and byte strings mean.

Tokens are integer grains, times are integer epochs or seconds, sizes are bytes.
"""

from typing import Final, NewType

VaultId = NewType("VaultId", bytes)
"""32 bytes: SHA-256 of the vault's Ed25519 public key; its place in the space."""

ChunkId = NewType("ChunkId", bytes)
"""32 bytes: commits to a chunk's header and the roots of its n shards."""

DealId = NewType("DealId", bytes)
"""32 bytes: SHA-256(owner ‖ nonce); also the deal's point in the space."""

AccountId = NewType("AccountId", bytes)
"""20 bytes: an EVM address."""

NetworkId = NewType("NetworkId", bytes)
"""32 bytes: SHA-256 of the encoded network parameters."""

Digest = NewType("Digest", bytes)
"""32 bytes: any other hash."""

Grains = int
"""1 HOLD = 10^9 grains."""

GRAINS_PER_HOLD: Final = 10**9
KIB: Final = 1 << 10
MIB: Final = 1 << 20
GIB: Final = 1 << 30
U64_MAX: Final = (1 << 64) - 1
SUPPLY_MAX: Final = (1 << 63) - 1

LEAF_BYTES: Final = 16 * KIB
CHUNK_BYTES_MAX: Final = 8 * MIB
FRAME_BYTES_MAX: Final = MIB
DEAL_BYTES_MAX: Final = 64 * GIB
HOLDERS_MAX: Final = 255
MEMO_BYTES: Final = 256
