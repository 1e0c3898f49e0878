"""What happens to the data of a deal, and what its holder must do about it.

Events that change state were journalled before they are received; the others
only ask. Effects are orders to the shell, in order.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from holdfast.protocol.manifest import ManifestEntry, SignedHead
from holdfast.protocol.receipt import FullReceipt, SignedReceipt
from holdfast.protocol.units import ChunkId, Digest
from holdfast.vault.core.refusals import Refusal

Span = tuple[int, int]
"""(first byte, byte count) in the byte space of a deal's newest full manifest."""


@dataclass(frozen=True, slots=True)
class Countersigned:
    """A head with this holder's receipt for it."""

    head: SignedHead
    digest: Digest
    receipt: SignedReceipt

    @property
    def sequence(self) -> int:
        """The head's sequence."""
        return self.head.value.sequence


# Events


@dataclass(frozen=True, slots=True)
class ShardOffered:
    """Somebody who may write wants to send a shard; `room` is what the vault has."""

    chunk: ChunkId
    shard_bytes: int
    capacity: int
    room: int


@dataclass(frozen=True, slots=True)
class ShardStaged:
    """A verified shard is on disk, not yet durable; `length` is its chunk's."""

    chunk: ChunkId
    length: int
    shard_bytes: int
    seconds: float


@dataclass(frozen=True, slots=True)
class StagedExpired:
    """Shards that were staged before this second are not kept any longer."""

    before: float


@dataclass(frozen=True, slots=True)
class StagedDropped:
    """Staged shards are no longer there."""

    chunks: tuple[ChunkId, ...]


@dataclass(frozen=True, slots=True)
class HeadProposed:
    """The owner signed a head; `conflict` are proven heads of one sequence."""

    head: SignedHead
    digest: Digest
    conflict: tuple[Digest, ...] = ()
    conflict_sequence: int = 0


@dataclass(frozen=True, slots=True)
class ManifestChecked:
    """What a proposed change makes of its base.

    `added` are the entries that the base has not; `durable` says the chunk
    lengths of those whose shards are held already.
    """

    head: SignedHead
    root: Digest
    count: int
    held_bytes: int
    capacity: int
    added: tuple[ManifestEntry, ...]
    durable: Mapping[ChunkId, int]


@dataclass(frozen=True, slots=True)
class HeadCountersigned:
    """A head, the change from `base` and the receipt are journalled.

    `settled` are the staged chunks that became durable with it.
    """

    countersigned: Countersigned
    base: Digest
    settled: tuple[ChunkId, ...]


@dataclass(frozen=True, slots=True)
class FullReceiptShown:
    """Somebody handed over a verified full receipt.

    `renewed`: it has receipts of more of the present holders than the one kept here.
    """

    digest: Digest
    sequence: int
    renewed: bool = False


@dataclass(frozen=True, slots=True)
class HeadAcknowledged:
    """A full receipt is journalled; `missing` places lost chunks in its manifest."""

    full: FullReceipt
    digest: Digest
    missing: Mapping[ChunkId, Span | None]


@dataclass(frozen=True, slots=True)
class HeadAdopted:
    """An acknowledged head was journalled that was never proposed here.

    `added` are the chunks that no head had before, with their lengths; their
    shards, and those that were lost before, are `missing`.
    """

    countersigned: Countersigned
    full: FullReceipt
    added: Mapping[ChunkId, int]
    missing: Mapping[ChunkId, Span | None]


@dataclass(frozen=True, slots=True)
class AdoptedSigned:
    """All shards of an adopted head are durable, and our receipt is journalled."""

    digest: Digest
    receipt: SignedReceipt


@dataclass(frozen=True, slots=True)
class ReceiptRenewed:
    """The newest full receipt is journalled anew, with the present holders'."""

    full: FullReceipt


@dataclass(frozen=True, slots=True)
class CheckpointOffered:
    """The newest full head went into a checkpoint."""


@dataclass(frozen=True, slots=True)
class CheckpointAnswered:
    """A checkpoint with this head was answered; None: it had no entry of this deal."""

    head: Digest | None


@dataclass(frozen=True, slots=True)
class HeadsForgotten:
    """Heads are gone, and the shards that only they had: chunks with their lengths."""

    digests: tuple[Digest, ...]
    chunks: Mapping[ChunkId, int]


@dataclass(frozen=True, slots=True)
class ShardsDamaged:
    """Shards are altered or gone; None: their chunk is not in the newest full head."""

    spans: Mapping[ChunkId, Span | None]


@dataclass(frozen=True, slots=True)
class ShardsRebuilt:
    """Shards that were missing are durable again."""

    chunks: tuple[ChunkId, ...]


@dataclass(frozen=True, slots=True)
class ShardsVoided:
    """Chunks were proved malformed: nobody can have or rebuild a shard of them."""

    spans: Mapping[ChunkId, Span | None]


@dataclass(frozen=True, slots=True)
class DealCollected:
    """The deal is over and everything of it was deleted."""


Question = (
    ShardOffered | StagedExpired | HeadProposed | ManifestChecked | FullReceiptShown
)
ShardFact = ShardStaged | StagedDropped | ShardsDamaged | ShardsRebuilt | ShardsVoided
HeadFact = (
    HeadCountersigned
    | HeadAcknowledged
    | HeadAdopted
    | AdoptedSigned
    | ReceiptRenewed
    | CheckpointAnswered
    | HeadsForgotten
    | DealCollected
)
Event = Question | ShardFact | HeadFact | CheckpointOffered


# Effects


@dataclass(frozen=True, slots=True)
class Refuse:
    """Answer no, with one plain sentence."""

    kind: Refusal
    reason: str


@dataclass(frozen=True, slots=True)
class TakeShard:
    """Verify the shard and stage it."""


@dataclass(frozen=True, slots=True)
class HaveShard:
    """Confirm the shard without writing: it is here already."""


@dataclass(frozen=True, slots=True)
class HealShard:
    """Verify the shard and put it durably where a lost one was."""


@dataclass(frozen=True, slots=True)
class CheckManifest:
    """Make the manifest from base and change, then say what came out."""


@dataclass(frozen=True, slots=True)
class GiveReceipt:
    """Answer with the receipt that was given before."""

    receipt: SignedReceipt


@dataclass(frozen=True, slots=True)
class ShowNewer:
    """Answer with the newest countersigned head and the newest full receipt."""

    newer: Countersigned
    full: FullReceipt | None


@dataclass(frozen=True, slots=True)
class AskShards:
    """Answer which chunks' shards must be sent first."""

    chunks: tuple[ChunkId, ...]


@dataclass(frozen=True, slots=True)
class Countersign:
    """Make staged shards durable, sign the receipt, journal, then answer."""

    settle: tuple[ChunkId, ...]


@dataclass(frozen=True, slots=True)
class KeepFullReceipt:
    """Journal the full receipt and promote its head."""


@dataclass(frozen=True, slots=True)
class RenewFullReceipt:
    """Journal the full receipt in place of the one kept, for the same head."""


@dataclass(frozen=True, slots=True)
class ForgetHeads:
    """Journal that heads are gone, then delete shards nothing else needs."""

    digests: tuple[Digest, ...]


@dataclass(frozen=True, slots=True)
class DropStaged:
    """Delete staged shards."""

    chunks: tuple[ChunkId, ...]


Effect = (
    Refuse
    | TakeShard
    | HaveShard
    | HealShard
    | CheckManifest
    | GiveReceipt
    | ShowNewer
    | AskShards
    | Countersign
    | KeepFullReceipt
    | RenewFullReceipt
    | ForgetHeads
    | DropStaged
)
