"""The rules by which a holder judges what it is offered: shards, heads, receipts.

A holder countersigns one head per sequence, each naming the one before it, so
that a deal has one history. Nothing here changes any state.
"""

from typing import Final

from holdfast.protocol.manifest import KEPT_CAPACITIES, NO_HEAD, Head
from holdfast.protocol.units import GIB, ChunkId
from holdfast.vault.core.deal_holding import DealHolding
from holdfast.vault.core.holding_events import (
    AskShards,
    CheckManifest,
    Countersign,
    DropStaged,
    Effect,
    FullReceiptShown,
    GiveReceipt,
    HaveShard,
    HeadProposed,
    HealShard,
    KeepFullReceipt,
    ManifestChecked,
    Refuse,
    RenewFullReceipt,
    ShardOffered,
    ShowNewer,
    StagedExpired,
    TakeShard,
)
from holdfast.vault.core.refusals import Refusal

PENDING_MAX: Final = 64
TRUNK_MAX: Final = 256
STAGED_COUNT_MAX: Final = 16_384
STAGED_BYTES_MAX: Final = GIB


def judge_shard(holding: DealHolding, event: ShardOffered) -> Effect:
    """Say whether a shard is taken, here already, healing, or has no room."""
    if event.chunk in holding.void:
        text = "that chunk was proved malformed: its shards are no code word"
        return Refuse(Refusal.DENIED, text)
    if event.chunk in holding.missing:
        return HealShard()
    if event.chunk in holding.staged:
        return HaveShard()
    staged = holding.staged_bytes
    if (
        len(holding.staged) >= STAGED_COUNT_MAX
        or staged + event.shard_bytes > STAGED_BYTES_MAX
    ):
        return Refuse(Refusal.EXHAUSTED, "too much is staged; propose a head first")
    kept = holding.durable_bytes + staged + event.shard_bytes
    if kept > KEPT_CAPACITIES * event.capacity:
        return Refuse(
            Refusal.EXHAUSTED,
            f"the deal's {event.capacity} bytes are used up; extend it, or wait "
            "for an audit to let go of what was deleted",
        )
    if event.shard_bytes > event.room:
        return Refuse(Refusal.EXHAUSTED, "this vault's disk or quota is full")
    return TakeShard()


def judge_staged(holding: DealHolding, event: StagedExpired) -> list[Effect]:
    """Say which staged shards nobody came back for."""
    old = tuple(c for c, s in holding.staged.items() if s.seconds < event.before)
    return [DropStaged(old)] if old else []


def judge_head(holding: DealHolding, event: HeadProposed) -> Effect:
    """Say whether a head may follow; one known already gets its receipt again."""
    if known := holding.head(event.digest):
        return GiveReceipt(known.receipt)
    head = event.head.value
    if holding.newest is None:
        first = head.sequence == 1 and head.predecessor == NO_HEAD
        if first or _settles(holding, event, head):
            return CheckManifest()
        return Refuse(Refusal.UNTIMELY, "this holder knows no head yet; propose head 1")
    if head.sequence <= holding.newest.sequence:
        return ShowNewer(holding.newest, holding.full)
    if len(holding.pending) >= PENDING_MAX or len(holding.trunk) >= TRUNK_MAX:
        return Refuse(
            Refusal.EXHAUSTED, "too many heads wait for a full receipt or an audit"
        )
    follows = (holding.newest.sequence + 1, holding.newest.digest)
    if (head.sequence, head.predecessor) == follows or _settles(holding, event, head):
        return CheckManifest()
    return ShowNewer(holding.newest, holding.full)


def _settles(holding: DealHolding, event: HeadProposed, head: Head) -> bool:
    """Tell whether proven heads of one sequence let `head` follow either.

    Each was countersigned by somebody, so none of them was acknowledged.
    """
    acknowledged = holding.full.head.value.sequence if holding.full else 0
    return (
        len(set(event.conflict)) == 2
        and event.conflict_sequence == head.sequence - 1
        and head.predecessor in event.conflict
        and acknowledged < event.conflict_sequence
    )


def judge_manifest(holding: DealHolding, event: ManifestChecked) -> Effect:
    """Say whether what a head changes is true, fits and is all here."""
    head = event.head.value
    if (head.root, head.count, head.held_bytes) != (
        event.root,
        event.count,
        event.held_bytes,
    ):
        return Refuse(Refusal.INVALID, "the head does not name the manifest it makes")
    if head.held_bytes > event.capacity:
        return Refuse(
            Refusal.EXHAUSTED,
            f"the head needs {head.held_bytes} bytes of the deal's {event.capacity}",
        )
    lacking: list[ChunkId] = []
    for entry in event.added:
        staged = holding.staged.get(entry.chunk)
        length = staged.length if staged else event.durable.get(entry.chunk)
        if length is None or entry.chunk in holding.missing:
            lacking.append(entry.chunk)
        elif length != entry.length:
            return Refuse(
                Refusal.INVALID, "an entry gives another length than its shard"
            )
    if lacking:
        return AskShards(tuple(lacking))
    return Countersign(tuple(e.chunk for e in event.added if e.chunk in holding.staged))


def judge_receipt(holding: DealHolding, event: FullReceiptShown) -> list[Effect]:
    """Say whether a full receipt is news to this holder."""
    if event.renewed and event.digest == holding.full_digest:
        return [RenewFullReceipt()]
    if holding.full and event.sequence <= holding.full.head.value.sequence:
        return []
    if event.digest in holding.pending:
        return [KeepFullReceipt()]
    text = "this holder does not know the head that it is said to have signed"
    return [Refuse(Refusal.UNTIMELY, text)]
