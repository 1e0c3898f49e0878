"""Our own audits: certified, missed with a reason, unvoted or void; and our votes."""

from dataclasses import replace

import pytest

from answer_stage import EPOCH, Audited, request_of
from audit_parties import Parties, of_kind, only
from holdfast.protocol.checkpoint import (
    Entries,
    check_certificate,
)
from holdfast.protocol.judgement import fault_of, seal
from holdfast.protocol.units import Digest
from holdfast.vault.core import effects as fx
from holdfast.vault.core.answering import TRANSITIONS, Answering, Stage
from holdfast.vault.core.checkpointing import STANDING_EPOCHS_MAX, Checkpointing
from holdfast.vault.core.declared import Declared, Stood
from holdfast.vault.core.events import AnswerChecked, AnswerSealed, Asked, LeavesRead
from holdfast.vault.core.messages import SubmitAnswer, Voted
from holdfast.vault.core.refusals import Refusal
from holdfast.vault.core.saved import (
    AcknowledgementGiven,
    AuditEnded,
    CertificateKept,
    Outcome,
    Restored,
    VoteGiven,
)
from holdfast.vault.core.watching import Watching
from simulation.world import sim_params


@pytest.fixture
def one() -> Audited:
    return Audited()


def ended(effects: list[fx.Effect]) -> AuditEnded:
    (found,) = [
        save.saved
        for save in of_kind(effects, fx.Save)
        if isinstance(save.saved, AuditEnded)
    ]
    return found


def test_the_same_answer_goes_to_every_neighbour(one: Audited) -> None:
    effects = one.submitted()
    calls = of_kind(effects, fx.Call)
    assert {call.peer for call in calls} == set(one.group)
    assert len({id(request_of([call]).answer) for call in calls}) == 1
    assert only(effects, fx.KeepAnswer).answer == request_of(effects).answer


def test_in_a_long_epoch_an_answer_may_be_long_on_its_way() -> None:
    one = Audited(params=sim_params(epoch_seconds=3600))
    effects = one.submitted()
    calls = of_kind(effects, fx.Call)
    left = one.machine.deadline_seconds - one.now
    assert {call.seconds for call in calls} == {left / 2}
    assert left / 2 > 850
    request = request_of(effects)
    half = one.now + left / 2
    for peer in one.group:
        one.machine.refused(half, peer, request, None, "it took too long")
    again = of_kind(one.machine.step(half + 60), fx.Call)
    assert {call.peer for call in again} == set(one.group)
    assert min(call.seconds for call in again) > 400


def test_a_majority_of_votes_makes_a_certificate_that_anybody_can_check(
    one: Audited,
) -> None:
    request = request_of(one.submitted())
    for count, peer in enumerate(one.group, start=1):
        effects = one.machine.voted(peer, request, one.vote(peer))
        if count < 5:
            assert effects == []
        elif count == 5:
            kept = of_kind(effects, fx.Save)[0].saved
            assert isinstance(kept, CertificateKept)
            check_certificate(
                kept.certificate,
                one.parties.params.network_id,
                one.group,
                one.parties.ledger.identities(),
            )
            assert ended(effects).outcome is Outcome.CERTIFIED
            assert only(effects, fx.LetGo).entries == one.held.entries()
    assert one.machine.certified_epochs == 1
    assert one.machine.stage is Stage.ENDED


def test_wrong_votes_and_strangers_do_not_count(one: Audited) -> None:
    request = request_of(one.submitted())
    for peer in one.group:
        wrong = one.vote(one.group[0]) if peer != one.group[0] else Voted(bytes(64))
        assert only(one.machine.voted(peer, request, wrong), fx.Log).warning
    for stranger in set(one.parties.by_id) - set(one.group):
        assert one.machine.voted(stranger, request, one.vote(stranger))
    assert one.machine.certified_epochs == 0


def test_one_leaf_that_cannot_be_read_misses_the_epoch(one: Audited) -> None:
    read = only(one.machine.step(one.now), fx.ReadLeaves)
    leaves = (*one.held.read(read.wanted)[:-1], None)
    audit = ended(one.machine.read(LeavesRead(one.now, EPOCH, leaves)))
    assert audit == AuditEnded(
        EPOCH, Outcome.MISSED, "1 of 8 challenged leaves are gone"
    )


def test_an_answer_that_does_not_hold_is_never_sent(one: Audited) -> None:
    read = only(one.machine.step(one.now), fx.ReadLeaves)
    leaves = [leaf for leaf in one.held.read(read.wanted) if leaf]
    rotten = (replace(leaves[0], data=bytes(len(leaves[0].data))), *leaves[1:])
    work = only(one.machine.read(LeavesRead(one.now, EPOCH, rotten)), fx.SealAnswer)
    sealed = seal(work.answer, work.question, one.parties.me.pair)
    effects = one.machine.sealed(
        AnswerSealed(one.now, EPOCH, sealed.answer, sealed.fault)
    )
    assert not of_kind(effects, fx.Call)
    assert "does not hold" in ended(effects).reason


def test_without_votes_in_time_the_epoch_is_unvoted_and_the_refusals_are_told(
    one: Audited,
) -> None:
    request = request_of(one.submitted())
    for peer in one.group[:4]:
        one.machine.refused(one.now, peer, request, Refusal.DENIED, "too ugly")
    one.machine.voted(one.group[5], request, one.vote(one.group[5]))
    assert not of_kind(one.machine.step(one.parties.at(EPOCH, 0.5)), fx.Save)
    audit = ended(one.machine.step(one.parties.at(EPOCH, 0.52)))
    assert audit.outcome is Outcome.UNVOTED
    assert audit.reason == "1 of 5 votes needed; most refusals say: too ugly"


def test_an_answer_that_is_not_ready_in_time_misses_the_epoch(one: Audited) -> None:
    one.machine.step(one.now)
    audit = ended(one.machine.step(one.parties.at(EPOCH, 0.6)))
    assert audit.outcome is Outcome.MISSED
    assert "still reading" in audit.reason


def test_neighbours_that_could_not_be_reached_are_asked_again(one: Audited) -> None:
    request = request_of(one.submitted())
    peer = one.group[0]
    wake = only(one.machine.refused(one.now, peer, request, None, "away"), fx.WakeAt)
    calls = of_kind(one.machine.step(wake.seconds), fx.Call)
    assert [call.peer for call in calls] == [peer]
    refused = one.machine.refused(one.now, peer, request, Refusal.DENIED, "no")
    assert only(refused, fx.WakeAt).seconds > one.now, "then stand-ins may be needed"
    assert not of_kind(one.machine.step(wake.seconds + 5), fx.Call)


def test_an_epoch_without_a_beacon_is_void() -> None:
    parties = Parties(10)
    parties.reach(EPOCH - 1)
    me = parties.me
    machine = Answering(me, Checkpointing(me, Restored()), Restored())
    assert machine.step(parties.at(EPOCH, 0.1)) == []
    audit = ended(machine.step(parties.at(EPOCH + 1, 0.1)))
    assert (audit.epoch, audit.outcome) == (EPOCH, Outcome.VOID)


def test_a_checkpoint_does_not_stand_for_ever() -> None:
    parties = Parties(10)
    epoch = STANDING_EPOCHS_MAX + 3
    parties.reach(epoch)
    entries = Entries(())
    signed = parties.checkpoint(parties.keys[0], 2, entries)
    stood = Stood(parties.standing(signed), Declared(entries, {}))
    restored = Restored(stood=(stood,))
    machine = Answering(parties.me, Checkpointing(parties.me, restored), restored)
    audit = ended(machine.step(parties.at(epoch, 0.1)))
    assert audit.outcome is Outcome.VOID


def test_a_vault_that_holds_nothing_still_shows_that_it_is_there() -> None:
    parties = Parties(10)
    parties.reach(EPOCH)
    entries = Entries(())
    signed = parties.checkpoint(parties.keys[0], EPOCH, entries)
    stood = Stood(parties.standing(signed), Declared(entries, {}))
    restored = Restored(stood=(stood,))
    machine = Answering(parties.me, Checkpointing(parties.me, restored), restored)
    work = only(machine.step(parties.at(EPOCH, 0.1)), fx.SealAnswer)
    assert work.answer.leaves == ()
    assert seal(work.answer, work.question, parties.me.pair).fault is None


def test_an_epoch_that_ended_before_a_restart_is_not_answered_again() -> None:
    first = Audited()
    audit = AuditEnded(EPOCH, Outcome.CERTIFIED)
    me = first.parties.me
    restored = Restored(audits=(audit,), certified_epochs=1)
    machine = Answering(me, Checkpointing(me, restored), restored)
    assert machine.step(first.now) == []


def test_stages_only_follow_their_table() -> None:
    assert set(TRANSITIONS) == set(Stage)
    assert TRANSITIONS[Stage.ENDED] == set()
    assert all(Stage.WAITING not in after for after in TRANSITIONS.values())


class Voter:
    """A neighbour of the audited vault, and the answer it is sent."""

    def __init__(self, stood_epoch: int = EPOCH) -> None:
        self.audited = Audited(stood_epoch)
        self.request = request_of(self.audited.submitted())
        parties = self.audited.parties
        voter = parties.by_id[self.audited.group[0]]
        self.me = replace(parties.me, keys=voter)
        self.machine = Watching(self.me, Restored())
        self.now = self.audited.now
        self.machine.step(self.now)

    def ask(self, request: SubmitAnswer, now: float | None = None) -> list[fx.Effect]:
        when = self.now if now is None else now
        effects = self.machine.asked(Asked(when, 1, request))
        for work in of_kind(effects, fx.CheckAnswer):
            fault = fault_of(work.answer, work.question)
            return self.machine.checked(AnswerChecked(when, 1, work.answer, fault))
        return effects


def test_a_verified_answer_gets_a_vote_that_is_saved_first() -> None:
    voter = Voter()
    save, reply, keep = voter.ask(voter.request)
    assert isinstance(save, fx.Save)
    assert isinstance(save.saved, VoteGiven)
    assert isinstance(reply, fx.Reply)
    assert reply.reply == voter.audited.vote(voter.me.id)
    assert isinstance(keep, fx.KeepAnswer)
    again = voter.ask(voter.request)
    assert [effect.reply for effect in of_kind(again, fx.Reply)] == [reply.reply]


def test_an_answer_with_one_wrong_leaf_gets_none() -> None:
    voter = Voter()
    answer = voter.request.answer
    leaf = answer.value.leaves[3]
    rotten = replace(leaf, data=bytes(len(leaf.data)))
    leaves = (*answer.value.leaves[:3], rotten, *answer.value.leaves[4:])
    value = replace(answer.value, leaves=leaves)
    work = voter.audited
    sealed = seal(
        value,
        only(
            voter.machine.asked(Asked(voter.now, 5, voter.request)), fx.CheckAnswer
        ).question,
        work.parties.me.pair,
    )
    refused = only(voter.ask(SubmitAnswer(sealed.answer)), fx.Refuse)
    assert refused.kind is Refusal.DENIED


@pytest.mark.parametrize(("part", "epochs"), [(0.6, 0), (0.1, 1)])
def test_an_answer_out_of_time_gets_none(part: float, epochs: int) -> None:
    voter = Voter()
    now = voter.audited.parties.at(EPOCH + epochs, part)
    # It is not even verified: that would be work for nothing.
    (refused,) = voter.machine.asked(Asked(now, 1, voter.request))
    assert isinstance(refused, fx.Refuse)
    assert refused.kind is Refusal.UNTIMELY


def test_a_neighbour_without_the_beacon_asks_for_patience() -> None:
    voter = Voter()
    machine = Watching(voter.me, Restored())
    refused = only(machine.asked(Asked(voter.now, 1, voter.request)), fx.Refuse)
    assert refused.kind is Refusal.UNREADY


def test_a_standing_without_its_majority_gets_none() -> None:
    voter = Voter()
    value = voter.request.answer.value
    standing = value.standing
    thin = replace(standing, acknowledgements=standing.acknowledgements[:4])
    question = only(
        voter.machine.asked(Asked(voter.now, 5, voter.request)), fx.CheckAnswer
    ).question
    pair = voter.audited.parties.me.pair
    sealed = seal(replace(value, standing=thin), question, pair)
    refused = only(voter.ask(SubmitAnswer(sealed.answer)), fx.Refuse)
    assert "majority" in refused.reason


def test_a_vote_is_not_given_for_a_second_answer_of_one_epoch() -> None:
    voter = Voter()
    vault = voter.audited.parties.me.id
    before = VoteGiven(vault, EPOCH, Digest(b"\x07" * 32), Digest(bytes(32)))
    voter.machine = Watching(voter.me, Restored(votes=(before,)))
    voter.machine.step(voter.now)
    refused = only(voter.ask(voter.request), fx.Refuse)
    assert refused.kind is Refusal.DENIED
    assert "another answer" in refused.reason


def test_an_older_checkpoint_than_the_acknowledged_one_gets_no_vote() -> None:
    voter = Voter(EPOCH - 1)
    parties = voter.audited.parties
    newer = parties.checkpoint(parties.keys[0], EPOCH, Entries(()))
    given = AcknowledgementGiven(newer, Entries(()))
    assert of_kind(voter.ask(voter.request), fx.Reply), "without it there is a vote"
    voter.machine = Watching(voter.me, Restored(acknowledged=(given,)))
    voter.machine.step(voter.now)
    refused = only(voter.ask(voter.request), fx.Refuse)
    assert refused.kind is Refusal.DENIED
    assert "newer checkpoint" in refused.reason


def test_an_answer_whose_verdict_comes_after_the_deadline_gets_no_vote() -> None:
    voter = Voter()
    work = only(voter.machine.asked(Asked(voter.now, 1, voter.request)), fx.CheckAnswer)
    late = voter.audited.parties.at(EPOCH, 0.6)
    effects = voter.machine.checked(AnswerChecked(late, 1, work.answer, None))
    assert only(effects, fx.Refuse).kind is Refusal.UNTIMELY
