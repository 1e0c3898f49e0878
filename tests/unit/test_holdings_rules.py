"""The rules of the data side, one case at a time."""

from dataclasses import replace

import pytest

from holdfast.protocol.errors import SignatureInvalidError
from holdfast.protocol.manifest import (
    NO_HEAD,
    Manifest,
    ManifestEntry,
    SignedHead,
    next_head,
)
from holdfast.protocol.receipt import RECEIPT, FullReceipt, Receipt, SignedReceipt
from holdfast.protocol.units import MIB, ChunkId, Digest
from holdfast.vault.core import head_rule
from holdfast.vault.core.conflict import Conflict, ConflictError, check_conflict
from holdfast.vault.core.deal_holding import DealHolding, Phase
from holdfast.vault.core.deal_state import TRANSITIONS, DealState, Step
from holdfast.vault.core.holding_events import (
    AskShards,
    CheckManifest,
    CheckpointAnswered,
    CheckpointOffered,
    Countersign,
    Countersigned,
    DealCollected,
    Event,
    ForgetHeads,
    FullReceiptShown,
    HaveShard,
    HeadAcknowledged,
    HeadCountersigned,
    HeadProposed,
    HealShard,
    KeepFullReceipt,
    ManifestChecked,
    Refuse,
    ShardOffered,
    ShardsDamaged,
    ShardStaged,
    ShowNewer,
    TakeShard,
)
from holdfast.vault.core.holdings import Holdings
from holdfast.vault.core.refusals import Refusal
from vault_data_world import DEAL_PAIR, PARAMS, a_deal, sign_head, vault_keys

VAULTS = [vault_keys(number) for number in range(3)]
DEAL = a_deal([keys.vault_id for keys in VAULTS], k=2)
CHUNKS = [ChunkId(bytes([i]) * 32) for i in range(1, 9)]
KEYS = {keys.vault_id: keys.identity.public for keys in VAULTS}
NETWORK = PARAMS.network_id


def a_head(
    sequence: int = 1, predecessor: Digest = NO_HEAD, memo: int = 0
) -> SignedHead:
    head = next_head(DEAL.id, None, Manifest(2, 3), bytes([memo]) * 256)
    return sign_head(replace(head, sequence=sequence, predecessor=predecessor))


def receipt(head: SignedHead, index: int = 0) -> SignedReceipt:
    keys = VAULTS[index]
    value = head.value
    said = Receipt(DEAL.id, value.sequence, value.digest(), index, keys.vault_id, 1)
    return RECEIPT.sign(said, NETWORK, keys.identity)


def countersigned(head: SignedHead) -> HeadCountersigned:
    one = Countersigned(head, head.value.digest(), receipt(head))
    return HeadCountersigned(one, NO_HEAD, ())


def acknowledged(head: SignedHead) -> HeadAcknowledged:
    full = FullReceipt(head, DEAL.deal_key, (), ())
    return HeadAcknowledged(full, head.value.digest(), {})


FIRST = a_head()
SECOND = a_head(2, FIRST.value.digest())


def a_state(*events: Event) -> DealState:
    state = DealState(DEAL.id, 0, 2, 3)
    for event in events:
        state.receive(event)
    return state


EMPTY: tuple[Event, ...] = ()
PENDING = (countersigned(FIRST),)
ACKNOWLEDGED = (*PENDING, acknowledged(FIRST))
PENDING_TWICE = (*PENDING, countersigned(SECOND))


@pytest.mark.parametrize(
    ("before", "event", "step"),
    [
        (EMPTY, countersigned(FIRST), Step.COUNTERSIGN),
        (PENDING, countersigned(SECOND), Step.COUNTERSIGN),
        (ACKNOWLEDGED, countersigned(SECOND), Step.COUNTERSIGN),
        (PENDING, acknowledged(FIRST), Step.ACKNOWLEDGE_NEWEST),
        (PENDING_TWICE, acknowledged(FIRST), Step.ACKNOWLEDGE_OLDER),
        (EMPTY, DealCollected(), Step.COLLECT),
        (PENDING, DealCollected(), Step.COLLECT),
        (ACKNOWLEDGED, DealCollected(), Step.COLLECT),
    ],
)
def test_each_event_moves_a_deal_as_its_table_says(
    before: tuple[Event, ...], event: Event, step: Step
) -> None:
    state = a_state(*before)
    after = TRANSITIONS[state.phase, step]
    state.receive(event)
    assert state.phase is after


def test_no_phase_is_without_a_way_in_and_only_the_end_has_no_way_out() -> None:
    assert {phase for phase, _ in TRANSITIONS} == set(Phase) - {Phase.COLLECTED}
    assert set(TRANSITIONS.values()) == set(Phase) - {Phase.EMPTY}


def test_a_collected_deal_hears_nothing() -> None:
    state = a_state(DealCollected())
    with pytest.raises(AssertionError):
        state.receive(CheckpointOffered())


@pytest.mark.parametrize(
    ("before", "head", "answer"),
    [
        (EMPTY, FIRST, CheckManifest),
        (EMPTY, SECOND, Refuse),
        (EMPTY, a_head(1, FIRST.value.digest()), Refuse),
        (PENDING, SECOND, CheckManifest),
        (PENDING, a_head(memo=7), ShowNewer),
        (PENDING, a_head(2, Digest(b"\7" * 32)), ShowNewer),
        (PENDING, a_head(3, FIRST.value.digest()), ShowNewer),
        (PENDING_TWICE, a_head(memo=7), ShowNewer),
        (ACKNOWLEDGED, SECOND, CheckManifest),
        (ACKNOWLEDGED, a_head(memo=7), ShowNewer),
    ],
)
def test_a_head_follows_the_newest_or_is_shown_it(
    before: tuple[Event, ...], head: SignedHead, answer: type
) -> None:
    state = a_state(*before)
    (effect,) = state.receive(HeadProposed(head, head.value.digest()))
    assert isinstance(effect, answer)
    if isinstance(effect, ShowNewer):
        assert (effect.newer, effect.full) == (state.newest, state.full)


OTHER = a_head(memo=9)
BOTH = (FIRST.value.digest(), OTHER.value.digest())


@pytest.mark.parametrize("below", [FIRST, OTHER])
def test_a_proven_conflict_lets_a_head_follow_either(below: SignedHead) -> None:
    head = a_head(2, below.value.digest(), memo=3)
    proposed = HeadProposed(head, head.value.digest(), BOTH, 1)
    assert a_state(*PENDING).receive(proposed) == [CheckManifest()]
    assert a_state().receive(proposed) == [CheckManifest()]


@pytest.mark.parametrize(
    ("conflict", "sequence"),
    [
        ((OTHER.value.digest(),) * 2, 1),
        ((OTHER.value.digest(),), 1),
        ((FIRST.value.digest(), Digest(b"\1" * 32)), 1),
        (BOTH, 2),
        ((), 0),
    ],
)
def test_what_is_no_conflict_lets_nothing_follow(
    conflict: tuple[Digest, ...], sequence: int
) -> None:
    head = a_head(2, OTHER.value.digest())
    proposed = HeadProposed(head, head.value.digest(), conflict, sequence)
    (effect,) = a_state(*PENDING).receive(proposed)
    assert isinstance(effect, ShowNewer)


def test_an_acknowledged_head_cannot_be_conflicted_away() -> None:
    head = a_head(2, OTHER.value.digest())
    proposed = HeadProposed(head, head.value.digest(), BOTH, 1)
    (effect,) = a_state(*ACKNOWLEDGED).receive(proposed)
    assert isinstance(effect, ShowNewer)
    assert effect.full is not None


def checked(added: tuple[ManifestEntry, ...] = (), **facts: object) -> ManifestChecked:
    head = FIRST.value
    event = ManifestChecked(
        FIRST, head.root, head.count, head.held_bytes, MIB, added, {}
    )
    return replace(event, **facts)  # type: ignore[arg-type] # fields by name


def test_a_head_must_name_the_manifest_it_makes() -> None:
    for wrong in ({"root": Digest(bytes(32))}, {"count": 1}, {"held_bytes": 1}):
        (effect,) = a_state().receive(checked(**wrong))
        assert isinstance(effect, Refuse)
        assert effect.kind is Refusal.INVALID


def test_a_head_must_fit_the_deals_capacity() -> None:
    head = sign_head(replace(FIRST.value, held_bytes=MIB + 1))
    (effect,) = a_state().receive(checked(head=head, held_bytes=MIB + 1))
    assert isinstance(effect, Refuse)
    assert effect.kind is Refusal.EXHAUSTED


def test_staged_shards_are_settled_and_others_asked_for() -> None:
    staged, durable, lost, absent = (ManifestEntry(chunk, 10) for chunk in CHUNKS[:4])
    state = a_state(
        ShardStaged(staged.chunk, 10, 5, 0.0), ShardsDamaged({lost.chunk: None})
    )
    known = {durable.chunk: 10, lost.chunk: 10}
    (effect,) = state.receive(checked((staged, durable, lost, absent), durable=known))
    assert effect == AskShards((lost.chunk, absent.chunk))
    (effect,) = state.receive(checked((staged, durable), durable=known))
    assert effect == Countersign((staged.chunk,))


def test_an_entry_must_give_its_shards_length() -> None:
    state = a_state(ShardStaged(CHUNKS[0], 10, 5, 0.0))
    for entry in (ManifestEntry(CHUNKS[0], 11), ManifestEntry(CHUNKS[1], 9)):
        (effect,) = state.receive(checked((entry,), durable={CHUNKS[1]: 8}))
        assert isinstance(effect, Refuse)
        assert effect.kind is Refusal.INVALID


def test_a_full_receipt_is_kept_once_and_only_of_a_known_head() -> None:
    first = FullReceiptShown(FIRST.value.digest(), 1)
    stranger = FullReceiptShown(Digest(b"\7" * 32), 5)
    assert a_state(*PENDING).receive(first) == [KeepFullReceipt()]
    assert a_state(*ACKNOWLEDGED).receive(first) == []
    (effect,) = a_state(*ACKNOWLEDGED).receive(stranger)
    assert isinstance(effect, Refuse)


def test_heads_wait_for_the_audits_that_may_name_them() -> None:
    state = a_state(*ACKNOWLEDGED, CheckpointOffered(), countersigned(SECOND))
    assert state.receive(acknowledged(SECOND)) == []
    state.receive(CheckpointOffered())
    assert state.receive(CheckpointAnswered(FIRST.value.digest())) == []
    forget = [ForgetHeads((FIRST.value.digest(),))]
    assert state.receive(CheckpointAnswered(SECOND.value.digest())) == forget


def test_a_head_that_no_checkpoint_named_goes_with_the_next() -> None:
    state = a_state(*ACKNOWLEDGED, countersigned(SECOND))
    assert state.receive(acknowledged(SECOND)) == [ForgetHeads((FIRST.value.digest(),))]


def test_too_many_unacknowledged_heads_are_refused() -> None:
    state = a_state()
    below = NO_HEAD
    for sequence in range(1, head_rule.PENDING_MAX + 2):
        head = a_head(sequence, below)
        below = head.value.digest()
        (effect,) = state.receive(HeadProposed(head, below))
        if sequence <= head_rule.PENDING_MAX:
            assert effect == CheckManifest()
            state.receive(countersigned(head))
    assert isinstance(effect, Refuse)
    assert effect.kind is Refusal.EXHAUSTED


def offered(**facts: object) -> ShardOffered:
    event = ShardOffered(CHUNKS[0], 1_000, 10_000, 10_000)
    return replace(event, **facts)  # type: ignore[arg-type] # fields by name


def test_shards_are_taken_while_there_is_room() -> None:
    state = a_state()
    assert state.receive(offered()) == [TakeShard()]
    for full in (
        {"room": 999},
        {"capacity": 499},
        {"shard_bytes": head_rule.STAGED_BYTES_MAX + 1, "capacity": 1 << 40},
    ):
        (effect,) = state.receive(offered(**full))
        assert isinstance(effect, Refuse)
        assert effect.kind is Refusal.EXHAUSTED
    state.receive(ShardStaged(CHUNKS[0], 4_000, 1_000, 0.0))
    assert state.receive(offered(room=0)) == [HaveShard()]
    state.receive(ShardsDamaged({CHUNKS[0]: None}))
    assert state.receive(offered(room=0)) == [HealShard()]


def test_a_deal_stages_no_more_than_so_many_shards() -> None:
    state = a_state()
    for number in range(head_rule.STAGED_COUNT_MAX):
        chunk = ChunkId(number.to_bytes(32, "big"))
        state.receive(ShardStaged(chunk, 1, 1, 0.0))
    (effect,) = state.receive(offered(capacity=MIB))
    assert isinstance(effect, Refuse)


def conflict_of(*shown: tuple[SignedHead, SignedReceipt]) -> Conflict:
    return check_conflict(shown, DEAL, NETWORK, KEYS)


def test_two_countersigned_heads_of_one_sequence_are_a_conflict() -> None:
    shown = ((FIRST, receipt(FIRST, 1)), (OTHER, receipt(OTHER, 2)))
    assert conflict_of(*shown) == Conflict(BOTH, 1)
    assert conflict_of() == Conflict()


def test_what_does_not_prove_a_conflict_is_refused() -> None:
    good = (FIRST, receipt(FIRST, 1))
    for wrong in (
        (FIRST, receipt(FIRST, 2)),
        (SECOND, receipt(SECOND, 1)),
        (OTHER, receipt(FIRST, 1)),
    ):
        with pytest.raises(ConflictError):
            conflict_of(good, wrong)
    with pytest.raises(ConflictError):
        conflict_of(good)
    stranger = vault_keys(77)
    said = replace(receipt(OTHER, 1).value, vault=stranger.vault_id)
    with pytest.raises(ConflictError):
        conflict_of(good, (OTHER, RECEIPT.sign(said, NETWORK, stranger.identity)))
    beyond = replace(receipt(OTHER, 1).value, index=9)
    with pytest.raises(ConflictError):
        conflict_of(good, (OTHER, RECEIPT.sign(beyond, NETWORK, VAULTS[1].identity)))
    forged = RECEIPT.sign(receipt(OTHER, 1).value, NETWORK, DEAL_PAIR)
    with pytest.raises(SignatureInvalidError):
        conflict_of(good, (OTHER, forged))
    unsigned = replace(OTHER, signature=bytes(64))
    with pytest.raises(SignatureInvalidError):
        conflict_of(good, (unsigned, receipt(OTHER, 1)))


def test_entries_leave_out_deals_that_may_be_deleted_next_epoch() -> None:
    holdings = Holdings(VAULTS[0].vault_id)
    over = DEAL.collectable_epoch(PARAMS)
    assert len(holdings.offer_entries([DEAL], over - 2, PARAMS).items) == 1
    assert holdings.offer_entries([DEAL], over - 1, PARAMS).items == ()


def test_a_deal_is_deleted_when_its_time_is_over_and_no_audit_asks() -> None:
    over = DEAL.collectable_epoch(PARAMS)

    def collectable(epoch: int, *events: Event) -> bool:
        holdings = Holdings(VAULTS[0].vault_id)
        holdings.deals[DEAL.id] = a_state(*events)
        return holdings.collectable(DEAL, epoch, PARAMS)

    assert not collectable(over - 1)
    assert collectable(over)
    assert not collectable(over, *ACKNOWLEDGED)
    assert collectable(over, *ACKNOWLEDGED, CheckpointAnswered(None))
    assert collectable(over + PARAMS.keep_epochs, *ACKNOWLEDGED)
    assert not Holdings(VAULTS[0].vault_id).collectable(DEAL, over, PARAMS)


def test_a_holding_without_a_full_receipt_has_an_empty_entry() -> None:
    holding = DealHolding(DEAL.id, 1, 2, 3)
    entry = holding.entry()
    empty = Manifest(2, 3)
    assert (entry.head, entry.sequence) == (NO_HEAD, 0)
    assert (entry.root, entry.count, entry.held_bytes) == (empty.root, 0, 0)
