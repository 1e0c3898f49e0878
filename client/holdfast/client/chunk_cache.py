"""Sealed chunks of the newest state on the owner's disk: the list of snapshots.

They make the next command quick, and let it read what some deals still serve when
the deal with the state itself cannot be read. Everything in them is sealed.
"""

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from holdfast.client.core.ports import ChunkReader
from holdfast.client.durable_file import write_durably
from holdfast.protocol.units import ChunkId


class CachedChunks:
    """A ChunkReader that keeps what is read while `keeping`; disk errors are none."""

    def __init__(self, chunks: ChunkReader, folder: Path) -> None:
        self._chunks = chunks
        self._folder = folder
        self._kept: set[str] | None = None

    @contextlib.contextmanager
    def keeping(self) -> Iterator[None]:
        """Keep exactly the chunks that are read from here to the end."""
        self._kept = set()
        try:
            yield
            self._delete_others(self._kept)
        finally:
            self._kept = None

    def read(self, chunk: ChunkId) -> bytes | memoryview:
        """Return a chunk from the disk, or else from the network."""
        path = self._folder / chunk.hex()
        if self._kept is None:
            return self._chunks.read(chunk)
        self._kept.add(path.name)
        with contextlib.suppress(OSError):
            return path.read_bytes()
        return self._keep(path, self._chunks.read(chunk))

    def reread(self, chunk: ChunkId) -> bytes | memoryview:
        """Return a chunk from the network, verified; our own disk may lie as well."""
        data = self._chunks.reread(chunk)
        if self._kept is None:
            return data
        self._kept.add(chunk.hex())
        return self._keep(self._folder / chunk.hex(), data)

    def _keep(self, path: Path, data: bytes | memoryview) -> bytes | memoryview:
        with contextlib.suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            write_durably(path, bytes(data))
        return data

    def prefetch(self, chunks: Sequence[ChunkId]) -> None:
        """Pass the hint on, but for what is here."""
        if self._kept is not None:
            chunks = [c for c in chunks if not (self._folder / c.hex()).exists()]
        self._chunks.prefetch(chunks)

    def clear(self) -> None:
        """Delete everything: it turned out to be damaged."""
        self._delete_others(set())

    def _delete_others(self, names: set[str]) -> None:
        with contextlib.suppress(OSError):
            for path in self._folder.iterdir():
                if path.name not in names:
                    path.unlink()
