"""The machine of one deal and its journal, in any order of what owners may do."""

from dataclasses import replace
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from holdfast.protocol.manifest import (
    NO_HEAD,
    Manifest,
    ManifestChange,
    ManifestEntry,
    SignedHead,
    next_head,
)
from holdfast.protocol.receipt import RECEIPT, FullReceipt, Receipt, SignedReceipt
from holdfast.protocol.units import ChunkId, Digest
from holdfast.vault.core.deal_holding import Phase
from holdfast.vault.core.deal_state import DealState
from holdfast.vault.core.holding_events import (
    AskShards,
    CheckManifest,
    CheckpointAnswered,
    CheckpointOffered,
    Countersign,
    Countersigned,
    Effect,
    ForgetHeads,
    FullReceiptShown,
    GiveReceipt,
    HeadAcknowledged,
    HeadCountersigned,
    HeadProposed,
    HeadsForgotten,
    KeepFullReceipt,
    ManifestChecked,
    Refuse,
    ShardsDamaged,
    ShardsRebuilt,
    ShardStaged,
    ShowNewer,
)
from holdfast.vault.holdings_database import HoldingsDatabase
from holdfast.vault.holdings_journal import HoldingsJournal
from holdfast.vault.holdings_queries import HoldingsQueries
from holdfast.vault.manifests import spans_in
from holdfast.vault.owner_desk import grow
from vault_data_world import PARAMS, a_deal, sign_head, vault_keys

KEYS = vault_keys(0)
DEAL = a_deal([KEYS.vault_id, vault_keys(1).vault_id], k=1)
LENGTH = 1_000


def entry(number: int) -> ManifestEntry:
    return ManifestEntry(ChunkId(number.to_bytes(32, "big")), LENGTH + number % 7)


class HoldingMachine(RuleBasedStateMachine):
    """An owner with one or two minds, a holder, and its journal in memory."""

    @initialize()
    def open(self) -> None:
        database = HoldingsDatabase(Path(":memory:"))
        self.journal = HoldingsJournal(database)
        self.queries = HoldingsQueries(database)
        self.state = DealState(DEAL.id, 0, DEAL.k, DEAL.n)
        self.chunks = 0
        self.memos = 0
        self.manifests: dict[Digest, Manifest] = {}
        self.heads: dict[Digest, SignedHead] = {}
        self.receipts: dict[int, SignedReceipt] = {}
        self.offered: list[Digest] = []
        self.answered = NO_HEAD
        self.missing: set[ChunkId] = set()

    # What owners do

    def fresh(self, count: int) -> tuple[ManifestEntry, ...]:
        self.chunks += count
        return tuple(entry(self.chunks - i) for i in range(count))

    def head_after(
        self, below: SignedHead | None, base: Digest, change: ManifestChange
    ) -> tuple[SignedHead, Manifest, tuple[ManifestEntry, ...]]:
        self.memos += 1
        before = self.manifests.get(base) or Manifest(DEAL.k, DEAL.n)
        manifest, added = grow(before, change)
        value = next_head(
            DEAL.id,
            below.value if below else None,
            manifest,
            self.memos.to_bytes(256, "big"),
        )
        return sign_head(value), manifest, added

    def a_change(self, base: Digest, data: st.DataObject) -> ManifestChange:
        before = self.manifests.get(base)
        places = range(len(before.entries) if before else 0)
        removed = (
            data.draw(st.sets(st.sampled_from(places), max_size=3)) if places else set()
        )
        added = list(self.fresh(data.draw(st.integers(0, 3))))
        if before and removed and data.draw(st.booleans()):
            added.append(before.entries[min(removed)])  # goes and comes back
        return ManifestChange(tuple(sorted(removed)), tuple(added))

    def bases(self) -> list[Digest]:
        return [NO_HEAD, *self.state.trunk, *self.state.pending]

    def propose(
        self,
        head: SignedHead,
        base: Digest,
        change: ManifestChange,
        made: tuple[Manifest, tuple[ManifestEntry, ...]],
        conflict: tuple[Digest, ...] = (),
    ) -> Effect:
        """Do what the shell does with a proposal; return how it was answered."""
        manifest, added = made
        digest = head.value.digest()
        offered = HeadProposed(head, digest, conflict, head.value.sequence - 1)
        (effect,) = self.state.receive(offered)
        if not isinstance(effect, CheckManifest):
            return effect
        names = [one.chunk for one in added]
        durable = self.queries.lengths(DEAL.id, names)
        checked = ManifestChecked(
            head,
            manifest.root,
            len(manifest.entries),
            manifest.held_bytes,
            DEAL.capacity,
            added,
            durable,
        )
        (effect,) = self.state.receive(checked)
        while isinstance(effect, AskShards):
            assert set(effect.chunks).isdisjoint(durable.keys() - self.missing)
            for one in added:
                if one.chunk in self.missing:
                    self.rebuild(one.chunk)
                elif one.chunk in effect.chunks:
                    event = ShardStaged(one.chunk, one.length, one.length, 1.0)
                    assert self.state.receive(event) == []
            (effect,) = self.state.receive(checked)
        if not isinstance(effect, Countersign):
            return effect
        receipt = self.sign(head)
        signed = Countersigned(head, digest, receipt)
        self.journal.countersign(self.state, signed, base, change)
        fact = HeadCountersigned(signed, base, effect.settle)
        assert self.state.receive(fact) == []
        assert head.value.sequence not in self.receipts, "two heads of one sequence"
        self.receipts[head.value.sequence] = receipt
        self.manifests[digest], self.heads[digest] = manifest, head
        return GiveReceipt(receipt)

    def sign(self, head: SignedHead) -> SignedReceipt:
        said = Receipt(
            DEAL.id, head.value.sequence, head.value.digest(), 0, KEYS.vault_id, 1
        )
        return RECEIPT.sign(said, PARAMS.network_id, KEYS.identity)

    @rule(data=st.data())
    def follow_the_newest_head(self, data: st.DataObject) -> None:
        newest = self.state.newest
        base = data.draw(st.sampled_from(self.bases()))
        change = self.a_change(base, data)
        head, manifest, added = self.head_after(
            newest.head if newest else None, base, change
        )
        answer = self.propose(head, base, change, (manifest, added))
        full = len(self.state.pending) >= 64 or len(self.state.trunk) >= 256
        assert isinstance(answer, Refuse if full else GiveReceipt)

    @precondition(lambda self: self.state.newest)
    @rule()
    def propose_a_known_head_again(self) -> None:
        for digest in (*self.state.trunk, *self.state.pending):
            head = self.heads[digest]
            (effect,) = self.state.receive(HeadProposed(head, digest))
            assert effect == GiveReceipt(self.receipts[head.value.sequence])

    @precondition(lambda self: self.state.newest)
    @rule(data=st.data())
    def propose_another_head_of_an_old_sequence(self, data: st.DataObject) -> None:
        assert self.state.newest
        below = data.draw(st.sampled_from([None, *self.heads.values()]))
        if below == self.state.newest.head:
            return
        head, manifest, added = self.head_after(below, NO_HEAD, ManifestChange())
        answer = self.propose(head, NO_HEAD, ManifestChange(), (manifest, added))
        assert answer == ShowNewer(self.state.newest, self.state.full)

    @precondition(lambda self: self.state.newest)
    @rule(data=st.data(), follow_other=st.booleans())
    def go_on_after_a_conflict(self, data: st.DataObject, follow_other: bool) -> None:
        newest = self.state.newest
        assert newest
        memo = bytes([255]) + self.memos.to_bytes(255, "big")
        other = sign_head(replace(newest.head.value, memo=memo))
        digests = (newest.digest, other.value.digest())
        base = data.draw(st.sampled_from(self.bases()))
        change = self.a_change(base, data)
        head, manifest, added = self.head_after(
            other if follow_other else newest.head, base, change
        )
        acknowledged = newest.digest == self.state.full_digest
        before = len(self.state.pending), len(self.state.trunk)
        answer = self.propose(head, base, change, (manifest, added), digests)
        if before[0] >= 64 or before[1] >= 256:
            assert isinstance(answer, Refuse)
        elif follow_other and acknowledged:
            assert isinstance(answer, ShowNewer)
        else:
            assert isinstance(answer, GiveReceipt)

    @precondition(lambda self: self.state.pending)
    @rule(data=st.data())
    def acknowledge(self, data: st.DataObject) -> None:
        digest = data.draw(st.sampled_from(list(self.state.pending)))
        head = self.heads[digest]
        shown = FullReceiptShown(digest, head.value.sequence)
        old = self.state.full_digest
        sequence = self.state.full.head.value.sequence if self.state.full else 0
        effects = self.state.receive(shown)
        if head.value.sequence <= sequence:
            assert effects == []  # kept only as the base of another
            return
        assert effects == [KeepFullReceipt()]
        full = FullReceipt(
            head, DEAL.deal_key, (self.receipts[head.value.sequence],), ()
        )
        before = self.manifests[old] if old != NO_HEAD else Manifest(1, 2)
        self.journal.acknowledge(DEAL.id, digest, full, before, self.manifests[digest])
        spans = spans_in(self.manifests[digest], self.missing)
        self.carry_out(self.state.receive(HeadAcknowledged(full, digest, spans)))
        assert self.state.receive(shown) == []

    # What the audits and the disk do

    @rule()
    def offer_a_checkpoint(self) -> None:
        assert self.state.receive(CheckpointOffered()) == []
        if self.state.full:
            self.offered.append(self.state.full_digest)

    @precondition(lambda self: self.offered)
    @rule(data=st.data())
    def answer_a_checkpoint(self, data: st.DataObject) -> None:
        place = data.draw(st.integers(0, len(self.offered) - 1))
        self.answered = self.offered[place]
        self.offered = self.offered[place:]
        self.carry_out(self.state.receive(CheckpointAnswered(self.answered)))

    @precondition(lambda self: self.state.durable_shards)
    @rule(data=st.data())
    def lose_a_shard(self, data: st.DataObject) -> None:
        held = sorted(self.queries.chunks(DEAL.id))
        chunk = data.draw(st.sampled_from(held))
        assert self.journal.mark_missing(DEAL.id, [chunk]) == (chunk,)
        self.missing.add(chunk)
        newest = self.manifests.get(self.state.full_digest)
        spans = spans_in(newest, [chunk]) if newest else {chunk: None}
        self.state.receive(ShardsDamaged(spans))

    @precondition(lambda self: self.missing)
    @rule()
    def rebuild_one(self) -> None:
        self.rebuild(min(self.missing))

    def rebuild(self, chunk: ChunkId) -> None:
        self.journal.unmark_missing(DEAL.id, [chunk])
        self.state.receive(ShardsRebuilt((chunk,)))
        self.missing.discard(chunk)

    @rule()
    def restart(self) -> None:
        """Every head comes back as offered, so nothing an audit may ask is gone."""
        restored = self.queries.restore().get(DEAL.id)
        if restored is None:
            assert self.state.newest is None
            return
        lengths = self.queries.chunks(DEAL.id).values()
        restored.durable_shards, restored.durable_bytes = len(lengths), sum(lengths)
        if restored.full:
            newest = self.manifests[restored.full_digest]
            restored.missing.update(spans_in(newest, tuple(restored.missing)))
        kept = self.state
        for chunk, shard in kept.staged.items():
            restored.stage(chunk, shard)
        for name in ("phase", "newest", "pending", "trunk", "full", "full_digest"):
            assert getattr(restored, name) == getattr(kept, name), name
        for name in ("missing", "staged_bytes", "durable_bytes", "durable_shards"):
            assert getattr(restored, name) == getattr(kept, name), name
        assert restored.entry() == kept.entry()
        self.state = restored
        self.offered = list(restored.trunk)

    def carry_out(self, effects: list[Effect]) -> None:
        for effect in effects:
            assert isinstance(effect, ForgetHeads)
            gone = self.journal.forget(DEAL.id, effect.digests)
            self.state.receive(HeadsForgotten(effect.digests, gone))
            self.missing -= gone.keys()

    # What always holds

    @invariant()
    def what_is_needed_is_there(self) -> None:
        retained = {*self.state.trunk, *self.state.pending}
        needed = {self.state.full_digest, self.answered, *self.offered}
        if self.state.newest:
            needed.add(self.state.newest.digest)
        assert needed - {NO_HEAD} <= retained
        held = set()
        for digest in retained:
            manifest = self.queries.manifest(DEAL.id, digest)
            assert manifest == self.manifests[digest]
            held |= {one.chunk for one in manifest.entries}
        chunks = self.queries.chunks(DEAL.id)
        assert held <= chunks.keys()
        assert len(chunks) == self.state.durable_shards
        assert sum(chunks.values()) == self.state.durable_bytes
        assert self.missing == set(self.state.missing) <= chunks.keys()

    @invariant()
    def the_entry_declares_what_is_missing(self) -> None:
        entry = self.state.entry()
        newest = self.manifests.get(self.state.full_digest) or Manifest(1, 2)
        assert (entry.root, entry.count) == (newest.root, len(newest.entries))
        lost = [one for one in newest.entries if one.chunk in self.missing]
        assert entry.present_bytes == entry.held_bytes - sum(e.length for e in lost)

    @invariant()
    def the_phase_says_how_far_the_newest_head_is(self) -> None:
        if self.state.newest is None:
            assert self.state.phase is Phase.EMPTY
        elif self.state.newest.digest in self.state.pending:
            assert self.state.phase is Phase.PENDING
        else:
            assert self.state.phase is Phase.ACKNOWLEDGED


TestHoldingMachine = HoldingMachine.TestCase
TestHoldingMachine.settings = settings(
    max_examples=100,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
