"""Letters: however starved the network, a peer gets few calls, and in the end all."""

import heapq
import itertools
import random
from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from audit_parties import Parties, of_kind
from holdfast.protocol.cases import Case, Fault
from holdfast.protocol.faults import Miss, MissCertificate
from holdfast.protocol.signing import Signed
from holdfast.protocol.units import VaultId
from holdfast.vault.core import effects as fx
from holdfast.vault.core import letters as under_test
from holdfast.vault.core.events import Asked
from holdfast.vault.core.fault_messages import (
    OpenCase,
    PingFor,
    Reached,
    TellMiss,
    TellMissed,
)
from holdfast.vault.core.letters import (
    AT_ONCE,
    PEER_AT_ONCE,
    PEER_EPOCH_MAX,
    Content,
    Letters,
)
from holdfast.vault.core.liveness import FAVOURS_MAX, WAITING_MAX, Liveness
from holdfast.vault.core.refusals import Refusal
from simulation.world import sim_params

SILENT_EPOCH_MAX = 14
PARTIES = Parties(24, sim_params(epoch_seconds=3600))
PARTIES.reach(6)
EPOCH = 4
PEERS = list(PARTIES.by_id)[1:]

Outcome = Callable[[float, VaultId, Content], str]


def missed(number: int) -> TellMissed:
    return TellMissed(MissCertificate(PEERS[number % len(PEERS)], number, ()))


def miss(number: int) -> TellMiss:
    value = Miss(PEERS[number % len(PEERS)], number, 0)
    return TellMiss(Signed(value, bytes(64)), PARTIES.me.id)


def case(number: int) -> OpenCase:
    return OpenCase(Case(PEERS[number % len(PEERS)], Fault.AWAY.value))


class Post:
    """Carries letters; what becomes of each call, the test says."""

    def __init__(self, outcome: Outcome) -> None:
        self.letters = Letters(PARTIES.me)
        self.outcome = outcome
        self.now = PARTIES.at(EPOCH)
        self.calls: Counter[tuple[VaultId, int]] = Counter()
        self.flying: Counter[VaultId] = Counter()
        self.told: dict[VaultId, list[Content]] = {peer: [] for peer in PEERS}
        self._queue: list[tuple[float, int, Callable[[], list[fx.Effect]]]] = []
        self._order = itertools.count()
        for epoch in range(EPOCH, EPOCH + 8):
            self.at(PARTIES.at(epoch), lambda: self.letters.step(self.now))

    def at(self, seconds: float, act: Callable[[], list[fx.Effect]]) -> None:
        heapq.heappush(self._queue, (seconds, next(self._order), act))

    def send(self, content: Content, epochs: float = 2.0) -> list[fx.Effect]:
        until = self.now + epochs * PARTIES.params.epoch_seconds
        self.letters.send(content, PEERS, until)
        return self.letters.step(self.now)

    def run(self, end: float) -> None:
        while self._queue and self._queue[0][0] <= end:
            self.now, _, act = heapq.heappop(self._queue)
            for effect in act():
                if isinstance(effect, fx.WakeAt):
                    self.at(effect.seconds, lambda: self.letters.step(self.now))
                if isinstance(effect, fx.Call):
                    self._carry(effect)

    def _carry(self, call: fx.Call) -> None:
        peer, content = call.peer, call.request
        assert not isinstance(peer, int)
        assert isinstance(content, OpenCase | TellMiss | TellMissed)
        self.calls[peer, PARTIES.params.epoch_at(self.now)] += 1
        self.flying[peer] += 1
        assert self.flying[peer] <= PEER_AT_ONCE
        assert self.flying.total() <= AT_ONCE
        what = self.outcome(self.now, peer, content)
        wait = call.seconds if what == "silent" else 0.1
        self.at(self.now + wait, lambda: self._end(peer, content, what))

    def _end(self, peer: VaultId, content: Content, what: str) -> list[fx.Effect]:
        self.flying[peer] -= 1
        assert self.letters.is_ours(content)
        if what == "arrived":
            self.told[peer].append(content)
            return self.letters.arrived(self.now, peer, content)
        silent = what == "silent"
        return self.letters.failed(self.now, peer, content, silent=silent)


def starve(seed: int, sent: int, silent: set[VaultId], chances: list[str]) -> Post:
    """Send many letters through four epochs of a network that is that bad."""
    dice = random.Random(seed)
    post = Post(
        lambda _now, peer, _: "silent" if peer in silent else dice.choice(chances)
    )
    kinds = (missed, miss, case)
    span = 4 * PARTIES.params.epoch_seconds
    for number in range(sent):
        content = dice.choice(kinds)(number)
        moment = post.now + dice.random() * span
        post.at(moment, lambda content=content: post.send(content))  # type: ignore[misc]
    post.run(post.now + 2 * span)
    return post


@settings(
    max_examples=12,
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),  # a seed does not shrink
)
@given(
    seed=st.integers(0, 1 << 32),
    sent=st.integers(1, 150),
    silent=st.sets(st.sampled_from(PEERS)),
    chances=st.lists(
        st.sampled_from(["silent", "refused", "arrived"]), min_size=1, max_size=6
    ),
)
def test_however_starved_a_vault_tells_a_neighbour_no_more_than_so_often_an_epoch(
    seed: int, sent: int, silent: set[VaultId], chances: list[str]
) -> None:
    post = starve(seed, sent, silent, chances)
    assert max(post.calls.values(), default=0) <= PEER_EPOCH_MAX
    for (peer, _), calls in post.calls.items():
        if peer in silent:
            assert calls <= SILENT_EPOCH_MAX
    assert post.flying.total() == 0
    assert not any(map(post.letters.is_ours, itertools.chain(*post.told.values())))


def test_who_takes_everything_still_gets_no_more_than_so_much_in_an_epoch() -> None:
    post = starve(1, 500, set(), ["arrived"])
    assert max(post.calls.values()) == PEER_EPOCH_MAX


def test_when_everybody_is_silent_more_to_tell_makes_no_more_calls() -> None:
    few = starve(1, 10, set(PEERS), ["silent"])
    many = starve(1, 400, set(PEERS), ["silent"])
    assert many.calls.total() <= 2 * few.calls.total()


def test_what_was_not_too_old_arrives_everywhere_when_the_network_is_back() -> None:
    healed = PARTIES.at(EPOCH, 0.9)
    post = Post(lambda now, _peer, _what: "silent" if now < healed else "arrived")
    contents = [kind(number) for number in range(8) for kind in (missed, miss, case)]
    for content in contents:
        post.at(post.now, lambda content=content: post.send(content, 3.0))  # type: ignore[misc]
    post.run(PARTIES.at(EPOCH + 2))
    for told in post.told.values():
        assert sorted(map(id, told)) == sorted(map(id, contents))
    assert not any(map(post.letters.is_ours, contents))


def test_a_case_goes_before_our_own_word_and_that_before_what_others_certified() -> (
    None
):
    letters = Letters(PARTIES.me)
    now = PARTIES.at(EPOCH)
    contents: list[Content] = [missed(1), missed(2), miss(3), case(4), case(5)]
    for content in contents:
        letters.send(content, PEERS[:1], now + 3600)
    calls = of_kind(letters.step(now), fx.Call)
    assert [call.request for call in calls] == [contents[n] for n in (3, 4, 2, 0)]
    letters.send(contents[0], PEERS, now + 3600)
    assert letters.step(now) == []
    (last,) = of_kind(letters.arrived(now, PEERS[0], contents[3]), fx.Call)
    assert last.request is contents[1]


def test_what_a_peer_cannot_take_yet_does_not_hold_up_the_rest() -> None:
    stuck = [case(number) for number in range(PEER_AT_ONCE)]
    post = Post(lambda _n, _p, what: "refused" if what in stuck else "arrived")
    others = [missed(number) for number in range(20)]
    sent: list[tuple[float, Content]] = [(0, content) for content in stuck]
    for wait, content in [*sent, *((1, content) for content in others)]:
        post.at(post.now + wait, lambda content=content: post.send(content))  # type: ignore[misc]
    post.run(post.now + 10)
    for told in post.told.values():
        assert len(told) == len(others)
    assert all(map(post.letters.is_ours, stuck))
    post.run(PARTIES.at(EPOCH + 3))
    assert not any(map(post.letters.is_ours, stuck))


def test_too_many_certificates_are_left_to_others_but_no_case_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(under_test, "RUMOURS_MAX", 3)
    letters = Letters(PARTIES.me)
    now = PARTIES.at(EPOCH)
    rumours = [missed(number) for number in range(5)]
    ours: list[Content] = [case(1), miss(2)]
    for content in (*rumours, *ours):
        letters.send(content, PEERS, now + 3600)
    assert [letters.is_ours(content) for content in rumours] == [True] * 3 + [False] * 2
    assert all(map(letters.is_ours, ours))


class Helper:
    """Vault 0, and a vault that it watches and is asked to ping."""

    def __init__(self) -> None:
        self.parties = Parties(12)
        self.parties.reach(6)
        self.liveness = Liveness(self.parties.me)
        ledger = self.parties.ledger
        self.vault = ledger.watched_by(self.parties.me.id, 6)[0]
        self.now = self.parties.at(6, 0.6)

    def ask(self, vault: VaultId, token: int = 1) -> list[fx.Effect]:
        request = PingFor(vault)
        return self.liveness.asked(Asked(self.now, token, request), request)


def test_a_vault_is_pinged_for_others_a_few_times_an_epoch_then_told_again() -> None:
    one = Helper()
    pings = 0
    for _ in range(3 * FAVOURS_MAX):
        effects = one.ask(one.vault)
        if calls := of_kind(effects, fx.Call):
            pings += len(calls)
            effects = one.liveness.heard(one.vault)
        (reply,) = of_kind(effects, fx.Reply)
        assert reply.reply == Reached(True)
    assert pings == FAVOURS_MAX
    one.now = one.parties.at(7, 0.6)
    assert of_kind(one.ask(one.vault), fx.Call)


def test_an_epoch_that_turns_leaves_nobody_without_a_reply() -> None:
    one = Helper()
    one.ask(one.vault, 1)
    one.now = one.parties.at(7, 0.01)
    assert one.ask(one.vault, 2) == []
    replies = of_kind(one.liveness.silent(one.vault), fx.Reply)
    assert [(r.token, r.reply) for r in replies] == [
        (1, Reached(False)),
        (2, Reached(False)),
    ]


def test_nobody_is_pinged_for_strangers_nor_are_endless_askers_kept() -> None:
    parties = Parties(20)
    parties.reach(6)
    one = Helper()
    one.parties, one.liveness = parties, Liveness(parties.me)
    watched = parties.ledger.watched_by(parties.me.id, 6)
    stranger = next(v for v in PEERS if v not in watched)
    (refused,) = of_kind(one.ask(stranger), fx.Refuse)
    assert refused.kind is Refusal.DENIED
    effects = [one.ask(watched[0], token) for token in range(WAITING_MAX + 1)]
    (refused,) = of_kind(effects[-1], fx.Refuse)
    assert refused.kind is Refusal.EXHAUSTED
    assert len(of_kind(one.liveness.heard(watched[0]), fx.Reply)) == WAITING_MAX
