"""What happens to the data of a deal, and what its holder must do about it.

Events that change state were journalled before they are received; the others
only ask. Effects are orders to the shell, in order.
"""

from collections.abc import Mapping

from holdfast.protocol.frozen import frozen
from holdfast.protocol.manifest import ManifestEntry, SignedHead
from holdfast.protocol.receipt import FullReceipt, SignedReceipt
from holdfast.protocol.units import ChunkId, Digest
from holdfast.vault.core.refusals import Refusal

Span = tuple[int, int]
"""(first byte, byte count) in the byte space of a deal's newest full manifest."""


@frozen
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


@frozen
class ShardOffered:
    """Somebody who may write wants to send a shard; `room` is what the vault has."""

    chunk: ChunkId
    shard_bytes: int
    capacity: int
    room: int


@frozen
class ShardStaged:
    """A verified shard is on disk, not yet durable; `length` is its chunk's."""

    chunk: ChunkId
    length: int
    shard_bytes: int
    seconds: float


@frozen
class StagedExpired:
    """Shards that were staged before this second are not kept any longer."""

    before: float


@frozen
class StagedDropped:
    """Staged shards are no longer there."""

    chunks: tuple[ChunkId, ...]


@frozen
class HeadProposed:
    """The owner signed a head; `conflict` are proven heads of one sequence."""

    head: SignedHead
    digest: Digest
    conflict: tuple[Digest, ...] = ()
    conflict_sequence: int = 0


@frozen
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


@frozen
class HeadCountersigned:
    """A head, the change from `base` and the receipt are journalled.

    `settled` are the staged chunks that became durable with it.
    """

    countersigned: Countersigned
    base: Digest
    settled: tuple[ChunkId, ...]


@frozen
class FullReceiptShown:
    """Somebody handed over a verified full receipt.

    `renewed`: it has receipts of more of the present holders than the one kept here.
    """

    digest: Digest
    sequence: int
    renewed: bool = False


@frozen
class HeadAcknowledged:
    """A full receipt is journalled; `missing` places lost chunks in its manifest."""

    full: FullReceipt
    digest: Digest
    missing: Mapping[ChunkId, Span | None]


@frozen
class HeadAdopted:
    """An acknowledged head was journalled that was never proposed here.

    `added` are the chunks that no head had before, with their lengths; their
    shards, and those that were lost before, are `missing`.
    """

    countersigned: Countersigned
    full: FullReceipt
    added: Mapping[ChunkId, int]
    missing: Mapping[ChunkId, Span | None]


@frozen
class AdoptedSigned:
    """All shards of an adopted head are durable, and our receipt is journalled."""

    digest: Digest
    receipt: SignedReceipt


@frozen
class ReceiptRenewed:
    """The newest full receipt is journalled anew, with the present holders'."""

    full: FullReceipt


@frozen
class CheckpointOffered:
    """The newest full head went into a checkpoint."""


@frozen
class CheckpointAnswered:
    """A checkpoint with this head was answered; None: it had no entry of this deal."""

    head: Digest | None


@frozen
class HeadsForgotten:
    """Heads are gone, and the shards that only they had: chunks with their lengths."""

    digests: tuple[Digest, ...]
    chunks: Mapping[ChunkId, int]


@frozen
class ShardsDamaged:
    """Shards are altered or gone; None: their chunk is not in the newest full head."""

    spans: Mapping[ChunkId, Span | None]


@frozen
class ShardsRebuilt:
    """Shards that were missing are durable again."""

    chunks: tuple[ChunkId, ...]


@frozen
class ShardsVoided:
    """Chunks were proved malformed: nobody can have or rebuild a shard of them."""

    spans: Mapping[ChunkId, Span | None]


@frozen
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


@frozen
class Refuse:
    """Answer no, with one plain sentence."""

    kind: Refusal
    reason: str


@frozen
class TakeShard:
    """Verify the shard and stage it."""


@frozen
class HaveShard:
    """Confirm the shard without writing: it is here already."""


@frozen
class HealShard:
    """Verify the shard and put it durably where a lost one was."""


@frozen
class CheckManifest:
    """Make the manifest from base and change, then say what came out."""


@frozen
class GiveReceipt:
    """Answer with the receipt that was given before."""

    receipt: SignedReceipt


@frozen
class ShowNewer:
    """Answer with the newest countersigned head and the newest full receipt."""

    newer: Countersigned
    full: FullReceipt | None


@frozen
class AskShards:
    """Answer which chunks' shards must be sent first."""

    chunks: tuple[ChunkId, ...]


@frozen
class Countersign:
    """Make staged shards durable, sign the receipt, journal, then answer."""

    settle: tuple[ChunkId, ...]


@frozen
class KeepFullReceipt:
    """Journal the full receipt and promote its head."""


@frozen
class RenewFullReceipt:
    """Journal the full receipt in place of the one kept, for the same head."""


@frozen
class ForgetHeads:
    """Journal that heads are gone, then delete shards nothing else needs."""

    digests: tuple[Digest, ...]


@frozen
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
