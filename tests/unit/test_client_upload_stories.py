"""The upload machine in whole stories: crashes at any step, and two writers."""

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
    Flushed,
    FlushWanted,
    Proposal,
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
from holdfast.protocol.signing import Signed
from holdfast.protocol.units import ChunkId
from upload_steps import MEMO, of, opened, settle
from upload_world import (
    DEAL,
    IDENTITIES,
    NETWORK,
    PAIR,
    K,
    N,
    World,
    WorldHolder,
    chunk,
    length,
)

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
