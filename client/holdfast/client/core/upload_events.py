"""What an upload to one deal is told, and what it orders: events in, effects out.

`now` is seconds of any clock that never goes back. `index` is a holder's.
"""

from holdfast.protocol.deal import Deal
from holdfast.protocol.frozen import frozen
from holdfast.protocol.manifest import ManifestChange, SignedHead
from holdfast.protocol.receipt import FullReceipt, SignedReceipt
from holdfast.protocol.units import ChunkId, Digest


@frozen
class Countersigned:
    """A head with one holder's receipt for it."""

    head: SignedHead
    receipt: SignedReceipt


@frozen
class Proposal:
    """What a holder is asked to countersign; `base` is where `change` starts from."""

    head: SignedHead
    base: Digest
    change: ManifestChange
    conflict: tuple[Countersigned, ...] = ()


# Events.


@frozen
class ChunkAdded:
    """A chunk of `length` ciphertext bytes is ready to be sent to all holders."""

    chunk: ChunkId
    length: int
    now: float


@frozen
class FlushWanted:
    """Everything so far is to be acknowledged, under a head with this memo.

    `removed` are chunks of the deal that the head no longer lists.
    """

    memo: bytes
    removed: frozenset[ChunkId]
    now: float


@frozen
class HolderOpened:
    """A holder takes shards; `staged` it has already."""

    index: int
    staged: frozenset[ChunkId]
    now: float


@frozen
class HolderLost:
    """The stream to a holder broke, or a call failed; it will be tried again."""

    index: int
    reason: str
    now: float


@frozen
class ShardStored:
    """A holder has its shard of a chunk."""

    index: int
    chunk: ChunkId
    now: float


@frozen
class HeldBack:
    """We ourselves keep a holder's shards back, for the limit of our bandwidth."""

    index: int
    now: float


@frozen
class ReceiptCame:
    """A holder countersigned the head it was asked for."""

    index: int
    receipt: SignedReceipt
    now: float


@frozen
class ShardsMissed:
    """A holder cannot countersign yet: it has no shard of these chunks."""

    index: int
    chunks: tuple[ChunkId, ...]
    now: float


@frozen
class NewerHeadShown:
    """A holder countersigned another head of this or a later sequence before."""

    index: int
    newer: Countersigned
    now: float


@frozen
class ProposalFailed:
    """A holder did not answer a proposal, or refused it for `reason`."""

    index: int
    reason: str
    now: float


@frozen
class FullReceiptKept:
    """A holder stored the full receipt of the head with this digest."""

    index: int
    head: Digest
    now: float


@frozen
class FullReceiptFailed:
    """A holder did not store a full receipt; it is tried again."""

    index: int
    reason: str
    now: float


@frozen
class CapacityGrown:
    """The deal was extended on the ledger."""

    deal: Deal
    now: float


@frozen
class ClockTicked:
    """About a second went by."""

    now: float


Event = (
    ChunkAdded
    | FlushWanted
    | HolderOpened
    | HolderLost
    | ShardStored
    | HeldBack
    | ReceiptCame
    | ShardsMissed
    | NewerHeadShown
    | ProposalFailed
    | FullReceiptKept
    | FullReceiptFailed
    | CapacityGrown
    | ClockTicked
)


# Effects.


@frozen
class SendShard:
    """Send a holder its shard of a chunk."""

    index: int
    chunk: ChunkId


@frozen
class DropShards:
    """Every holder has its shard of this chunk; only the ciphertext may be needed."""

    chunk: ChunkId


@frozen
class ProposeHead:
    """Ask a holder to countersign a head."""

    index: int
    proposal: Proposal


@frozen
class KeepFullReceipt:
    """Hand a holder a full receipt."""

    index: int
    full: FullReceipt


@frozen
class HeadAcknowledged:
    """A head's full receipt is safe; its new chunks will not be asked for again."""

    full: FullReceipt
    chunks: tuple[ChunkId, ...]


@frozen
class Flushed:
    """Everything added before the last `FlushWanted` is acknowledged."""


@frozen
class LeftBehind:
    """A holder that kept everybody waiting, and the last that was heard of it."""

    index: int
    reason: str


@frozen
class DealAbandoned:
    """The deal takes no more for now; `unacknowledged` chunks need another one."""

    left_behind: tuple[LeftBehind, ...]
    unacknowledged: tuple[ChunkId, ...]


@frozen
class Superseded:
    """Another writer was first: read the deal's state again and start from there."""

    newer: Countersigned
    unacknowledged: tuple[ChunkId, ...]


Effect = (
    SendShard
    | DropShards
    | ProposeHead
    | KeepFullReceipt
    | HeadAcknowledged
    | Flushed
    | DealAbandoned
    | Superseded
)
