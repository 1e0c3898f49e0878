"""Chunks: one ciphertext, its n shards, and the id that commits to them all.

ChunkId = H(header ‖ root of the tree over the n shard roots), so whoever has a
shard and its path can check it without trust.
"""

import functools
from typing import Final

from blake3 import blake3

from holdfast.protocol import merkle
from holdfast.protocol.codecs import codec
from holdfast.protocol.encoding import BYTES32, U8, U32, Format, sequence
from holdfast.protocol.errors import ProtocolError
from holdfast.protocol.frozen import frozen
from holdfast.protocol.units import CHUNK_BYTES_MAX, ChunkId

_KEY: Final = blake3(derive_key_context="holdfast 2026 chunk id v1").digest()
SHARDS_PATH_MAX: Final = 8


class ChunkMismatchError(ProtocolError):
    """Bytes do not belong to the chunk that they were said to belong to."""


@frozen
class ChunkHeader:
    """What a ChunkId commits to besides the shards; `length` is ciphertext bytes."""

    k: int
    n: int
    length: int

    def __post_init__(self) -> None:
        if not 1 <= self.k <= self.n <= 255 or not 1 <= self.length <= CHUNK_BYTES_MAX:
            raise ValueError("a chunk has 1 <= k <= n <= 255 and at most 8 MiB")

    @property
    def shard_bytes(self) -> int:
        """The size of each of its n shards."""
        return -(-self.length // self.k)


CHUNK_HEADER = Format(ChunkHeader, kind=20, version=1, k=U8, n=U8, length=U32)


def chunk_id(header: ChunkHeader, shards_root: bytes) -> ChunkId:
    """Return the id of the chunk with this header and this root of shard roots."""
    return ChunkId(blake3(CHUNK_HEADER.encode(header) + shards_root, key=_KEY).digest())


@frozen
class ShardProof:
    """Proves one shard root into a ChunkId: the shard's index and its path."""

    header: ChunkHeader
    index: int
    path: tuple[bytes, ...]

    def chunk_of(self, shard_root: bytes) -> ChunkId:
        """Return the id that a shard with this root leads to; ProofError if none."""
        root = merkle.root_from_path(shard_root, self.index, self.header.n, self.path)
        return chunk_id(self.header, root)


SHARD_PROOF = Format(
    ShardProof,
    kind=21,
    version=1,
    header=CHUNK_HEADER.bare(),
    index=U8,
    path=sequence(BYTES32, SHARDS_PATH_MAX),
)


@frozen
class EncodedChunk:
    """A chunk ready to be sent: n shards with their roots."""

    id: ChunkId
    header: ChunkHeader
    shards: tuple[memoryview, ...]
    roots: tuple[bytes, ...]

    def proof(self, index: int) -> ShardProof:
        """Return the proof of shard `index`."""
        return ShardProof(self.header, index, _tree_over(self.roots).path(index))


# Each of n holders is sent a proof out of it; a wide code's tree is a millisecond.
@functools.lru_cache(maxsize=64)
def _tree_over(roots: tuple[bytes, ...]) -> merkle.Tree:
    return merkle.Tree(roots)


def encode_chunk(
    ciphertext: bytes | bytearray | memoryview,
    k: int,
    n: int,
    parity: memoryview | None = None,
) -> EncodedChunk:
    """Return the chunk's shards and id; `parity` is as for `Codec.encode`."""
    header = ChunkHeader(k, n, len(ciphertext))
    shards = tuple(codec(k, n).encode(ciphertext, parity))
    roots = tuple(merkle.data_root(shard) for shard in shards)
    return EncodedChunk(chunk_id(header, merkle.root(roots)), header, shards, roots)


def check_shard(
    chunk: ChunkId, proof: ShardProof, shard: bytes | bytearray | memoryview
) -> None:
    """Raise ChunkMismatchError unless `shard` is what `chunk` has at its index."""
    if len(shard) != proof.header.shard_bytes:
        raise ChunkMismatchError("the shard has another length than its chunk says")
    if proof.chunk_of(merkle.data_root(shard)) != chunk:
        raise ChunkMismatchError("the shard does not belong to its chunk")
