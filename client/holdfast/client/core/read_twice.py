"""Reading what holders pass off as a chunk: whether it can be understood, tells.

The seal makes hashing every shard needless as long as nobody lies.
"""

from collections.abc import Callable
from typing import TypeVar

from holdfast.client.core.errors import BlobMissingError
from holdfast.client.core.ports import ChunkReader
from holdfast.protocol.errors import ProtocolError
from holdfast.protocol.units import ChunkId

T = TypeVar("T")


def read_twice(
    chunks: ChunkReader, chunk: ChunkId, understand: Callable[[bytes | memoryview], T]
) -> T:
    """Return what `understand` makes of a chunk, read again with checks if it raises.

    `understand` must raise a ProtocolError, or BlobMissingError, on anything but the
    chunk itself. Raises ChunkUnavailableError, or what it raises at last.
    """
    try:
        return understand(chunks.read(chunk))
    except (ProtocolError, BlobMissingError):
        return understand(chunks.reread(chunk))
