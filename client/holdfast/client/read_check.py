"""Reading stored data back, or a part of it: fetched, unsealed, every blob hashed."""

from collections.abc import Callable, Sequence

from holdfast.client.core.errors import (
    BlobDamagedError,
    BlobMissingError,
    ChunkUnavailableError,
)
from holdfast.client.core.index import Location
from holdfast.client.repository import Repository
from holdfast.protocol.errors import ProtocolError
from holdfast.protocol.frozen import frozen
from holdfast.protocol.units import ChunkId

_AHEAD_CHUNKS = 16
_SHOWN_MAX = 1000


@frozen
class BadChunk:
    """A chunk that cannot be read now, or is `damaged`: not what was stored."""

    chunk: ChunkId
    reason: str
    damaged: bool


@frozen
class ReadCheck:
    """What was read of all; bytes are of ciphertext. At most 1,000 bad are kept."""

    chunks: int
    chunks_total: int
    bytes_read: int
    bad: tuple[BadChunk, ...]


OnRead = Callable[[int, int], None]
"""Hears of (bytes read, bytes to read)."""


def check_data(
    repository: Repository,
    chunks: Sequence[ChunkId],
    lengths: dict[ChunkId, int],
    tell: OnRead,
) -> ReadCheck:
    """Read these chunks from their holders and verify everything in them."""
    todo = sum(lengths[chunk] for chunk in chunks)
    done = 0
    bad: list[BadChunk] = []
    for place, chunk in enumerate(chunks):
        repository.reader.prefetch(chunks[place : place + _AHEAD_CHUNKS])
        try:
            _verify(repository, chunk)
        except ChunkUnavailableError as error:
            bad.append(BadChunk(chunk, error.reason, damaged=False))
        except (BlobMissingError, ProtocolError) as error:
            bad.append(BadChunk(chunk, str(error), damaged=True))
        done += lengths[chunk]
        tell(done, todo)
    return ReadCheck(len(chunks), len(lengths), done, tuple(bad[:_SHOWN_MAX]))


def _verify(repository: Repository, chunk: ChunkId) -> None:
    reader = repository.reader
    blobs = reader.pack(chunk).table.blobs()
    for row, (blob, length) in enumerate(blobs):
        data = reader.view(blob, Location(chunk, row, length))
        if len(data) != length:
            raise BlobDamagedError(f"blob {blob.hex()[:16]} has another length")
