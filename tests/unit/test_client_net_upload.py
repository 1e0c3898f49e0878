"""The upload machine: tables of single steps, and stories that Hypothesis makes up."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.client.core.deal_state import (
    DealState,
    Finish,
    HolderWord,
    Ready,
    Rival,
    deal_state,
    next_step,
)
from holdfast.client.core.upload import (
    UploadState,
)
from holdfast.client.core.upload_events import (
    ChunkAdded,
    ClockTicked,
    DealAbandoned,
    Flushed,
    FlushWanted,
    HeadAcknowledged,
    KeepFullReceipt,
    NewerHeadShown,
    Proposal,
    ProposeHead,
    ReceiptCame,
    SendShard,
    ShardsMissed,
    Superseded,
)
from holdfast.client.core.upload_terms import (
    Footing,
    standing_on,
)
from holdfast.protocol.deal import Deal
from holdfast.protocol.manifest import (
    HEAD,
    Manifest,
    ManifestChange,
    next_head,
)
from holdfast.protocol.receipt import RECEIPT
from holdfast.protocol.signing import Signed
from holdfast.protocol.units import ChunkId
from upload_world import (
    DEAL,
    IDENTITIES,
    KEYS,
    NETWORK,
    PAIR,
    K,
    N,
    World,
    WorldHolder,
    chunk,
    length,
)

MEMO = b"\x31" * 256


def opened(count: int = 0) -> World:
    world = World()
    world.begin()
    for index in range(N):
        world.connect(index)
    for number in range(count):
        world.tell(ChunkAdded(chunk(number), length(number), world.now))
    return world


def settle(world: World) -> None:
    """Let everything happen, in order, and time pass where it must."""
    for _ in range(10_000):
        if world.todo:
            world.happen(0)
            continue
        world.now += 1.5
        before = len(world.seen)
        world.tell(ClockTicked(world.now))
        if len(world.seen) == before:
            return
    raise AssertionError("it never comes to rest")


def wait(world: World, seconds: float) -> None:
    for _ in range(int(seconds)):
        world.now += 1
        world.tell(ClockTicked(world.now))


def of(world: World, kind: type) -> list[object]:
    return [effect for effect in world.seen if isinstance(effect, kind)]


def test_shards_go_to_all_holders_within_their_windows() -> None:
    world = opened(20)
    sent = of(world, SendShard)
    # A window is 1 MiB of shards of a quarter each; the fifth waits.
    assert len(sent) == 3 * N


def test_a_flush_acknowledges_everything_under_its_memo() -> None:
    world = opened(5)
    world.tell(FlushWanted(MEMO, frozenset(), world.now))
    settle(world)
    assert of(world, Flushed)
    assert world.acknowledged == {chunk(number) for number in range(5)}
    assert world.machine.footing.memo == MEMO
    assert world.machine.unacknowledged == ()


def test_a_flush_of_nothing_new_signs_nothing() -> None:
    world = opened()
    world.tell(FlushWanted(bytes(256), frozenset(), world.now))
    assert of(world, Flushed)
    assert not of(world, ProposeHead)


def test_heads_are_signed_on_the_way_and_the_last_keeps_the_memo() -> None:
    world = opened(30)
    settle(world)
    assert of(world, HeadAcknowledged)
    world.tell(FlushWanted(MEMO, frozenset(), world.now))
    settle(world)
    heads = of(world, HeadAcknowledged)
    memos = [effect.full.head.value.memo for effect in heads]  # type: ignore[attr-defined]
    assert memos == [bytes(256)] * (len(heads) - 1) + [MEMO]
    assert len(heads) > 2


def test_removed_chunks_leave_with_the_flush() -> None:
    world = opened(3)
    world.tell(FlushWanted(MEMO, frozenset(), world.now))
    settle(world)
    gone = frozenset({chunk(1), chunk(99)})
    world.tell(FlushWanted(b"\x32" * 256, gone, world.now))
    settle(world)
    left = [entry.chunk for entry in world.machine.footing.manifest.entries]
    assert left == [chunk(0), chunk(2)]


def test_what_is_staged_from_before_is_not_sent_again() -> None:
    world = World()
    for holder in world.holders:
        holder.staged.add(chunk(0))
    world.begin()
    for index in range(N):
        world.connect(index)
    world.tell(ChunkAdded(chunk(0), length(0), world.now))
    assert not of(world, SendShard)
    assert world.machine.staged_everywhere([chunk(0), chunk(1)]) == {chunk(0)}
    world.tell(FlushWanted(MEMO, frozenset(), world.now))
    settle(world)
    assert world.acknowledged == {chunk(0)}


def test_what_is_listed_already_is_not_added_again() -> None:
    world = opened(1)
    world.tell(FlushWanted(MEMO, frozenset(), world.now))
    settle(world)
    world.seen.clear()
    world.tell(ChunkAdded(chunk(0), length(0), world.now))
    assert not world.seen


def test_a_holder_that_gets_nowhere_is_left_behind() -> None:
    world = opened(4)
    while any(effect.index != 2 for effect in world.todo):  # type: ignore[union-attr]
        place = next(
            place
            for place, effect in enumerate(world.todo)
            if effect.index != 2  # type: ignore[union-attr]
        )
        world.happen(place)
    wait(world, 31)
    (end,) = of(world, DealAbandoned)
    assert isinstance(end, DealAbandoned)
    assert [left.index for left in end.left_behind] == [2]
    assert set(end.unacknowledged) == {chunk(number) for number in range(4)}
    assert world.machine.state is UploadState.ABANDONED


def test_a_holder_away_is_left_behind_sooner_than_a_slow_one() -> None:
    world = opened(1)
    world.lose(1, crash=True)
    while world.todo:
        world.happen(0)
    wait(world, 11)
    (end,) = of(world, DealAbandoned)
    assert isinstance(end, DealAbandoned)
    assert [(left.index, left.reason) for left in end.left_behind] == [(1, "gone")]


def test_an_idle_upload_leaves_nobody_behind() -> None:
    world = opened(1)
    world.tell(FlushWanted(MEMO, frozenset(), world.now))
    settle(world)
    world.lose(3, crash=True)
    wait(world, 1_000)
    assert world.machine.state is UploadState.RUNNING


def test_nobody_is_blamed_for_a_night_in_suspend() -> None:
    world = opened(4)
    world.now += 30_000
    world.tell(ClockTicked(world.now))
    assert not of(world, DealAbandoned)
    wait(world, 31)
    assert of(world, DealAbandoned)


def test_a_wrong_receipt_leaves_its_holder_behind() -> None:
    world = opened(1)
    world.tell(FlushWanted(MEMO, frozenset(), world.now))
    while not of(world, ProposeHead):
        world.happen(0)
    (first, *_) = of(world, ProposeHead)
    assert isinstance(first, ProposeHead)
    receipt = world.holders[first.index].judge(first.proposal)
    assert isinstance(receipt, Signed)
    forged = Signed(receipt.value, bytes(64))
    world.tell(ReceiptCame(first.index, forged, world.now))
    assert of(world, DealAbandoned)


def test_a_receipt_for_anothers_index_leaves_its_holder_behind() -> None:
    world = opened(1)
    world.tell(FlushWanted(MEMO, frozenset(), world.now))
    while not of(world, ProposeHead):
        world.happen(0)
    (first, *_) = of(world, ProposeHead)
    assert isinstance(first, ProposeHead)
    receipt = world.holders[first.index].judge(first.proposal)
    assert isinstance(receipt, Signed)
    wrong = replace(receipt.value, index=(first.index + 1) % N)
    signed = RECEIPT.sign(wrong, NETWORK, KEYS[first.index].identity)
    world.tell(ReceiptCame(first.index, signed, world.now))
    (end,) = of(world, DealAbandoned)
    assert isinstance(end, DealAbandoned)
    assert [left.index for left in end.left_behind] == [first.index]


def test_a_holder_that_lost_older_shards_is_left_behind() -> None:
    world = opened(1)
    world.tell(FlushWanted(MEMO, frozenset(), world.now))
    settle(world)
    world.tell(ShardsMissed(0, (chunk(0),), world.now))
    assert of(world, DealAbandoned)


def test_another_writers_head_ends_the_upload() -> None:
    world = opened(1)
    other = HEAD.sign(next_head(DEAL.id, None, Manifest(K, N), MEMO), NETWORK, PAIR)
    proposal = Proposal(other, bytes(32), ManifestChange())  # type: ignore[arg-type]
    assert isinstance(world.holders[0].judge(proposal), Signed)
    world.tell(FlushWanted(b"\x32" * 256, frozenset(), world.now))
    while world.todo:
        world.happen(0)
    (end,) = of(world, Superseded)
    assert isinstance(end, Superseded)
    assert end.newer.head == other
    assert end.unacknowledged == (chunk(0),)


def test_a_newer_head_that_nobody_signed_fools_nobody() -> None:
    world = opened(1)
    other = HEAD.sign(next_head(DEAL.id, None, Manifest(K, N), MEMO), NETWORK, PAIR)
    proposal = Proposal(other, bytes(32), ManifestChange())  # type: ignore[arg-type]
    world.holders[0].judge(proposal)
    pending = world.holders[0].pending
    assert pending is not None
    forged = type(pending)(Signed(other.value, bytes(64)), pending.receipt)
    world.tell(NewerHeadShown(0, forged, world.now))
    assert not of(world, Superseded)
    assert of(world, DealAbandoned)


def test_full_receipts_are_offered_until_enough_holders_keep_one() -> None:
    world = opened(1)
    world.tell(FlushWanted(MEMO, frozenset(), world.now))
    while not of(world, KeepFullReceipt):
        world.happen(0)
    for index in range(N):
        world.lose(index, crash=False)
    while world.todo:
        world.happen(0)
    assert not of(world, Flushed)
    world.now += 2
    for index in range(N):
        world.connect(index)
    settle(world)
    assert of(world, Flushed)


STEP = st.one_of(
    st.tuples(st.just("happen"), st.integers(0, 200)),
    st.tuples(st.just("add"), st.integers(0, 0)),
    st.tuples(st.just("lose"), st.integers(0, N - 1)),
    st.tuples(st.just("crash"), st.integers(0, N - 1)),
    st.tuples(st.just("connect"), st.integers(0, N - 1)),
    st.tuples(st.just("tick"), st.integers(1, 3)),
    st.tuples(st.just("flush"), st.integers(0, 0)),
)


def play(world: World, steps: list[tuple[str, int]], first: int = 0) -> int:
    """Do what the steps say; return how many chunks were added."""
    added = first
    for what, number in steps:
        match what:
            case "happen" if world.todo:
                world.happen(number)
            case "add":
                world.tell(ChunkAdded(chunk(added), length(added), world.now))
                added += 1
            case "lose" | "crash":
                world.lose(number, crash=what == "crash")
            case "connect":
                world.connect(number)
            case "tick":
                world.now += number
                world.tell(ClockTicked(world.now))
            case "flush":
                memo = bytes([added % 256]) * 256
                world.tell(FlushWanted(memo, frozenset(), world.now))
            case _:
                pass
    return added


@settings(max_examples=60, deadline=None)
@given(st.lists(STEP, max_size=120))
def test_whatever_happens_what_is_acknowledged_is_everywhere(
    steps: list[tuple[str, int]],
) -> None:
    world = World()
    world.begin()
    added = play(world, steps)  # the world checks each acknowledgement
    for index in range(N):
        world.connect(index)
    world.tell(FlushWanted(MEMO, frozenset(), world.now))
    settle(world)
    if world.machine.state is UploadState.RUNNING:
        assert world.acknowledged == {chunk(number) for number in range(added)}
        assert world.machine.footing.memo == MEMO
    else:
        assert world.now > 10  # nobody is given up within his patience
        missing = {chunk(number) for number in range(added)} - world.acknowledged
        assert set(world.machine.unacknowledged) == missing


# The state of a deal that a crash left behind.


def words(holders: list[WorldHolder]) -> list[HolderWord]:
    return [HolderWord(each.index, each.full, each.pending) for each in holders]


def state_of(world: World, deal: Deal = DEAL) -> DealState:
    return deal_state(deal, words(world.holders), NETWORK, IDENTITIES)


def recovered(world: World) -> Footing:
    """Do what `next_step` says until the deal is ready, as the shell does."""
    tried = False
    for _ in range(50):
        state = state_of(world)
        manifest = Manifest(K, N)
        if state.head is not None:
            digest = state.head.value.digest()
            manifest = next(
                each.manifests[digest]
                for each in world.holders
                if digest in each.manifests
            )
            assert state.full is not None
            for each in world.holders:
                each.keep(state.full)
        step = next_step(state, manifest, can_finish=not tried)
        base = standing_on(state.head, manifest).base
        match step:
            case Ready(footing):
                return footing
            case Finish(head, source, lacking):
                tried = True
                after = world.holders[source].manifests[head.value.digest()]
                added = after.entries[len(manifest.entries) :]
                change = ManifestChange((), added)
                for index in lacking:
                    world.holders[index].judge(Proposal(head, base, change))
            case Rival(index, predecessor):
                head = HEAD.sign(
                    next_head(DEAL.id, predecessor, manifest, state.memo),
                    NETWORK,
                    PAIR,
                )
                rival = Proposal(head, base, ManifestChange())
                assert isinstance(world.holders[index].judge(rival), Signed)
    raise AssertionError("the deal never gets ready")


@settings(max_examples=30, deadline=None)
@given(st.lists(st.lists(STEP, max_size=60), min_size=1, max_size=5))
def test_clients_may_die_anywhere_and_the_next_one_goes_on(
    lives: list[list[tuple[str, int]]],
) -> None:
    world = World()
    world.begin()
    added = 0
    acknowledged: set[ChunkId] = set()
    for steps in lives:
        added = play(world, steps, added)
        acknowledged |= world.acknowledged
        footing = recovered(world)
        listed = set(footing.manifest.positions)
        assert listed >= acknowledged
        world.begin(footing)
        world.now += 100
    for index in range(N):
        world.connect(index)
    for number in range(added):
        world.tell(ChunkAdded(chunk(number), length(number), world.now))
    world.tell(FlushWanted(MEMO, frozenset(), world.now))
    settle(world)
    assert world.machine.state is UploadState.RUNNING
    assert set(world.machine.footing.manifest.positions) == {
        chunk(number) for number in range(added)
    }


def test_two_clients_of_one_deal_never_both_acknowledge() -> None:
    one, two = World(), World()
    two.holders = one.holders
    for world, memo in ((one, b"\x41" * 256), (two, b"\x42" * 256)):
        world.begin()
        for index in range(N):
            world.connect(index)
        world.tell(FlushWanted(memo, frozenset(), world.now))
    for world in (one, two):
        world.happen(0 if world is one else -1)
    for _ in range(20):
        for world in (one, two):
            if world.todo:
                world.happen(0)
    assert not of(one, Flushed)
    assert not of(two, Flushed)
    assert of(one, Superseded)
    assert of(two, Superseded)
    footing = recovered(one)
    assert footing.conflict
    one.begin(footing)
    for index in range(N):
        one.connect(index)
    one.tell(FlushWanted(MEMO, frozenset(), one.now))
    settle(one)
    assert one.machine.footing.memo == MEMO


def test_words_that_do_not_verify_count_as_not_said() -> None:
    world = opened(1)
    world.tell(FlushWanted(MEMO, frozenset(), world.now))
    settle(world)
    full = world.holders[0].full
    assert full is not None
    other = HEAD.sign(
        next_head(DEAL.id, full.head.value, Manifest(K, N), MEMO), NETWORK, PAIR
    )
    forged = type(full)(other, full.deal_key, full.receipts, full.identities)
    said = [HolderWord(0, forged, None), HolderWord(1, full, None)]
    state = deal_state(DEAL, said, NETWORK, IDENTITIES)
    assert state.full == full
    assert state.is_certain
    assert not deal_state(DEAL, said[:1], NETWORK, IDENTITIES).is_certain
