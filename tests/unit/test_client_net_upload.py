"""The upload machine: tables of single steps."""

from dataclasses import replace

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
from holdfast.protocol.manifest import (
    HEAD,
    Manifest,
    ManifestChange,
    next_head,
)
from holdfast.protocol.receipt import RECEIPT
from holdfast.protocol.signing import Signed
from upload_steps import MEMO, STALLED, of, opened, settle, wait
from upload_world import (
    DEAL,
    KEYS,
    NETWORK,
    PAIR,
    K,
    N,
    World,
    chunk,
    length,
)


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
    wait(world, STALLED - 3)
    assert not of(world, DealAbandoned)
    wait(world, 4)
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
