"""Raw frames of the shard streams /holdfast.v1.Shards/Store and …/Fetch.

A frame is one gRPC message: a kind byte, fixed fields, then up to 1 MiB of
shard. Bodies longer than a frame go on in `MORE` frames; how long a body is
follows from the chunk header in the proof. Parsing raises DecodingError.
"""

import struct
from collections.abc import Iterator
from enum import IntEnum
from typing import Final

from holdfast.protocol import merkle
from holdfast.protocol.chunk import SHARD_PROOF, ShardProof
from holdfast.protocol.errors import DecodingError
from holdfast.protocol.frozen import frozen
from holdfast.protocol.units import FRAME_BYTES_MAX, LEAF_BYTES, ChunkId

STORE: Final = "/holdfast.v1.Shards/Store"
FETCH: Final = "/holdfast.v1.Shards/Fetch"
SERVICE: Final = "holdfast.v1.Shards"
TO_THE_END: Final = 0xFFFFFFFF
STAGED_MAX: Final = 16_384

Body = bytes | bytearray | memoryview


class Kind(IntEnum):
    """The first byte of every frame."""

    OPEN = 1  # both streams, caller → vault: authority for all that follows
    OPENED = 2  # Store, vault → caller: the chunks already staged
    SHARD = 3  # both: a shard (or a range of one) begins
    MORE = 4  # both: it goes on
    STORED = 5  # Store, vault → caller: the shard of this chunk is here
    WANT = 6  # Fetch, caller → vault: a range of leaves of one shard
    ABSENT = 7  # Fetch, vault → caller: that shard is not here, or damaged


class Authority(IntEnum):
    """What an OPEN frame shows: who may read or write here."""

    GRANT = 1  # a signed Grant
    HOLDER = 2  # a sibling's request for shards it declared missing
    TAKEOVER = 3  # a candidate's request for what an open slot's holder needs


@frozen
class Opening:
    """The first frame of a stream."""

    authority: Authority
    evidence: bytes


@frozen
class Want:
    """Leaves [first, end) of the shard of one chunk; end may be TO_THE_END."""

    chunk: ChunkId
    first: int
    end: int

    def span(self, shard_bytes: int) -> tuple[int, int]:
        """Return (first byte, byte count) in a shard, or raise DecodingError."""
        leaves = merkle.leaf_count(shard_bytes)
        end = leaves if self.end == TO_THE_END else self.end
        if not 0 <= self.first < end <= leaves:
            raise DecodingError("the wanted leaves are not in the shard")
        start = self.first * LEAF_BYTES
        return start, min(end * LEAF_BYTES, shard_bytes) - start


@frozen
class ShardStart:
    """The head of a shard or of a range of it; `part` is the body's first piece.

    `range_path` proves leaves [first, …) into the shard's root; it is empty for
    a whole shard. `body_bytes` is what all pieces together must have.
    """

    chunk: ChunkId
    proof: ShardProof
    first: int
    range_path: tuple[bytes, ...]
    body_bytes: int
    part: memoryview


_SHARD: Final = struct.Struct(">B32sHIIH")


def opening(authority: Authority, evidence: bytes) -> bytes:
    """Return an OPEN frame."""
    return bytes([Kind.OPEN, authority]) + evidence


def opened(staged: tuple[ChunkId, ...]) -> bytes:
    """Return an OPENED frame with the newest chunks that are staged."""
    return bytes([Kind.OPENED]) + b"".join(staged[-STAGED_MAX:])


def stored(chunk: ChunkId) -> bytes:
    """Return a STORED frame."""
    return bytes([Kind.STORED]) + chunk


def absent(chunk: ChunkId) -> bytes:
    """Return an ABSENT frame."""
    return bytes([Kind.ABSENT]) + chunk


def want(wanted: Want) -> bytes:
    """Return a WANT frame."""
    return struct.pack(">B32sII", Kind.WANT, wanted.chunk, wanted.first, wanted.end)


def shard_frames(
    chunk: ChunkId,
    proof: ShardProof,
    body: Body,
    first: int = 0,
    range_path: tuple[bytes, ...] = (),
    frame_bytes: int = FRAME_BYTES_MAX,
    start_bytes: int = FRAME_BYTES_MAX,
) -> Iterator[bytes]:
    """Yield the frames of a shard, or of a range of it that starts at leaf `first`.

    The first has `start_bytes` of it, each further one twice as many as the one
    before, but none more than `frame_bytes`.
    """
    encoded = SHARD_PROOF.encode(proof)
    start = _SHARD.pack(
        Kind.SHARD, chunk, len(encoded), first, len(body), len(range_path)
    )
    view = memoryview(body)
    size = at = min(start_bytes, frame_bytes)
    parts: tuple[Body, ...] = (start, encoded, *range_path, view[:size])
    yield b"".join(parts)
    while at < len(view):
        size = min(2 * size, frame_bytes)
        yield b"".join((bytes([Kind.MORE]), view[at : at + size]))
        at += size


def kind(frame: bytes) -> Kind:
    """Return a frame's kind."""
    try:
        return Kind(frame[0])
    except (ValueError, IndexError) as error:
        raise DecodingError("a frame of an unknown kind") from error


def read_opening(frame: bytes) -> Opening:
    """Parse an OPEN frame."""
    if len(frame) < 2 or kind(frame) is not Kind.OPEN:
        raise DecodingError("a stream must begin with its authority")
    try:
        return Opening(Authority(frame[1]), frame[2:])
    except ValueError as error:
        raise DecodingError("an unknown kind of authority") from error


def read_opened(frame: bytes) -> frozenset[ChunkId]:
    """Parse an OPENED frame."""
    if kind(frame) is not Kind.OPENED or (len(frame) - 1) % 32:
        raise DecodingError("not an OPENED frame")
    return frozenset(ChunkId(frame[at : at + 32]) for at in range(1, len(frame), 32))


def read_chunk(frame: bytes, expected: Kind) -> ChunkId:
    """Parse a STORED or ABSENT frame."""
    if kind(frame) is not expected or len(frame) != 33:
        raise DecodingError(f"not a {expected.name} frame")
    return ChunkId(frame[1:])


def read_want(frame: bytes) -> Want:
    """Parse a WANT frame."""
    if kind(frame) is not Kind.WANT or len(frame) != 41:
        raise DecodingError("not a WANT frame")
    _, chunk, first, end = struct.unpack(">B32sII", frame)
    return Want(ChunkId(chunk), first, end)


def read_shard(frame: bytes) -> ShardStart:
    """Parse a SHARD frame; its body may go on in MORE frames."""
    if kind(frame) is not Kind.SHARD or len(frame) < _SHARD.size:
        raise DecodingError("not a SHARD frame")
    _, chunk, proof_bytes, first, body_bytes, hashes = _SHARD.unpack_from(frame)
    at = _SHARD.size + proof_bytes
    end = at + 32 * hashes
    part = memoryview(frame)[end:]
    if end > len(frame) or len(part) > min(body_bytes, FRAME_BYTES_MAX):
        raise DecodingError("a SHARD frame contradicts its lengths")
    proof = SHARD_PROOF.decode(frame[_SHARD.size : at])
    if body_bytes > proof.header.shard_bytes:
        raise DecodingError("a body longer than its shard")
    path = tuple(frame[place : place + 32] for place in range(at, end, 32))
    return ShardStart(ChunkId(chunk), proof, first, path, body_bytes, part)


def read_more(frame: bytes, room: int) -> memoryview:
    """Parse a MORE frame of at most `room` bytes."""
    body = memoryview(frame)[1:]
    if kind(frame) is not Kind.MORE or not 0 < len(body) <= min(room, FRAME_BYTES_MAX):
        raise DecodingError("a MORE frame is empty or too long")
    return body
