"""How large the messages of audits are at full vaults, in their real encodings."""

import math
from typing import Final

from scale_network import CHUNKS_A_DEAL, DEALS_A_VAULT, PARAMS, K, N

from holdfast.protocol.answer import ANSWER, Answer, EntryProof, LeafProof
from holdfast.protocol.checkpoint import (
    ENTRY,
    STORAGE_CERTIFICATE,
    Checkpoint,
    Entry,
    Signature,
    StandingCheckpoint,
    StorageCertificate,
)
from holdfast.protocol.chunk import ChunkHeader, ShardProof
from holdfast.protocol.faults import MISS_CERTIFICATE, MissCertificate, Witness
from holdfast.protocol.manifest import Head
from holdfast.protocol.signing import Signed
from holdfast.protocol.sums import SumNode
from holdfast.protocol.units import LEAF_BYTES, MIB, ChunkId, DealId, Digest, VaultId

HASH: Final = bytes(32)
SIGNATURE: Final = bytes(64)


def answer_bytes() -> int:
    """Return the size of one answer of a full vault: 256 leaves in 256 places."""
    leaves = PARAMS.leaves_per_audit
    nodes = (SumNode(HASH, 1),)
    shard = 8 * MIB // K
    header = ChunkHeader(K, N, 8 * MIB)
    entry = Entry(DealId(HASH), 0, Digest(HASH), 1, Digest(HASH), 1, 1)
    signatures = (Signature(VaultId(HASH), SIGNATURE),) * 5
    checkpoint = Signed(Checkpoint(VaultId(HASH), 1, Digest(HASH), 1, 1), SIGNATURE)
    head = Head(DealId(HASH), 1, Digest(HASH), Digest(HASH), 1, 1, bytes(256))
    proofs = min(leaves, DEALS_A_VAULT)
    value = Answer(
        1,
        StandingCheckpoint(checkpoint, signatures),
        (EntryProof(entry, 0, nodes * depth(DEALS_A_VAULT), Signed(head, SIGNATURE)),)
        * proofs,
        (
            LeafProof(
                0,
                0,
                ChunkId(HASH),
                nodes * depth(CHUNKS_A_DEAL),
                ShardProof(header, 0, (HASH,) * depth(N)),
                (HASH,) * depth(shard // LEAF_BYTES),
                bytes(LEAF_BYTES),
            ),
        )
        * leaves,
    )
    return len(ANSWER.encode(Signed(value, SIGNATURE)))


def certificate_bytes() -> int:
    """Return the size of a storage certificate with a bare majority's votes."""
    checkpoint = Signed(Checkpoint(VaultId(HASH), 1, Digest(HASH), 1, 1), SIGNATURE)
    votes = (Signature(VaultId(HASH), SIGNATURE),) * 5
    one = StorageCertificate(1, checkpoint, Digest(HASH), votes)
    return len(STORAGE_CERTIFICATE.encode(one))


def miss_bytes() -> int:
    """Return the size of a miss certificate."""
    witnesses = (Witness(VaultId(HASH), 0, SIGNATURE),) * 5
    return len(MISS_CERTIFICATE.encode(MissCertificate(VaultId(HASH), 1, witnesses)))


def entry_bytes() -> int:
    """Return the size of one checkpoint entry with nothing missing."""
    entry = Entry(DealId(HASH), 0, Digest(HASH), 1, Digest(HASH), 1, 1)
    return len(ENTRY.encode(entry))


def depth(count: int) -> int:
    """Return how many hashes a path has in a tree of so many leaves."""
    return max(math.ceil(math.log2(count)), 0)
