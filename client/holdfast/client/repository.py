"""The repository: everything an owner stored, seen through one root.

A command makes an `Update`; `commit` writes it as the next generation and returns
the memo that a head must carry. Until that head is acknowledged nothing has
changed; if another machine's head came first, the update is committed again on the
repository loaded from that one.
"""

import io
import os
from collections.abc import Callable, Iterable, Iterator

from holdfast.client.blob_reader import BlobReader
from holdfast.client.blob_writer import BlobWriter
from holdfast.client.core.errors import PathUnknownError
from holdfast.client.core.index import Index, PackRecord
from holdfast.client.core.memo import (
    MEMO_NONCE_BYTES,
    MemoReference,
    seal_memo,
    unseal_memo,
)
from holdfast.client.core.objects import ObjectPage, update_objects
from holdfast.client.core.owner_keys import OwnerKeys
from holdfast.client.core.ports import ChunkReader, ChunkWriter
from holdfast.client.core.root import (
    Root,
    RootChange,
    change_root,
    check_base,
    decode_root,
    encode_root,
    join_changes,
)
from holdfast.client.core.selection import EVERYTHING, Selection
from holdfast.client.core.snapshot import NamedSnapshot, Snapshot
from holdfast.client.core.snapshot_choice import (
    EVERY_SNAPSHOT,
    SnapshotFilter,
    find_snapshot,
)
from holdfast.client.core.tree import Node, NodeKind
from holdfast.client.core.walk import OnLoss, find_node, raise_loss, walk
from holdfast.client.state import (
    EMPTY_STATE,
    State,
    load_state,
    plan_segments,
    write_root,
    write_segments,
)
from holdfast.client.stoppable_chunks import StoppableChunks
from holdfast.client.stored_file import open_stored
from holdfast.protocol.frozen import frozen
from holdfast.protocol.units import ChunkId


@frozen
class Update:
    """What a command did so far: a change of the root, and the packs it uploaded.

    `dropped` are the chunks that only a prune lets go.
    """

    change: RootChange
    packs: tuple[PackRecord, ...] = ()
    dropped: frozenset[ChunkId] = frozenset()


@frozen
class Commit:
    """A written generation: its memo, and what the generation before needed alone.

    `obsolete` chunks may leave the manifests in the head that carries the memo, or
    in a later one; never in an earlier one.
    """

    memo: bytes
    repository: "Repository"
    obsolete: frozenset[ChunkId]


class Repository:
    """One generation of an owner's repository, to be used by one thread at a time.

    What reads raises ChunkUnavailableError and ProtocolError; what writes raises
    what the ChunkWriter raises.
    """

    def __init__(
        self, keys: OwnerKeys, chunks: ChunkReader, state: State, index: Index
    ) -> None:
        self.keys = keys
        self.index = index
        self._chunks = chunks
        self._stoppable = StoppableChunks(chunks)
        self.reader = BlobReader(keys, index, self._stoppable)
        self._state = state

    @classmethod
    def load(
        cls, keys: OwnerKeys, chunks: ChunkReader, memo: bytes | None
    ) -> "Repository":
        """Read the repository that a head's memo refers to; without one, an empty one.

        Raises SealBrokenError for a memo of another owner.
        """
        state = EMPTY_STATE
        if memo is not None:
            state = load_state(keys, unseal_memo(keys.memo, memo), chunks)
        index = Index(record for packs in state.listed for record in packs)
        return cls(keys, chunks, state, index)

    @property
    def root(self) -> Root:
        """The root of this generation."""
        return self._state.root

    @property
    def snapshots(self) -> tuple[NamedSnapshot, ...]:
        """All snapshots, oldest first."""
        return self.root.snapshots

    def snapshot(
        self, name: str, among: SnapshotFilter = EVERY_SNAPSHOT
    ) -> NamedSnapshot:
        """Return the one whose id starts so, or the latest `among` some, by "latest".

        Raises SnapshotUnknownError.
        """
        return find_snapshot(self.snapshots, name, among)

    def needed_chunks(self) -> frozenset[ChunkId]:
        """Return every chunk that this generation needs; all others are garbage."""
        return self._state.chunks | {record.chunk for record in self.index.packs}

    def adopt(self, packs: Iterable[PackRecord]) -> None:
        """Take in packs uploaded by a command that did not finish.

        The caller vouches that their chunks are held; their blobs are not sent again.
        """
        self.index.add(packs)

    def stop(self) -> None:
        """End what reads through this repository, in whatever thread it runs.

        Its next read of a chunk raises ReadingStoppedError.
        """
        self._stoppable.stop()

    def fork(self) -> "Repository":
        """Return the same generation with an index of its own, for trying things."""
        index = Index(self.index.packs)
        return Repository(self.keys, self._chunks, self._state, index)

    def walk(
        self,
        snapshot: Snapshot,
        selection: Selection = EVERYTHING,
        on_loss: OnLoss = raise_loss,
    ) -> Iterator[tuple[bytes, Node]]:
        """Yield (absolute path, node) of a snapshot, directories before their files."""
        return walk(snapshot.tree, self.reader.load, selection, on_loss)

    def node(self, snapshot: Snapshot, path: bytes) -> Node:
        """Return the node at an absolute path, or raise PathUnknownError."""
        return find_node(snapshot.tree, path, self.reader.load)

    def open_file(self, snapshot: Snapshot, path: bytes) -> io.BufferedReader:
        """Open a snapshot's file to read and seek; PathUnknownError if it is none."""
        node = self.node(snapshot, path)
        if node.kind is not NodeKind.FILE:
            raise PathUnknownError(f"{os.fsdecode(path)} is not a file")
        return open_stored(self.reader, node.content)

    def commit(
        self,
        update: Update,
        writer: ChunkWriter,
        entropy: Callable[[int], bytes] = os.urandom,
    ) -> Commit:
        """Write the next generation with `update` made.

        Raises HistoryConflictError if the update cannot be made on this generation
        any more: chunks it relies on may be gone, and the command must run again.
        """
        check_base(self.root, update.change)
        index = self.index.without(update.dropped) if update.dropped else self.index
        index.add(update.packs)
        with BlobWriter(self.keys, index, writer) as blobs:
            objects = self._objects(update.change, blobs)
            plan = plan_segments(self._state, index)
            segments = write_segments(plan, self.keys, blobs)
            root = change_root(self.root, update.change, segments.references, objects)
            encoded = encode_root(root)
            chunk, blob = write_root(encoded, segments.beside, self.keys, blobs)
        state = State(decode_root(encoded, chunk), chunk, segments.listed)
        reference = MemoReference(root.generation, chunk, blob)
        return Commit(
            memo=seal_memo(self.keys.memo, entropy(MEMO_NONCE_BYTES), reference),
            repository=Repository(self.keys, self._chunks, state, index),
            obsolete=(self._state.chunks - state.chunks) | update.dropped,
        )

    def _objects(self, change: RootChange, blobs: BlobWriter) -> tuple[ObjectPage, ...]:
        if not change.objects:
            return self.root.objects
        pages = update_objects(
            self.root.objects, change.objects, self.reader.load, blobs.add_tree
        )
        blobs.finish()
        return pages


def join(*updates: Update) -> Update:
    """Return several updates of one generation as one; the later wins."""
    return Update(
        join_changes([update.change for update in updates]),
        tuple(pack for update in updates for pack in update.packs),
        frozenset().union(*(update.dropped for update in updates)),
    )
