"""What one vault holds of one deal, as data: the state of its machine.

Heads go from pending (countersigned) to trunk (acknowledged); shards from staged
to durable, and to missing when they are found damaged.
"""

from dataclasses import dataclass, field
from enum import Enum

from holdfast.protocol.checkpoint import Entry
from holdfast.protocol.chunk import ChunkHeader
from holdfast.protocol.frozen import frozen
from holdfast.protocol.manifest import NO_HEAD
from holdfast.protocol.receipt import FullReceipt
from holdfast.protocol.sums import EMPTY_ROOT
from holdfast.protocol.units import ChunkId, DealId, Digest
from holdfast.vault.core.holding_events import Countersigned, Span
from holdfast.vault.core.missing_spans import merged


class Phase(Enum):
    """How far the newest head of a deal has come."""

    EMPTY = "no head was countersigned"
    PENDING = "the newest countersigned head has no full receipt"
    ACKNOWLEDGED = "the newest countersigned head has its full receipt"
    COLLECTED = "the deal is over and deleted"


@frozen
class StagedShard:
    """A shard on disk that no head covers yet; `length` is its chunk's."""

    length: int
    shard_bytes: int
    seconds: float


@frozen
class PendingHead:
    """A countersigned head without a full receipt, and what it is a change of."""

    countersigned: Countersigned
    base: Digest


@dataclass
class DealHolding:
    """One k-of-n deal's heads and shards; journal and disk restore them.

    `trunk` are acknowledged heads by age, the newest full one last; `pending`
    those countersigned since. `offered` went into checkpoints that may still be
    audited, from the newest answered one on. `let_go`: the newest answered
    checkpoint was without this deal. A lost shard's span is None while its chunk is
    not in the newest full manifest. `void` chunks were malformed uploads: they are
    lost, too, and for good. `changed` is where the deal enters itself whenever it
    hears of anything.
    """

    deal: DealId
    index: int
    k: int
    n: int
    phase: Phase = Phase.EMPTY
    newest: Countersigned | None = None
    pending: dict[Digest, PendingHead] = field(default_factory=dict)
    trunk: dict[Digest, Countersigned] = field(default_factory=dict)
    full: FullReceipt | None = None
    full_digest: Digest = NO_HEAD
    offered: set[Digest] = field(default_factory=set)
    let_go: bool = False
    staged: dict[ChunkId, StagedShard] = field(default_factory=dict)
    missing: dict[ChunkId, Span | None] = field(default_factory=dict)
    void: set[ChunkId] = field(default_factory=set)
    staged_bytes: int = 0
    durable_bytes: int = 0
    durable_shards: int = 0
    changed: set[DealId] = field(default_factory=set, compare=False, repr=False)

    def shard_bytes(self, length: int) -> int:
        """Return the bytes of this deal's shards of a chunk of `length` bytes."""
        return ChunkHeader(self.k, self.n, length).shard_bytes

    def stage(self, chunk: ChunkId, shard: StagedShard) -> None:
        """Count a shard among the staged ones, once."""
        self.unstage(chunk)
        self.staged[chunk] = shard
        self.staged_bytes += shard.shard_bytes

    def unstage(self, chunk: ChunkId) -> int:
        """Count a shard no longer among the staged ones; return its bytes."""
        shard = self.staged.pop(chunk, None)
        bytes_gone = shard.shard_bytes if shard else 0
        self.staged_bytes -= bytes_gone
        return bytes_gone

    def entry(self) -> Entry:
        """Return the deal's checkpoint entry under its newest full head."""
        if self.full is None:
            root = Digest(EMPTY_ROOT.hash)
            return Entry(self.deal, self.index, NO_HEAD, 0, root, 0, 0)
        head = self.full.head.value
        spans = merged(span for span in self.missing.values() if span is not None)
        return Entry(
            self.deal,
            self.index,
            self.full_digest,
            head.sequence,
            head.root,
            head.count,
            head.held_bytes,
            spans,
        )

    def head(self, digest: Digest) -> Countersigned | None:
        """Return a retained head by its digest."""
        if pending := self.pending.get(digest):
            return pending.countersigned
        return self.trunk.get(digest)
