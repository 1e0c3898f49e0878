"""A member's court and its verdicts: whom it ejects, and whom it never does."""

import pytest

from audit_parties import Parties, of_kind, only
from holdfast.ledger.core.court import court_epochs
from holdfast.ledger.core.followed import LedgerNews
from holdfast.protocol.answer import Answer
from holdfast.protocol.cases import Case, Fault
from holdfast.protocol.checkpoint import Entries
from holdfast.protocol.faults import MISS, Miss, MissCertificate, Witness
from holdfast.protocol.placement import majority
from holdfast.protocol.settlement import Ejection, Statement
from holdfast.protocol.signing import Signed
from holdfast.protocol.units import Digest, VaultId
from holdfast.vault.core import effects as fx
from holdfast.vault.core.case_book import CaseBook
from holdfast.vault.core.events import AnswerJudged
from holdfast.vault.core.fault_messages import AskAudit, AuditOf, OpenCase
from holdfast.vault.core.judging import Judging
from holdfast.vault.core.messages import ProposeSettlement
from holdfast.vault.core.objections import Objections
from holdfast.vault.core.rechecking import ONE_IN, is_drawn
from holdfast.vault.core.refusals import Refusal, RefusedError
from holdfast.vault.core.saved import CaseAnswered, CaseKept, Restored
from holdfast.vault.core.sittings import Court
from simulation.world import sim_params

PARAMS = sim_params(
    missed_reachable=2, window_reachable=8, rebuild_price=1 << 30, epoch_seconds=3600
)
PERIOD = 3
FIRST = 12
ACCUSED = 4
VAULTS = 10


class Member:
    """Vault 0 in the committee of period 3, and what it was brought."""

    def __init__(self, restored: Restored | None = None) -> None:
        self.parties = parties = Parties(VAULTS, PARAMS)
        parties.reach(FIRST)
        self.fake = parties.deal(1, [1, 2, 3, ACCUSED])
        self.cases = CaseBook(parties.me, restored or Restored())
        self.court = Court(parties.me, self.cases)
        self.judging = Judging(parties.me, self.cases, self.court)
        ids = list(parties.by_id)
        self.everybody = [(vault, FIRST - 1) for vault in ids]

    def misses(self, number: int) -> tuple[MissCertificate, ...]:
        vault, made = self.parties.keys[number].vault_id, []
        for epoch in (9, 11):
            group = self.parties.ledger.group(vault, epoch)
            signers = group[: majority(len(group))]
            miss = Miss(vault, epoch, 1)
            message = MISS.message(miss, PARAMS.network_id)
            by_id = self.parties.by_id
            witnesses = tuple(
                Witness(v, 1, by_id[v].identity.sign(message)) for v in signers
            )
            made.append(MissCertificate(vault, epoch, witnesses))
        return tuple(made)

    def case(self, number: int = ACCUSED) -> Case:
        entries = Entries((self.fake.entry(number - 1),))
        held = self.parties.checkpoint(self.parties.keys[number], 8, entries)
        vault = self.parties.keys[number].vault_id
        return Case(vault, Fault.MISSED.value, self.misses(number), (held,))

    def bring(self, number: int = ACCUSED) -> Case:
        case = self.case(number)
        effects = self.judging.brought(OpenCase(case), self.parties.at(FIRST, 0.1))
        assert isinstance(of_kind(effects, fx.Save)[0].saved, CaseKept)
        return case

    def hear(self, shown: Signed[Answer] | None = None) -> list[fx.Effect]:
        """Hold court in both epochs; only the accused has something to show."""
        everything: list[fx.Effect] = []
        for epoch in court_epochs(self.parties.ledger, PERIOD):
            self.parties.reach(epoch)
            now = self.parties.at(epoch, 0.8)
            effects = self.court.step(now)
            while calls := of_kind(effects, fx.Call):
                everything += effects
                for call in calls:
                    effects = self.show(call, shown)
                effects = [*effects, *self.court.step(now)]
            everything += effects
        return everything

    def show(self, call: fx.Call, shown: Signed[Answer] | None) -> list[fx.Effect]:
        assert isinstance(call.request, AskAudit)
        assert not isinstance(call.peer, int)
        fits = shown is not None and shown.value.epoch == call.request.epoch
        reply = AuditOf(shown if fits else None)
        effects = self.court.shown(call.peer, call.request, reply)
        assert effects is not None
        for judged in of_kind(effects, fx.JudgeAnswer):
            event = AnswerJudged(0.0, judged.answer, None)
            effects = [*effects, *self.court.judged(event)]
        return effects

    def answer(self, epoch: int) -> Signed[Answer]:
        """Return an answer of the accused; the judgement is the test's own."""
        entries = Entries((self.fake.entry(ACCUSED - 1),))
        signed = self.parties.checkpoint(self.parties.keys[ACCUSED], 8, entries)
        value = Answer(epoch, self.parties.standing(signed), (), ())
        return Signed(value, bytes(64))

    def verdicts(self) -> tuple[Ejection, ...]:
        return self.judging.verdicts(self.parties.at(FIRST + 2), self.everybody)

    def refusal(self, *ejections: Ejection, calm: bool = True) -> RefusedError:
        counted = self.everybody if calm else self.everybody[:6]
        with pytest.raises(RefusedError) as error:
            self.judging.review(self.parties.at(FIRST + 2), ejections, counted)
        return error.value


@pytest.fixture
def one() -> Member:
    return Member()


def test_who_shows_no_answer_in_court_is_ejected_for_the_bytes_lost(
    one: Member,
) -> None:
    case = one.bring()
    effects = one.hear()
    calls = of_kind(effects, fx.Call)
    assert {call.seconds for call in calls} == {3600 / 8}
    asked = [call.peer for call in calls]
    group = one.parties.ledger.group(case.vault, FIRST)
    assert asked[0] == case.vault
    assert set(group) - {one.parties.me.id} <= set(asked)
    (ejection,) = one.verdicts()
    lost = case.checkpoints[0].value.present_bytes
    assert ejection == Ejection(case.vault, lost, case.digest())
    review = one.judging.review(one.parties.at(14), (ejection,), one.everybody)
    assert not review.lacking
    assert not review.objected


@pytest.mark.parametrize("epoch", [FIRST, FIRST + 1])
def test_one_right_answer_acquits_and_is_kept_for_the_file(
    one: Member, epoch: int
) -> None:
    case = one.bring()
    effects = one.hear(one.answer(epoch))
    kept = [s.saved for s in of_kind(effects, fx.Save)]
    assert [item.case for item in kept if isinstance(item, CaseAnswered)] == [
        case.digest()
    ]
    assert one.verdicts() == ()
    lost = case.checkpoints[0].value.present_bytes
    wanted = (Ejection(case.vault, lost, case.digest()),)
    review = one.judging.review(one.parties.at(14), wanted, one.everybody)
    assert review.objected == (case.digest(),)
    file = one.cases.file(case.vault)
    assert file is not None
    assert file.answer is not None


def test_nobody_is_ejected_before_the_court_is_over(one: Member) -> None:
    case = one.bring()
    assert one.verdicts() == ()
    lost = case.checkpoints[0].value.present_bytes
    refused = one.refusal(Ejection(case.vault, lost, case.digest()))
    assert refused.kind is Refusal.UNREADY


def test_a_void_epoch_is_passed_over_once_it_is_past(one: Member) -> None:
    case = one.bring()
    now = one.parties.at(FIRST, 0.8)
    effects = one.court.step(now)
    while calls := of_kind(effects, fx.Call):
        for call in calls:
            one.show(call, None)
        effects = one.court.step(now)
    assert not one.court.is_heard(case.vault)
    one.parties.ledger.absorb(LedgerNews(99, FIRST + 1))
    assert not one.court.is_heard(case.vault), "its beacon may still come"
    one.parties.ledger.absorb(LedgerNews(99, FIRST + 2))
    assert one.court.convicts(case.vault)


def test_a_court_whose_epochs_are_all_void_convicts_nobody(one: Member) -> None:
    case = one.bring()
    one.court.step(one.parties.at(FIRST, 0.1))
    del one.parties.ledger._beacons[FIRST]
    one.parties.ledger.absorb(LedgerNews(99, FIRST + 3))
    assert one.court.in_session()
    assert not one.court.is_heard(case.vault)
    assert not one.court.convicts(case.vault)
    assert one.verdicts() == ()


def test_nobody_is_ejected_while_too_few_vaults_are_certified(one: Member) -> None:
    case = one.bring()
    one.hear()
    few = one.everybody[:6]
    assert one.judging.verdicts(one.parties.at(14), few) == ()
    lost = case.checkpoints[0].value.present_bytes
    refused = one.refusal(Ejection(case.vault, lost, case.digest()), calm=False)
    assert "too few" in refused.reason


def test_of_two_convicted_vaults_one_goes_now_and_the_other_later(one: Member) -> None:
    cases = [one.bring(ACCUSED), one.bring(2)]
    one.hear()
    assert len(one.verdicts()) == 1
    both = sorted(
        (
            Ejection(c.vault, c.checkpoints[0].value.present_bytes, c.digest())
            for c in cases
        ),
        key=lambda ejection: ejection.vault,
    )
    assert "too many" in one.refusal(*both).reason


def test_ejections_that_do_not_follow_from_their_case_are_refused(one: Member) -> None:
    case = one.bring()
    one.hear()
    digest, lost = case.digest(), case.checkpoints[0].value.present_bytes
    more = Ejection(case.vault, lost + 1, digest)
    assert "does not follow" in one.refusal(more).reason
    other = Ejection(one.parties.keys[5].vault_id, lost, digest)
    assert "does not follow" in one.refusal(other).reason
    unknown = Ejection(case.vault, lost, Digest(bytes(32)))
    review = one.judging.review(one.parties.at(14), (unknown,), one.everybody)
    assert review.lacking == (Digest(bytes(32)),)


def test_a_case_that_does_not_hold_is_refused_when_it_is_brought(one: Member) -> None:
    case = one.case()
    early = one.parties.at(FIRST, 0.1)
    short = Case(case.vault, case.fault, case.misses[:1], case.checkpoints)
    with pytest.raises(RefusedError, match="not 2"):
        one.judging.brought(OpenCase(short), early)
    later = one.parties.at(FIRST + 4, 0.1)
    one.parties.reach(FIRST + 4)
    with pytest.raises(RefusedError, match="period before"):
        one.judging.brought(OpenCase(case), later)
    assert one.cases.of_period(PERIOD) == []


def test_liars_are_ejected_with_their_whole_stake_whatever_the_weather(
    one: Member,
) -> None:
    keys = one.parties.keys[ACCUSED]
    entries = Entries((one.fake.entry(3),))
    two = tuple(one.parties.checkpoint(keys, 8, e) for e in (entries, Entries(())))
    case = Case(keys.vault_id, Fault.TWO_CHECKPOINTS.value, checkpoints=two)
    one.judging.brought(OpenCase(case), one.parties.at(FIRST, 0.1))
    (ejection,) = one.judging.verdicts(one.parties.at(FIRST, 0.2), [])
    assert ejection == Ejection(keys.vault_id, 1 << 40, case.digest())


def test_a_convicted_proposer_is_known_as_such(one: Member) -> None:
    case = one.bring()
    now = one.parties.at(14)
    assert not one.judging.accuses(case.vault, now)
    one.hear()
    assert one.judging.accuses(case.vault, now)
    assert not one.judging.accuses(one.parties.keys[5].vault_id, now)


def test_a_part_is_dropped_only_when_it_costs_the_majority() -> None:
    peers = [VaultId(bytes([place]) * 32) for place in range(7)]
    digest = Digest(b"\1" * 32)
    statement = _statement(Ejection(peers[0], 1, digest))
    proposal = ProposeSettlement(statement, peers[0], bytes(96), ())
    objections = Objections()
    for peer in peers[:3]:
        objections.note(peer, [digest, Digest(bytes(32))], proposal)
    assert not objections.are_fatal(7, patient=True)
    assert objections.are_fatal(7, patient=False)
    objections.note(peers[3], [digest], proposal)
    assert objections.are_fatal(7, patient=True)
    objections.drop_worst()
    assert objections.dropped == {digest}
    assert not objections.are_fatal(7, patient=False)


def _statement(*ejections: Ejection) -> Statement:
    root = Digest(bytes(32))
    return Statement(PARAMS.network_id, 1, root, 0, 0, 0, ejections)


def test_about_one_certificate_in_fifty_is_drawn_by_the_later_beacon() -> None:
    beacon = Digest(b"\5" * 32)
    vaults = [VaultId(number.to_bytes(32, "big")) for number in range(200)]
    drawn = [(v, e) for v in vaults for e in range(24) if is_drawn(beacon, v, e)]
    assert 200 * 24 / ONE_IN * 0.6 < len(drawn) < 200 * 24 / ONE_IN * 1.4
    other = Digest(b"\6" * 32)
    assert drawn != [(v, e) for v in vaults for e in range(24) if is_drawn(other, v, e)]


def test_cases_come_back_after_a_restart_with_how_they_ended() -> None:
    before = Member()
    case = before.bring()
    answer = before.answer(FIRST)
    restored = Restored(
        cases=(CaseKept(case, PERIOD), CaseAnswered(case.digest(), answer))
    )
    after = Member(restored)
    kept = after.cases.get(case.digest())
    assert kept is not None
    assert kept.answer == answer
    assert only(after.cases.add(before.case(2), PERIOD), fx.Save)
