"""Signs of life, and the word of a majority that an epoch was missed."""

from dataclasses import dataclass, field, replace

import pytest

from audit_parties import Parties, of_kind, only, row_of
from holdfast.ledger.core.followed import LedgerNews
from holdfast.protocol.answer import Answer
from holdfast.protocol.checkpoint import Entries
from holdfast.protocol.faults import MISS, Miss, MissCertificate, check_miss
from holdfast.protocol.signing import Signed
from holdfast.protocol.units import Digest, VaultId
from holdfast.vault.core import effects as fx
from holdfast.vault.core.events import AnswerChecked, Asked
from holdfast.vault.core.fault_messages import (
    Ping,
    PingFor,
    Reached,
    TellMiss,
    TellMissed,
)
from holdfast.vault.core.letters import Letters
from holdfast.vault.core.liveness import TRANSITIONS, Liveness, Sign
from holdfast.vault.core.messages import Noted
from holdfast.vault.core.miss_book import MissBook
from holdfast.vault.core.misses import Misses
from holdfast.vault.core.refusals import Refusal, RefusedError
from holdfast.vault.core.rumour_peers import FAN
from holdfast.vault.core.saved import MissGiven, MissKept, Restored, VoteGiven
from holdfast.vault.core.watching import Watching

EPOCH = 6
NAMED = Digest(b"\3" * 32)


@dataclass
class Neighbour:
    """One vault of twelve, which watches some of the others."""

    restored: Restored = field(default_factory=Restored)

    def __post_init__(self) -> None:
        self.parties = Parties(12)
        self.parties.reach(EPOCH)
        self.me = self.parties.me
        self.watching = Watching(self.me, self.restored)
        self.letters = Letters(self.me)
        self.liveness = Liveness(self.me)
        self.book = MissBook(self.me, self.letters, self.restored)
        self.misses = Misses(
            self.me,
            self.watching,
            self.liveness,
            self.book,
            self.letters,
            self.restored,
        )
        self.watched = self.parties.ledger.watched_by(self.me.id, EPOCH)
        self.now = self.parties.at(EPOCH, 0.01)
        self.watching.step(self.now)

    def vote_for(self, vault: VaultId) -> list[fx.Effect]:
        """Let us have judged an answer of this vault, and found it right."""
        keys = self.parties.by_id[vault]
        certificate = self.parties.certificate(keys, EPOCH, Entries(()))
        standing = self.parties.standing(certificate.checkpoint)
        answer = Signed(Answer(EPOCH, standing, (), ()), bytes(64))
        self.watching._open_checks += 1  # as if it had been submitted
        return self.watching.checked(AnswerChecked(self.now, 1, answer, None))

    def due(self, silent: VaultId) -> list[fx.Effect]:
        """Let all but one vault prove the epoch, and the time run out."""
        for vault in self.watched:
            if vault != silent:
                self.vote_for(vault)
        return self.misses.step(self.parties.at(EPOCH, 0.6))


@pytest.fixture
def one() -> Neighbour:
    return Neighbour()


def told(one: Neighbour, now: float) -> list[TellMiss]:
    calls = of_kind(one.letters.step(now), fx.Call)
    return [c.request for c in calls if isinstance(c.request, TellMiss)]


def test_at_rest_nothing_is_sent(one: Neighbour) -> None:
    for vault in one.watched:
        one.vote_for(vault)
    assert one.misses.step(one.parties.at(EPOCH, 0.6)) == []
    assert one.letters.step(one.parties.at(EPOCH, 0.6)) == []


def test_only_who_is_overdue_is_pinged_then_through_others_then_suspect(
    one: Neighbour,
) -> None:
    silent = one.watched[0]
    call = only(one.due(silent), fx.Call)
    assert (call.peer, call.request) == (silent, Ping())
    asked = of_kind(one.liveness.silent(silent), fx.Call)
    assert {c.request for c in asked} == {PingFor(silent)}
    assert len(asked) == 3
    now = one.parties.at(EPOCH, 0.7)
    for helper in asked[:2]:
        assert not isinstance(helper.peer, int)
        one.liveness.helped(helper.peer, PingFor(silent), reached=False)
        assert one.misses.step(now) == []
    last = asked[2].peer
    assert not isinstance(last, int)
    one.liveness.helped(last, PingFor(silent), reached=False)
    assert one.liveness.sign(silent) is Sign.SUSPECT
    save = only(one.misses.step(now), fx.Save).saved
    assert isinstance(save, MissGiven)
    assert save.miss.value == Miss(silent, EPOCH, 0)
    group = one.parties.ledger.group(silent, EPOCH)
    assert len(told(one, now)) == len(group) - 1


def test_whom_one_helper_reaches_counts_as_reachable(one: Neighbour) -> None:
    silent = one.watched[0]
    one.due(silent)
    helper = of_kind(one.liveness.silent(silent), fx.Call)[0].peer
    assert not isinstance(helper, int)
    one.liveness.helped(helper, PingFor(silent), reached=True)
    save = only(one.misses.step(one.parties.at(EPOCH, 0.7)), fx.Save).saved
    assert isinstance(save, MissGiven)
    assert save.miss.value.reachable == 1


def test_a_ping_for_another_is_answered_with_what_was_found(one: Neighbour) -> None:
    vault = one.watched[0]
    first = one.liveness.asked(Asked(one.now, 7, PingFor(vault)), PingFor(vault))
    second = one.liveness.asked(Asked(one.now, 8, PingFor(vault)), PingFor(vault))
    assert only(first, fx.Call).request == Ping()
    assert second == []
    replies = of_kind(one.liveness.heard(vault), fx.Reply)
    assert [(r.token, r.reply) for r in replies] == [
        (7, Reached(True)),
        (8, Reached(True)),
    ]
    nobody = PingFor(VaultId(bytes(32)))
    refused = only(one.liveness.asked(Asked(one.now, 9, nobody), nobody), fx.Refuse)
    assert refused.kind is Refusal.UNKNOWN


def test_signs_only_follow_their_table() -> None:
    assert set(TRANSITIONS) == set(Sign)
    assert Sign.SUSPECT not in TRANSITIONS[Sign.ALIVE]


def test_who_voted_never_calls_that_epoch_missed_and_the_other_way_round(
    one: Neighbour,
) -> None:
    silent = one.watched[0]
    one.due(silent)
    one.liveness.heard(silent)
    one.misses.step(one.parties.at(EPOCH, 0.6))
    late = one.vote_for(silent)
    assert not of_kind(late, fx.Save)
    assert "missed before" in only(late, fx.Refuse).reason
    voted = one.watched[1]
    assert one.watching.has_voted(voted, EPOCH)
    assert not one.watching.refrain(voted, EPOCH)


def test_after_a_restart_the_promise_and_the_word_are_the_same() -> None:
    before = Neighbour()
    silent = before.watched[0]
    miss = Miss(silent, EPOCH, 1)
    pair = before.me.pair
    given = MissGiven(MISS.sign(miss, before.parties.params.network_id, pair))
    after = Neighbour(Restored(misses_given=(given,)))
    assert "missed before" in only(after.vote_for(silent), fx.Refuse).reason
    voted = VoteGiven(silent, EPOCH, NAMED, NAMED)
    other = Neighbour(Restored(votes=(voted,)))
    pings = of_kind(other.misses.step(other.parties.at(EPOCH, 0.6)), fx.Call)
    assert silent not in {call.peer for call in pings}


def test_nobody_is_blamed_when_the_beacon_came_late_or_the_one_before_is_void() -> None:
    late = Neighbour()
    late.watching = Watching(late.me, Restored())
    late.misses._watching = late.watching
    late.watching.step(late.parties.at(EPOCH, 0.3))
    void = Neighbour()
    del void.parties.ledger._beacons[EPOCH - 1]
    good = Neighbour()
    for neighbour in (late, void, good):
        for vault in neighbour.watched[1:]:
            neighbour.vote_for(vault)
        pings = neighbour.misses.step(neighbour.parties.at(EPOCH, 0.95))
        assert len(of_kind(pings, fx.Call)) == (1 if neighbour is good else 0)


def test_nobody_is_blamed_when_most_vaults_are_silent_at_once(one: Neighbour) -> None:
    assert len(one.watched) > 4
    assert one.misses.step(one.parties.at(EPOCH, 0.6)) == []


def test_a_vault_that_only_joined_is_not_blamed(one: Neighbour) -> None:
    silent = one.watched[0]
    number = list(one.parties.by_id).index(silent)
    young = row_of(one.parties.by_id[silent], number, joined_epoch=EPOCH - 3)
    one.parties.ledger.absorb(LedgerNews(0, -1, vaults=(young,)))
    assert silent in one.parties.ledger.watched_by(one.me.id, EPOCH)
    assert one.due(silent) == []


def tell(one: Neighbour, vault: VaultId, signer: VaultId, reachable: int) -> TellMiss:
    miss = Miss(vault, EPOCH, reachable)
    pair = one.parties.by_id[signer].identity
    return TellMiss(MISS.sign(miss, one.parties.params.network_id, pair), signer)


def certify(one: Neighbour, words: list[int]) -> list[MissCertificate]:
    """Let neighbours say so, one after the other; return the certificates made."""
    vault = one.watched[0]
    group = one.parties.ledger.group(vault, EPOCH)
    others = [signer for signer in group if signer != one.me.id]
    made = []
    now = one.parties.at(EPOCH, 0.7)
    for signer, word in zip(others, words, strict=False):
        request = tell(one, vault, signer, word)
        effects = one.misses.asked(Asked(now, 1, request), request)
        assert only(effects, fx.Reply).reply == Noted()
        saved = (save.saved for save in of_kind(effects, fx.Save))
        made += [kept.certificate for kept in saved if isinstance(kept, MissKept)]
    return made


def test_a_majority_makes_a_certificate_that_is_told_on(one: Neighbour) -> None:
    assert certify(one, [1, 1, 1, 1]) == []
    (certificate,) = certify(one, [1, 1, 1, 1, 1])
    ledger = one.parties.ledger
    group = ledger.group(certificate.vault, EPOCH)
    network = one.parties.params.network_id
    assert check_miss(certificate, network, group, ledger.identities())
    now = one.parties.at(EPOCH, 0.7)
    calls = of_kind(one.letters.step(now), fx.Call)
    peers = {call.peer for call in calls if isinstance(call.request, TellMissed)}
    assert certificate.vault in peers
    assert len(peers) == 1 + FAN


def test_witnesses_that_disagree_wait_for_the_epoch_to_end(one: Neighbour) -> None:
    assert certify(one, [1, 1, 1, 0, 0, 0]) == []
    later = one.parties.at(EPOCH + 1, 0.01)
    saved = only(one.misses.step(later), fx.Save).saved
    assert isinstance(saved, MissKept)
    ledger = one.parties.ledger
    group = ledger.group(saved.certificate.vault, EPOCH)
    network = one.parties.params.network_id
    assert not check_miss(saved.certificate, network, group, ledger.identities())


def test_strangers_forgers_and_old_epochs_are_refused(one: Neighbour) -> None:
    vault = one.watched[0]
    group = one.parties.ledger.group(vault, EPOCH)
    stranger = next(v for v in one.parties.by_id if v not in {*group, vault})
    signer = next(v for v in group if v != one.me.id)
    good = tell(one, vault, signer, 1)
    now = one.parties.at(EPOCH, 0.7)
    for request, moment in (
        (tell(one, vault, stranger, 1), now),
        (replace(good, miss=Signed(good.miss.value, bytes(64))), now),
        (good, one.parties.at(EPOCH + 2, 0.1)),
    ):
        refused = only(one.misses.asked(Asked(moment, 1, request), request), fx.Refuse)
        assert refused.kind in {Refusal.DENIED, Refusal.UNTIMELY}


def test_a_certificate_is_believed_once_if_it_holds_and_is_not_old(
    one: Neighbour,
) -> None:
    (certificate,) = certify(one, [1] * 5)
    checkpoint = one.parties.checkpoint(
        one.parties.by_id[certificate.vault], 5, Entries(())
    )
    other = Neighbour()
    request = TellMissed(certificate, checkpoint)
    now = other.parties.at(EPOCH, 0.8)
    assert of_kind(other.book.told(request, now), fx.Save)
    assert other.book.told(request, now) == []
    assert other.book.checkpoint(certificate.vault) == checkpoint
    fewer = replace(certificate, witnesses=certificate.witnesses[1:])
    third = Neighbour()
    with pytest.raises(RefusedError, match="majority"):
        third.book.told(TellMissed(fewer), now)
    old = third.parties.at(EPOCH + 80)
    with pytest.raises(RefusedError, match="too old"):
        third.book.told(request, old)
    assert third.book.newest() == ()
