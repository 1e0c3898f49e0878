"""The machine of one deal at one holder, with one table of its phases.

A head is proposed, its shards become durable, it is countersigned (pending), a
full receipt acknowledges it. Heads that a checkpoint may still be audited by
are kept until a newer one was answered. The machine decides and never acts;
events that change it were journalled before.
"""

from dataclasses import replace
from enum import Enum
from typing import Final

from holdfast.protocol.manifest import NO_HEAD
from holdfast.protocol.units import Digest
from holdfast.vault.core import head_rule
from holdfast.vault.core.deal_holding import (
    DealHolding,
    PendingHead,
    Phase,
    StagedShard,
)
from holdfast.vault.core.holding_events import (
    AdoptedSigned,
    CheckpointAnswered,
    CheckpointOffered,
    DealCollected,
    Effect,
    Event,
    ForgetHeads,
    FullReceiptShown,
    HeadAcknowledged,
    HeadAdopted,
    HeadCountersigned,
    HeadFact,
    HeadProposed,
    HeadsForgotten,
    ManifestChecked,
    ReceiptRenewed,
    ShardFact,
    ShardOffered,
    ShardsDamaged,
    ShardsRebuilt,
    ShardStaged,
    ShardsVoided,
    StagedDropped,
    StagedExpired,
)


class Step(Enum):
    """What moves a deal from phase to phase."""

    COUNTERSIGN = 1
    ACKNOWLEDGE_NEWEST = 2
    ACKNOWLEDGE_OLDER = 3
    COLLECT = 4
    ADOPT = 5


TRANSITIONS: Final = {
    (Phase.EMPTY, Step.COUNTERSIGN): Phase.PENDING,
    (Phase.PENDING, Step.COUNTERSIGN): Phase.PENDING,
    (Phase.ACKNOWLEDGED, Step.COUNTERSIGN): Phase.PENDING,
    (Phase.PENDING, Step.ACKNOWLEDGE_NEWEST): Phase.ACKNOWLEDGED,
    (Phase.PENDING, Step.ACKNOWLEDGE_OLDER): Phase.PENDING,
    (Phase.EMPTY, Step.ADOPT): Phase.ACKNOWLEDGED,
    (Phase.PENDING, Step.ADOPT): Phase.ACKNOWLEDGED,
    (Phase.ACKNOWLEDGED, Step.ADOPT): Phase.ACKNOWLEDGED,
    (Phase.EMPTY, Step.COLLECT): Phase.COLLECTED,
    (Phase.PENDING, Step.COLLECT): Phase.COLLECTED,
    (Phase.ACKNOWLEDGED, Step.COLLECT): Phase.COLLECTED,
}


class DealState(DealHolding):
    """One deal's machine: every event goes through `receive`."""

    def receive(self, event: Event) -> list[Effect]:
        """Take one event and return what must be done, in order."""
        assert self.phase is not Phase.COLLECTED, "a collected deal hears nothing"
        self.changed.add(self.deal)
        match event:
            case ShardOffered():
                return [head_rule.judge_shard(self, event)]
            case StagedExpired():
                return head_rule.judge_staged(self, event)
            case HeadProposed():
                return [head_rule.judge_head(self, event)]
            case ManifestChecked():
                return [head_rule.judge_manifest(self, event)]
            case FullReceiptShown():
                return head_rule.judge_receipt(self, event)
            case (
                ShardStaged()
                | StagedDropped()
                | ShardsDamaged()
                | ShardsRebuilt()
                | ShardsVoided()
            ):
                self._note_shards(event)
                return []
            case CheckpointOffered():
                self.offered |= {self.full_digest} - {NO_HEAD}
                return []
            case _:
                return self._move(event)

    def _note_shards(self, event: ShardFact) -> None:
        match event:
            case ShardStaged():
                shard = StagedShard(event.length, event.shard_bytes, event.seconds)
                self.stage(event.chunk, shard)
            case StagedDropped():
                for chunk in event.chunks:
                    self.unstage(chunk)
            case ShardsDamaged():
                self.missing.update(event.spans)
            case ShardsVoided():
                self.missing.update(event.spans)
                self.void.update(event.spans)
            case ShardsRebuilt():
                for chunk in event.chunks:
                    self.missing.pop(chunk, None)

    def _move(self, event: HeadFact) -> list[Effect]:
        match event:
            case HeadCountersigned():
                self._countersign(event)
            case HeadAcknowledged():
                return self._acknowledge(event)
            case HeadAdopted():
                return self._adopt(event)
            case AdoptedSigned():
                self._sign_adopted(event)
            case ReceiptRenewed():
                self.full = event.full
            case CheckpointAnswered():
                return self._answer(event.head)
            case HeadsForgotten():
                self._forget(event)
            case DealCollected():
                self._step(Step.COLLECT)
        return []

    def _step(self, step: Step) -> None:
        self.phase = TRANSITIONS[self.phase, step]

    def _countersign(self, event: HeadCountersigned) -> None:
        self._step(Step.COUNTERSIGN)
        for chunk in event.settled:
            self.durable_bytes += self.unstage(chunk)
            self.durable_shards += 1
        self.newest = event.countersigned
        pending = PendingHead(event.countersigned, event.base)
        self.pending[event.countersigned.digest] = pending

    def _acknowledge(self, event: HeadAcknowledged) -> list[Effect]:
        assert self.newest is not None, "a head was acknowledged, none countersigned"
        newest = event.digest == self.newest.digest
        self._step(Step.ACKNOWLEDGE_NEWEST if newest else Step.ACKNOWLEDGE_OLDER)
        self.trunk[event.digest] = self.pending.pop(event.digest).countersigned
        self.full, self.full_digest = event.full, event.digest
        self.missing.update(event.missing)
        return self._unneeded()

    def _adopt(self, event: HeadAdopted) -> list[Effect]:
        adopted = event.countersigned
        if self.newest is None or adopted.sequence >= self.newest.sequence:
            self.newest = adopted
            self._step(Step.ADOPT)
        self.trunk[adopted.digest] = adopted
        self.full, self.full_digest = event.full, adopted.digest
        self.durable_bytes += sum(map(self.shard_bytes, event.added.values()))
        self.durable_shards += len(event.added)
        self.missing.update(event.missing)
        return self._unneeded()

    def _sign_adopted(self, event: AdoptedSigned) -> None:
        signed = replace(self.trunk[event.digest], receipt=event.receipt)
        self.trunk[event.digest] = signed
        if self.newest and self.newest.digest == event.digest:
            self.newest = signed

    def _answer(self, head: Digest | None) -> list[Effect]:
        self.let_go = head is None
        answered = self.trunk.get(head) if head else None
        floor = answered.sequence if answered else 0
        self.offered = {
            digest
            for digest in self.offered
            if digest in self.trunk and self.trunk[digest].sequence >= floor
        }
        return self._unneeded()

    def _unneeded(self) -> list[Effect]:
        """Order what no audit, no pending head and no newest head needs forgotten."""
        acknowledged = self.full.head.value.sequence if self.full else 0
        needed = {self.full_digest, *self.offered}
        for digest, pending in reversed(self.pending.items()):
            if pending.countersigned.sequence > acknowledged or digest in needed:
                needed |= {digest, pending.base}
        digests = tuple(
            digest for digest in (*self.trunk, *self.pending) if digest not in needed
        )
        return [ForgetHeads(digests)] if digests else []

    def _forget(self, event: HeadsForgotten) -> None:
        for digest in event.digests:
            self.trunk.pop(digest, None)
            self.pending.pop(digest, None)
        for chunk, length in event.chunks.items():
            self.missing.pop(chunk, None)
            self.void.discard(chunk)
            self.durable_bytes -= self.shard_bytes(length)
            self.durable_shards -= 1
