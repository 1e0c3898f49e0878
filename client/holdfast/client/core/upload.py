"""Uploading to one deal: shards to all n holders, heads, receipts, full receipts.

The machine decides what each holder is sent next, when a head is signed, when it is
acknowledged, and when a holder is left behind; the chunks' bytes stay with the shell.

A round is one head on its way: fixed, countersigned by all n holders, its full
receipt kept by n - k + 1 of them. Chunks go on being sent meanwhile, for the next.
"""

from collections.abc import Iterable
from enum import Enum
from typing import Final, assert_never

from holdfast.client.core.upload_events import (
    CapacityGrown,
    ChunkAdded,
    ClockTicked,
    Countersigned,
    DealAbandoned,
    DropShards,
    Effect,
    Event,
    Flushed,
    FlushWanted,
    FullReceiptFailed,
    FullReceiptKept,
    HeadAcknowledged,
    HeldBack,
    HolderLost,
    HolderOpened,
    KeepFullReceipt,
    LeftBehind,
    NewerHeadShown,
    Proposal,
    ProposalFailed,
    ProposeHead,
    ReceiptCame,
    SendShard,
    ShardsMissed,
    ShardStored,
    Superseded,
)
from holdfast.client.core.upload_line import HolderLine
from holdfast.client.core.upload_patience import UploadPatience
from holdfast.client.core.upload_round import Round
from holdfast.client.core.upload_terms import Footing, UploadTerms, standing_on
from holdfast.protocol.chunk import ChunkHeader
from holdfast.protocol.deal import Deal
from holdfast.protocol.errors import SignatureInvalidError
from holdfast.protocol.manifest import (
    HEAD,
    KEPT_CAPACITIES,
    ManifestChange,
    ManifestEntry,
    next_head,
)
from holdfast.protocol.receipt import FullReceipt, SignedReceipt
from holdfast.protocol.units import ChunkId, Digest

_AWAKE_SECONDS_MAX: Final = 2.0


class UploadState(Enum):
    """Whether the machine still works; the last two are final."""

    RUNNING = 1
    ABANDONED = 2
    SUPERSEDED = 3


class DealUpload:
    """The upload to one deal, from one footing."""

    def __init__(self, terms: UploadTerms, footing: Footing, now: float) -> None:
        self._terms = terms
        self._deal = terms.deal
        self._limits = terms.limits
        self._footing = footing
        self._lines = [HolderLine(index, now) for index in range(terms.deal.n)]
        self._lengths: dict[ChunkId, int] = {}
        self._waiting: list[ChunkId] = []
        self._waiting_bytes = 0
        self._promised_bytes = footing.manifest.held_bytes
        self._kept_bytes = max(footing.kept_bytes, footing.manifest.held_bytes)
        self._round: Round | None = None
        self._flush: FlushWanted | None = None
        self._effects: list[Effect] = []
        self._now = now
        self._patience = UploadPatience(terms.limits)
        self.state = UploadState.RUNNING

    @property
    def deal(self) -> Deal:
        """The deal as it is on the ledger, as far as the machine was told."""
        return self._deal

    @property
    def footing(self) -> Footing:
        """The newest acknowledged state."""
        return self._footing

    @property
    def unacknowledged(self) -> tuple[ChunkId, ...]:
        """The chunks added that no acknowledged head lists yet, oldest first."""
        return tuple(self._lengths)

    @property
    def room_bytes(self) -> int:
        """How many more shard bytes each holder can take within the capacity.

        With what was deleted and is kept until an audit, twice as much may be there.
        """
        capacity = self._deal.capacity
        kept = KEPT_CAPACITIES * capacity - self._kept_bytes
        return min(capacity - self._promised_bytes, kept)

    @property
    def all_open(self) -> bool:
        """Whether every holder takes shards at the moment."""
        return all(line.open for line in self._lines)

    @property
    def lines(self) -> tuple[HolderLine, ...]:
        """The line to each holder, to be looked at only."""
        return tuple(self._lines)

    def staged_everywhere(self, chunks: Iterable[ChunkId]) -> frozenset[ChunkId]:
        """Return those of `chunks` of which every holder has its shard already."""
        return frozenset(chunks).intersection(*(line.stored for line in self._lines))

    def receive(self, event: Event) -> list[Effect]:
        """Take an event, and return what is to be done now."""
        self._effects = []
        self._pass_time(event.now)
        if self.state is UploadState.RUNNING:
            self._take(event)
        if self.state is UploadState.RUNNING:
            self._advance(event.now)
        return self._effects

    def _take(self, event: Event) -> None:
        match event:
            case ChunkAdded(chunk, length, now):
                self._add(chunk, length, now)
            case FlushWanted():
                self._flush = event
            case CapacityGrown(deal, _):
                self._deal = deal
            case ClockTicked():
                pass
            case HolderOpened(index, staged, now):
                self._opened(self._lines[index], staged, now)
            case HolderLost(index, reason, now):
                self._lines[index].lost(reason)
            case ShardStored(index, chunk, now):
                self._stored(self._lines[index], chunk, now)
            case HeldBack(index, now):
                self._lines[index].moved = now
            case _:
                self._take_answer(event, self._lines[event.index])

    def _take_answer(
        self,
        event: ReceiptCame
        | ShardsMissed
        | NewerHeadShown
        | ProposalFailed
        | FullReceiptKept
        | FullReceiptFailed,
        line: HolderLine,
    ) -> None:
        match event:
            case ReceiptCame(_, receipt, now):
                self._countersigned(line, receipt, now)
            case ShardsMissed(_, chunks, now):
                self._missed(line, chunks, now)
            case NewerHeadShown(_, newer, _):
                self._superseded(line, newer)
            case ProposalFailed(_, reason, now) | FullReceiptFailed(_, reason, now):
                line.put_off(reason, now + self._limits.retry_seconds)
            case FullReceiptKept(_, head, now):
                self._kept(line, head, now)
            case _:
                assert_never(event)

    # What happened.

    def _pass_time(self, now: float) -> None:
        """Blame nobody for time in which we ourselves did nothing, as in a suspend.

        Ticks come more often than that; only while we sleep does nothing happen.
        """
        seconds = now - self._now
        awake = min(seconds, _AWAKE_SECONDS_MAX)
        if awake < seconds:
            for line in self._lines:
                line.moved += seconds - awake
        self._patience.pass_time(awake, self._lines)
        self._now = now

    def _add(self, chunk: ChunkId, length: int, now: float) -> None:
        if chunk in self._lengths or chunk in self._footing.manifest.positions:
            return
        size = self._shard_bytes(length)
        self._lengths[chunk] = length
        self._waiting.append(chunk)
        self._waiting_bytes += length
        self._promised_bytes += size
        self._kept_bytes += size
        for line in self._lines:
            line.give(chunk, size, now)
        self._drop_if_everywhere(chunk)

    def _drop_if_everywhere(self, chunk: ChunkId) -> None:
        if all(chunk in line.stored for line in self._lines):
            self._effects.append(DropShards(chunk))

    def _opened(self, line: HolderLine, staged: frozenset[ChunkId], now: float) -> None:
        stored = set(staged)
        if self._round and line.index in self._round.receipts:
            stored.update(self._round.chunks)
        sizes = (
            (chunk, self._shard_bytes(length))
            for chunk, length in self._lengths.items()
        )
        line.opened(stored, sizes, now)
        for chunk in self._lengths.keys() & stored:
            self._drop_if_everywhere(chunk)

    def _stored(self, line: HolderLine, chunk: ChunkId, now: float) -> None:
        size = line.landed(chunk, now)
        if size is not None:
            self._patience.landed(size)
            self._drop_if_everywhere(chunk)

    def _countersigned(
        self, line: HolderLine, receipt: SignedReceipt, now: float
    ) -> None:
        current = self._round
        if current is None or receipt.value.head != current.digest:
            return
        if not current.is_receipt(line.index, receipt, self._terms):
            self._leave(line, "it signed a receipt that does not fit the head")
            return
        line.moved = now
        current.receipts[line.index] = receipt
        if len(current.receipts) == self._deal.n and current.full is None:
            self._complete(current, now)

    def _complete(self, current: Round, now: float) -> None:
        current.full = current.full_receipt(self._terms)
        for line in self._lines:
            line.begin_round(now)

    def _missed(
        self, line: HolderLine, chunks: tuple[ChunkId, ...], now: float
    ) -> None:
        line.put_off("it lacks shards", now + self._limits.retry_seconds)
        lost = [chunk for chunk in chunks if chunk not in self._lengths]
        if lost:
            # We have the ciphertext of what is new only; the rest is for repair.
            self._leave(line, f"it lost its shards of {len(lost)} older chunks")
            return
        for chunk in chunks:
            line.missed(chunk, self._shard_bytes(self._lengths[chunk]))

    def _superseded(self, line: HolderLine, newer: Countersigned) -> None:
        try:
            HEAD.verify(newer.head, self._terms.network, self._deal.deal_key)
        except SignatureInvalidError:
            self._leave(line, "it showed a newer head that nobody signed")
            return
        self.state = UploadState.SUPERSEDED
        self._effects.append(Superseded(newer, self.unacknowledged))

    def _kept(self, line: HolderLine, head: Digest, now: float) -> None:
        current = self._round
        if current is None or current.full is None or head != current.digest:
            return
        line.kept = True
        line.moved = now
        if sum(each.kept for each in self._lines) > self._deal.n - self._deal.k:
            self._acknowledge(current, current.full, now)

    def _acknowledge(self, current: Round, full: FullReceipt, now: float) -> None:
        self._footing = standing_on(current.head, current.manifest)
        for chunk in current.chunks:
            del self._lengths[chunk]
        self._promised_bytes = current.manifest.held_bytes + sum(
            self._shard_bytes(length) for length in self._lengths.values()
        )
        self._effects.append(HeadAcknowledged(full, current.chunks))
        for line in self._lines:
            line.stored.difference_update(current.chunks)
            if line.open and not (line.kept or line.offered):
                # Its own copy may come late: enough others have theirs.
                self._effects.append(KeepFullReceipt(line.index, full))
            line.begin_round(now)
        self._round = None
        if current.flush is not None and current.flush is self._flush:
            self._end_flush()

    def _end_flush(self) -> None:
        self._flush = None
        self._effects.append(Flushed())

    # What to do now.

    def _advance(self, now: float) -> None:
        if self._round is None:
            self._begin_round_if_due(now)
        for line in self._lines:
            if line.open:
                self._serve(line, now)
        self._look_for_laggards(now)

    def _begin_round_if_due(self, now: float) -> None:
        flush = self._flush
        if flush is None:
            if self._waiting_bytes >= self._limits.head_bytes:
                self._begin_round((), self._footing.memo, now)
            return
        removed = self._places(flush.removed)
        if self._waiting or removed or flush.memo != self._footing.memo:
            self._begin_round(removed, flush.memo, now)
        else:
            self._end_flush()

    def _places(self, chunks: frozenset[ChunkId]) -> tuple[int, ...]:
        positions = self._footing.manifest.positions
        return tuple(sorted(positions[chunk] for chunk in chunks if chunk in positions))

    def _begin_round(self, removed: tuple[int, ...], memo: bytes, now: float) -> None:
        before = self._footing
        chunks = tuple(self._waiting)
        added = tuple(ManifestEntry(chunk, self._lengths[chunk]) for chunk in chunks)
        change = ManifestChange(removed, added)
        manifest = before.manifest.changed(change)
        head = HEAD.sign(
            next_head(self._deal.id, before.predecessor, manifest, memo),
            self._terms.network,
            self._terms.pair,
        )
        self._round = Round(
            head,
            head.value.digest(),
            Proposal(head, before.base, change, before.conflict),
            manifest,
            chunks,
            self._flush,
        )
        self._waiting = []
        self._waiting_bytes = 0
        for line in self._lines:
            line.begin_round(now)

    def _serve(self, line: HolderLine, now: float) -> None:
        for chunk in line.take_off(self._limits.window_bytes):
            self._effects.append(SendShard(line.index, chunk))
        current = self._round
        if current is None or now < line.retry_at:
            return
        if current.full is not None:
            if not (line.kept or line.offered):
                line.offered = True
                self._effects.append(KeepFullReceipt(line.index, current.full))
            return
        due = line.index not in current.receipts and not line.asked
        if due and line.stored.issuperset(current.chunks):
            line.asked = True
            self._effects.append(ProposeHead(line.index, current.proposal))

    def _look_for_laggards(self, now: float) -> None:
        behind = [
            line
            for line in self._lines
            if self._is_awaited(line)
            and self._patience.is_spent(line, self._lines, now)
        ]
        if behind:
            self._abandon(behind)

    def _is_awaited(self, line: HolderLine) -> bool:
        return line.is_sending or (self._round is not None and self._round.awaits(line))

    def _leave(self, line: HolderLine, reason: str) -> None:
        line.reason = reason
        self._abandon([line])

    def _abandon(self, behind: list[HolderLine]) -> None:
        self.state = UploadState.ABANDONED
        left = tuple(LeftBehind(line.index, line.reason) for line in behind)
        self._effects.append(DealAbandoned(left, self.unacknowledged))

    def _shard_bytes(self, length: int) -> int:
        return ChunkHeader(self._deal.k, self._deal.n, length).shard_bytes
