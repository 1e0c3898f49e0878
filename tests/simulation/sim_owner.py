"""A simulated owner: opens deals, uploads through the production machine, leaves.

An upload that a holder keeps waiting is abandoned; what was acknowledged stays.
The owner remembers every acknowledged chunk: what the network promised to keep.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from holdfast.client.core.upload import DealUpload, UploadState
from holdfast.client.core.upload_events import (
    ChunkAdded,
    ClockTicked,
    Countersigned,
    DealAbandoned,
    Effect,
    Event,
    Flushed,
    FlushWanted,
    FullReceiptFailed,
    FullReceiptKept,
    HeadAcknowledged,
    HolderLost,
    HolderOpened,
    KeepFullReceipt,
    NewerHeadShown,
    ProposalFailed,
    ProposeHead,
    ReceiptCame,
    SendShard,
    ShardsMissed,
    ShardStored,
    Superseded,
)
from holdfast.client.core.upload_terms import (
    NO_MEMO,
    UploadLimits,
    UploadTerms,
    standing_on,
)
from holdfast.ledger.core.account_key import AccountKey
from holdfast.ledger.core.operations import Open, Operation
from holdfast.ledger.core.values import Listing
from holdfast.protocol.chunk import EncodedChunk, encode_chunk
from holdfast.protocol.deal import Deal, SignedQuote, deal_id
from holdfast.protocol.errors import ProtocolError
from holdfast.protocol.keys import SigningPair
from holdfast.protocol.manifest import Manifest
from holdfast.protocol.placement import closest
from holdfast.protocol.units import ChunkId, DealId
from holdfast.vault.core.holding_events import AskShards, GiveReceipt, ShowNewer
from holdfast.vault.core.refusals import RefusedError
from simulation.malformed import malformed_chunk
from simulation.sim_holder import at_once
from simulation.sim_vault import SimVault
from simulation.universe import Universe

LIMITS = UploadLimits(
    head_bytes=1 << 30,
    window_bytes=1 << 20,
    patience_seconds=30.0,
    away_seconds=20.0,
    retry_seconds=2.0,
)
TICK_SECONDS = 1.5
MIRRORED_SECONDS = 5.0
TRIES_MAX = 40


@dataclass
class Kept:
    """A deal of this owner and what was acknowledged under it."""

    deal: Deal
    pair: SigningPair
    chunks: dict[ChunkId, EncodedChunk] = field(default_factory=dict)
    acknowledged: dict[ChunkId, int] = field(default_factory=dict)
    machine: DealUpload | None = None
    ended: str = ""
    tries: int = 0


class SimOwner:
    """One owner with its account; `hostile` ones upload malformed codewords."""

    def __init__(
        self,
        universe: Universe,
        secret: bytes,
        dice: random.Random,
        *,
        hostile: bool = False,
    ) -> None:
        self.universe = universe
        self.account = AccountKey.from_secret(secret)
        self.deals: dict[DealId, Kept] = {}
        self.hostile = hostile
        self.on_acknowledged: Callable[[Kept, tuple[ChunkId, ...]], None] = _nobody
        self._secret = secret
        self._dice = dice

    def open(
        self, k: int, n: int, capacity: int, epochs: int, chunks: int
    ) -> Kept | None:
        """Open a deal with the nearest vaults that quote, and begin to upload."""
        nonce = self._dice.randbytes(32)
        end = self.universe.chain.epoch + epochs
        point = deal_id(self.account.id, nonce)
        quotes = self._quotes(point, n, capacity, end)
        if len(quotes) < n:
            return None
        pair = SigningPair(nonce)
        operation = Open(nonce, pair.public, k, capacity, end, tuple(quotes))
        if self.submit(operation) is not None:
            return None
        row = self.universe.chain.book.state.deal(point)
        assert row
        kept = self.deals[point] = Kept(row.deal, pair)
        for _ in range(chunks):
            self.add(kept, 40 + self._dice.randrange(200))
        self.universe.clock.after(MIRRORED_SECONDS, lambda: self._begin(kept))
        return kept

    def submit(self, operation: Operation) -> str | None:
        universe = self.universe
        fault = universe.chain.submit(self.account, operation)
        kind = type(operation).__name__
        universe.chronicle.note(universe.now, kind, -1, (fault or "").encode())
        if fault is None:
            universe.tell_all()
        return fault

    def add(self, kept: Kept, length: int) -> None:
        """Make one more chunk for a deal, from the owner's dice."""
        k, n = kept.deal.k, kept.deal.n
        plain = self._dice.randbytes(length)
        make = malformed_chunk if self.hostile else encode_chunk
        chunk = make(plain, k, n)
        kept.chunks[chunk.id] = chunk

    def _quotes(
        self, point: DealId, n: int, capacity: int, end: int
    ) -> list[SignedQuote]:
        universe = self.universe
        rows = universe.chain.book.state.vaults()
        active = [row.vault for row in rows if row.listing is Listing.ACTIVE]
        quotes: list[SignedQuote] = []
        for vault in closest(active, point, 3 * n):
            found = universe.by_id[vault]
            if len(quotes) == n or not found.alive:
                continue
            desk = found.holder.data.quotes
            try:
                quotes.append(at_once(desk.quote(point, capacity, end, "owner")))
            except RefusedError:
                continue
        return quotes

    # One upload.

    def _begin(self, kept: Kept) -> None:
        universe = self.universe
        state = universe.chain.book.state
        vaults = (state.vault(holder.vault) for holder in kept.deal.holders)
        identities = {row.vault: row.identity_key for row in vaults if row}
        terms = UploadTerms(
            kept.deal, universe.params.network_id, kept.pair, identities, LIMITS
        )
        footing = standing_on(None, Manifest(kept.deal.k, kept.deal.n))
        kept.machine = DealUpload(terms, footing, universe.now)
        for index in range(kept.deal.n):
            self._connect(kept, index)
        for chunk in kept.chunks.values():
            event = ChunkAdded(chunk.id, chunk.header.length, universe.now)
            self._tell(kept, event)
        self._tell(kept, FlushWanted(NO_MEMO, frozenset(), universe.now))
        self._tick(kept)

    def _tick(self, kept: Kept) -> None:
        """Go on until the upload has ended; a lost holder is called again."""
        machine = kept.machine
        if machine is None or kept.ended or machine.state is not UploadState.RUNNING:
            return
        kept.tries += 1
        if kept.tries > TRIES_MAX:
            kept.ended = "given up"
            return
        for line in machine._lines:
            if not line.open:
                self._connect(kept, line.index)
        self._tell(kept, ClockTicked(self.universe.now))
        self.universe.clock.after(TICK_SECONDS, lambda: self._tick(kept))

    def _tell(self, kept: Kept, event: Event) -> None:
        if kept.machine is None or kept.ended:
            return
        for effect in kept.machine.receive(event):
            self._do(kept, effect)

    def _do(self, kept: Kept, effect: Effect) -> None:
        match effect:
            case SendShard(index, chunk):
                self._ask(kept, index, lambda v: self._store(kept, v, index, chunk))
            case ProposeHead(index, _):
                self._ask(
                    kept,
                    index,
                    lambda vault: self._propose(kept, vault, effect),
                    ProposalFailed(index, "no answer", 0),
                )
            case KeepFullReceipt(index, _):
                self._ask(
                    kept,
                    index,
                    lambda vault: self._acknowledge(vault, effect),
                    FullReceiptFailed(index, "no answer", 0),
                )
            case HeadAcknowledged(_, chunks):
                epoch = self.universe.chain.epoch
                kept.acknowledged.update(dict.fromkeys(chunks, epoch))
                self.universe.chronicle.note(self.universe.now, "acknowledged", 0)
                self.on_acknowledged(kept, chunks)
            case Flushed():
                kept.ended = "done"
            case DealAbandoned():
                kept.ended = "abandoned"
            case Superseded():
                kept.ended = "superseded"
            case _:
                pass

    def _ask(
        self,
        kept: Kept,
        index: int,
        act: Callable[[SimVault], Event],
        failed: Event | None = None,
    ) -> None:
        """Let a holder do something after the network's delay, and hear of it."""
        universe = self.universe
        vault = universe.by_id[kept.deal.holders[index].vault]
        lost = HolderLost(index, "gone", 0)

        def arrive() -> None:
            now = universe.now
            if not vault.alive or universe.weather.lost():
                event: Event = failed or lost
                universe.clock.after(2.0, lambda: self._tell(kept, _dated(event, now)))
                return
            try:
                event = act(vault)
            except (RefusedError, ProtocolError):
                event = failed or lost
            universe.clock.after(
                universe.weather.delay(),
                lambda: self._tell(kept, _dated(event, universe.now)),
            )

        universe.clock.after(universe.weather.delay() + vault.slow_seconds, arrive)

    def _connect(self, kept: Kept, index: int) -> None:
        self._ask(
            kept,
            index,
            lambda vault: HolderOpened(index, vault.holder.staged(kept.deal), 0),
        )

    def _store(self, kept: Kept, vault: SimVault, index: int, chunk: ChunkId) -> Event:
        vault.holder.take(kept.deal, kept.chunks[chunk], index)
        return ShardStored(index, chunk, 0)

    def _propose(self, kept: Kept, vault: SimVault, effect: ProposeHead) -> Event:
        asked, index = effect.proposal, effect.index
        desk = vault.holder.data.owners
        answer = at_once(desk.propose(asked.head, asked.base, asked.change))
        match answer:
            case GiveReceipt(receipt):
                return ReceiptCame(index, receipt, 0)
            case AskShards(chunks):
                return ShardsMissed(index, chunks, 0)
            case ShowNewer(newer, _):
                shown = Countersigned(newer.head, newer.receipt)
                return NewerHeadShown(index, shown, 0)
            case _:
                raise AssertionError(answer)

    def _acknowledge(self, vault: SimVault, effect: KeepFullReceipt) -> Event:
        at_once(vault.holder.data.owners.acknowledge(effect.full))
        return FullReceiptKept(effect.index, effect.full.head.value.digest(), 0)


def _dated(event: Event, now: float) -> Event:
    return replace(event, now=now)


def _nobody(kept: Kept, chunks: tuple[ChunkId, ...]) -> None:
    pass
