"""Chunks that are no codewords: each shard is committed to, together they lie."""

from holdfast.protocol import merkle
from holdfast.protocol.chunk import EncodedChunk, chunk_id, encode_chunk


def malformed_chunk(plain: bytes, k: int, n: int) -> EncodedChunk:
    """Return a chunk whose last shard is not what the others make."""
    good = encode_chunk(plain, k, n)
    wrong = memoryview(bytes(byte ^ 0x55 for byte in good.shards[-1]))
    shards = (*good.shards[:-1], wrong)
    roots = tuple(merkle.data_root(shard) for shard in shards)
    name = chunk_id(good.header, merkle.root(roots))
    return EncodedChunk(name, good.header, shards, roots)
