"""Shards on disk: one file each, that says by itself what it is.

A file is a header (magic, version, chunk id, proof) and the shard. Staged shards
are whole but perhaps not durable; settling fsyncs them, renames them into place
and fsyncs the directories. A name ending in ".part" is never a shard. Everything
here blocks; it runs in worker threads.
"""

import errno
import itertools
import struct
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from holdfast.protocol import merkle
from holdfast.protocol.chunk import SHARD_PROOF, ChunkMismatchError, ShardProof
from holdfast.protocol.errors import ProtocolError
from holdfast.protocol.frozen import frozen
from holdfast.protocol.units import LEAF_BYTES, ChunkId, DealId
from holdfast.vault.disk import Buffer, Disk

HEADER_BYTES: Final = 512
_HEADER: Final = struct.Struct(">4sB32sH")
_MAGIC: Final = b"HFsh"
_VERSION: Final = 1
_STAGED: Final = "staged"
_PART: Final = ".part"
_OUR_OWN_SHORTAGE: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM})


class ShardDamagedError(ChunkMismatchError):
    """A shard's file is gone, or does not hold what its chunk says."""


@frozen
class StoredShard:
    """A shard read and verified: its proof, leaf hashes and bytes."""

    chunk: ChunkId
    proof: ShardProof
    hashes: list[bytes]
    body: memoryview


def verified_hashes(
    chunk: ChunkId, proof: ShardProof, parts: Sequence[Buffer]
) -> list[bytes]:
    """Return the leaf hashes of a shard given in parts, or raise ChunkMismatchError."""
    if sum(len(part) for part in parts) != proof.header.shard_bytes:
        raise ChunkMismatchError("the shard has another length than its chunk says")
    if any(len(part) % LEAF_BYTES for part in parts[:-1]):
        parts = [b"".join(parts)]
    hashes = [leaf for part in parts for leaf in merkle.leaf_hashes(part)]
    if proof.chunk_of(merkle.root(hashes)) != chunk:
        raise ChunkMismatchError("the shard does not belong to its chunk")
    return hashes


class ShardFiles:
    """The files of all deals under one directory."""

    def __init__(self, root: Path, disk: Disk) -> None:
        self._root = str(root)
        self._disk = disk
        self._parts = itertools.count()
        self._durable_directories: set[str] = set()
        disk.make_directory(self._root)
        disk.sync_directory(self._root.rpartition("/")[0] or ".")

    def stage(
        self, deal: DealId, chunk: ChunkId, proof: ShardProof, parts: Sequence[Buffer]
    ) -> None:
        """Write a verified shard beside the durable ones; a crash may still lose it."""
        directory = self._staged_directory(deal)
        self._disk.make_directory(directory)
        self._write(f"{directory}/{chunk.hex()}", chunk, proof, parts)

    def settle(self, deal: DealId, chunks: Iterable[ChunkId]) -> None:
        """Make staged shards durable, all of them or raise; repeating is harmless."""
        staged = self._staged_directory(deal)
        moves = [(f"{staged}/{c.hex()}", self._path(deal, c)) for c in chunks]
        waiting = [(old, new) for old, new in moves if self._disk.exists(old)]
        for old, _ in waiting:
            self._disk.sync_file(old)
        directories = {new.rpartition("/")[0] for _, new in moves}
        for directory in directories:
            self._make_durable_directory(directory)
        for old, new in waiting:
            self._disk.rename(old, new)
        for directory in sorted(directories):
            self._disk.sync_directory(directory)

    def keep(
        self, deal: DealId, shards: Sequence[tuple[ChunkId, ShardProof, Buffer]]
    ) -> None:
        """Write shards durably in their places, over what may be there."""
        for chunk, proof, body in shards:
            self.stage(deal, chunk, proof, (body,))
        self.settle(deal, [chunk for chunk, _, _ in shards])

    def has(self, deal: DealId, chunk: ChunkId) -> bool:
        """Tell whether a shard's file is in its final place."""
        return self._disk.exists(self._path(deal, chunk))

    def read(self, deal: DealId, chunk: ChunkId, index: int) -> StoredShard:
        """Return a durable shard, verified whole, or raise ShardDamagedError."""
        return self._read(self._path(deal, chunk), chunk, index)

    def read_staged(self, deal: DealId, chunk: ChunkId) -> StoredShard:
        """Return a staged shard of any index, verified, or raise ShardDamagedError."""
        path = f"{self._staged_directory(deal)}/{chunk.hex()}"
        return self._read(path, chunk, None)

    def delete(self, deal: DealId, chunks: Iterable[ChunkId]) -> None:
        """Delete durable shards; those already gone are fine."""
        for chunk in chunks:
            self._disk.remove(self._path(deal, chunk))

    def drop_staged(self, deal: DealId, chunks: Iterable[ChunkId]) -> None:
        """Delete staged shards; those already gone are fine."""
        for chunk in chunks:
            self._disk.remove(f"{self._staged_directory(deal)}/{chunk.hex()}")

    def delete_deal(self, deal: DealId) -> None:
        """Delete everything of a deal."""
        directory = self._deal_directory(deal)
        for name in self._disk.list_directory(directory):
            self._disk.remove_tree(f"{directory}/{name}")
        self._disk.remove_tree(directory)
        self._durable_directories = {
            kept for kept in self._durable_directories if not kept.startswith(directory)
        }

    def deals(self) -> list[DealId]:
        """Return the deals that have a directory."""
        found = (_parse(name) for name in self._disk.list_directory(self._root))
        return [DealId(deal) for deal in found if deal]

    def durable(self, deal: DealId) -> set[ChunkId]:
        """Return the chunks whose files are in place, by their names alone."""
        directory = self._deal_directory(deal)
        found = set()
        for first in self._disk.list_directory(directory):
            if len(first) == 2:
                for name in self._disk.list_directory(f"{directory}/{first}"):
                    found.add(_parse(name))
        return {ChunkId(chunk) for chunk in found if chunk}

    def staged(self, deal: DealId) -> dict[ChunkId, float]:
        """Return the staged chunks and when each was written, in seconds."""
        directory = self._staged_directory(deal)
        found = {}
        for name in self._disk.list_directory(directory):
            if chunk := _parse(name):
                found[ChunkId(chunk)] = self._disk.written(f"{directory}/{name}")
        return found

    def clear_parts(self, deal: DealId) -> None:
        """Delete what interrupted writes left behind."""
        directory = self._staged_directory(deal)
        for name in self._disk.list_directory(directory):
            if name.endswith(_PART):
                self._disk.remove(f"{directory}/{name}")

    def unsettle(self, deal: DealId, chunk: ChunkId) -> None:
        """Move a file that no head covers back among the staged ones."""
        directory = self._staged_directory(deal)
        self._disk.make_directory(directory)
        self._disk.rename(self._path(deal, chunk), f"{directory}/{chunk.hex()}")

    def free_bytes(self) -> int:
        """Return the room on the disk."""
        return self._disk.free_bytes(self._root)

    def _write(
        self, path: str, chunk: ChunkId, proof: ShardProof, parts: Sequence[Buffer]
    ) -> None:
        encoded = SHARD_PROOF.encode(proof)
        head = _HEADER.pack(_MAGIC, _VERSION, chunk, len(encoded)) + encoded
        part = f"{path}.{next(self._parts)}{_PART}"
        try:
            self._disk.write_file(part, (head.ljust(HEADER_BYTES, b"\0"), *parts))
            self._disk.rename(part, path)
        except OSError:
            self._disk.remove(part)
            raise

    def _read(self, path: str, chunk: ChunkId, index: int | None) -> StoredShard:
        try:
            view = memoryview(self._disk.read_file(path))
            magic, version, name, size = _HEADER.unpack_from(view)
            if (magic, version, name) != (_MAGIC, _VERSION, chunk):
                raise ShardDamagedError("the file is no shard of this chunk")
            encoded = view[_HEADER.size : min(_HEADER.size + size, HEADER_BYTES)]
            proof = SHARD_PROOF.decode(bytes(encoded))
            if index not in {None, proof.index}:
                raise ShardDamagedError("the file is another holder's shard")
            body = view[HEADER_BYTES:]
            hashes = verified_hashes(chunk, proof, (body,))
        except (OSError, struct.error, ProtocolError) as error:
            if isinstance(error, OSError) and error.errno in _OUR_OWN_SHORTAGE:
                raise
            raise ShardDamagedError("a shard is damaged or gone") from error
        return StoredShard(chunk, proof, hashes, body)

    def _make_durable_directory(self, directory: str) -> None:
        """Make a directory whose name, too, survives a crash."""
        if directory in self._durable_directories or len(directory) <= len(self._root):
            return
        parent = directory.rpartition("/")[0]
        self._make_durable_directory(parent)
        self._disk.make_directory(directory)
        self._disk.sync_directory(parent)
        self._durable_directories.add(directory)

    def _deal_directory(self, deal: DealId) -> str:
        return f"{self._root}/{deal.hex()}"

    def _staged_directory(self, deal: DealId) -> str:
        return f"{self._root}/{deal.hex()}/{_STAGED}"

    def _path(self, deal: DealId, chunk: ChunkId) -> str:
        name = chunk.hex()
        return f"{self._root}/{deal.hex()}/{name[:2]}/{name}"


def _parse(name: str) -> bytes | None:
    try:
        found = bytes.fromhex(name)
    except ValueError:
        return None
    return found if len(found) == 32 and found.hex() == name else None
