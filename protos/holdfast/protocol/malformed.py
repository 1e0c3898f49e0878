"""Proof that an uploader cheated: k true shards of a chunk that do not make it.

Shards that are proved into one ChunkId, and whose code word has another, can never
have been a chunk: nobody can rebuild a shard of it, so nobody is to blame for that.
"""

from typing import Final

from holdfast.protocol import merkle
from holdfast.protocol.chunk import (
    SHARD_PROOF,
    ChunkMismatchError,
    ShardProof,
    check_shard,
    chunk_id,
)
from holdfast.protocol.codecs import codec
from holdfast.protocol.encoding import BYTES32, Format, sequence, variable
from holdfast.protocol.frozen import frozen
from holdfast.protocol.units import CHUNK_BYTES_MAX, HOLDERS_MAX, ChunkId, DealId


@frozen
class ProvenShard:
    """A whole shard of a chunk, with its proof."""

    proof: ShardProof
    body: bytes


PROVEN_SHARD: Final = Format(
    ProvenShard,
    kind=117,
    version=1,
    proof=SHARD_PROOF.bare(),
    body=variable(CHUNK_BYTES_MAX),
)


@frozen
class MalformedChunk:
    """k shards of one chunk of a deal, in order of their index."""

    deal: DealId
    chunk: ChunkId
    shards: tuple[ProvenShard, ...]


MALFORMED_CHUNK: Final = Format(
    MalformedChunk,
    kind=115,
    version=1,
    deal=BYTES32,
    chunk=BYTES32,
    shards=sequence(PROVEN_SHARD.bare(), HOLDERS_MAX),
)


def check_malformed(shown: MalformedChunk) -> None:
    """Raise ChunkMismatchError unless the chunk is proved malformed.

    It hashes and rebuilds all of a chunk: some 10 ms of one core for 8 MiB.
    """
    if not shown.shards:
        raise ChunkMismatchError("a malformed chunk is shown by its shards")
    header = shown.shards[0].proof.header
    bodies = {shard.proof.index: shard.body for shard in shown.shards}
    same = all(shard.proof.header == header for shard in shown.shards)
    if not same or not len(bodies) == len(shown.shards) == header.k:
        raise ChunkMismatchError("these are not k different shards of one chunk")
    for shard in shown.shards:
        check_shard(shown.chunk, shard.proof, shard.body)
    everyone = codec(header.k, header.n).rebuild(bodies, range(header.n))
    roots = [merkle.data_root(everyone[index]) for index in range(header.n)]
    if chunk_id(header, merkle.root(roots)) == shown.chunk:
        raise ChunkMismatchError("the shards do make their chunk")
