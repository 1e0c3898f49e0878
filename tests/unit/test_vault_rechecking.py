"""The spot check: whom a member asks for a drawn answer, and what comes of it."""

from collections.abc import Iterator
from dataclasses import replace
from unittest import mock

import pytest

from audit_parties import Parties, of_kind, only
from holdfast.protocol.answer import ANSWER, Answer, answer_id
from holdfast.protocol.cases import Fault
from holdfast.protocol.checkpoint import (
    VOTE,
    Entries,
    Signature,
    StorageCertificate,
    Vote,
)
from holdfast.protocol.keys import NodeKeys
from holdfast.protocol.signing import Signed
from holdfast.protocol.units import VaultId
from holdfast.vault.core import effects as fx
from holdfast.vault.core import rechecking as under_test
from holdfast.vault.core.case_book import CaseBook
from holdfast.vault.core.events import AnswerJudged
from holdfast.vault.core.fault_messages import AskAudit, AuditOf
from holdfast.vault.core.letters import Letters
from holdfast.vault.core.messages import Certify
from holdfast.vault.core.miss_book import MissBook
from holdfast.vault.core.proof_store import ProofStore, name_of
from holdfast.vault.core.prosecuting import Prosecuting
from holdfast.vault.core.rechecking import OPEN_MAX, TRIES, Found, Rechecking
from holdfast.vault.core.saved import CaseKept, Restored
from holdfast.vault.core.sittings import AT_ONCE
from holdfast.vault.core.watching import Watching
from simulation.world import sim_params

AUDITED = range(5, 8)
"""Epochs of period 1, all with one drawing of neighbours."""

NOW_EPOCH = 8


@pytest.fixture(autouse=True)
def every_answer_is_drawn() -> Iterator[None]:
    with mock.patch.object(under_test, "ONE_IN", 1):
        yield


class Member:
    """Vault 0 in the committee of period 2, and vaults certified without it."""

    def __init__(self, epoch_seconds: int = 60) -> None:
        params = sim_params(group_size=5, epoch_seconds=epoch_seconds)
        self.parties = parties = Parties(14, params)
        parties.reach(NOW_EPOCH)
        me = parties.me
        self.proofs = ProofStore(parties.ledger, Restored())
        self.cases = CaseBook(me, Restored())
        watching, letters = Watching(me, Restored()), Letters(me)
        book = MissBook(me, letters, Restored())
        accuser = Prosecuting(me, watching, book, self.cases, letters)
        self.checks = Rechecking(me, self.proofs, accuser)
        self.now = parties.at(NOW_EPOCH, 0.1)
        ledger = parties.ledger
        self.strangers = [
            keys
            for keys in parties.keys[1:]
            if me.id not in ledger.group(keys.vault_id, AUDITED[0])
        ]
        held = [parties.keys.index(keys) for keys in self.strangers[:4]]
        self.fake = parties.deal(1, held)

    def certify(
        self, keys: NodeKeys, epoch: int = AUDITED[0], *, wrong: bool = False
    ) -> tuple[StorageCertificate, Signed[Answer]]:
        """Have a vault certified whose answer holds, or shows nothing of its bytes."""
        place = self.strangers.index(keys)
        entries = Entries((self.fake.entry(place),) if wrong else ())
        signed = self.parties.checkpoint(keys, epoch, entries)
        network = self.parties.params.network_id
        value = Answer(epoch, self.parties.standing(signed), (), ())
        answer = ANSWER.sign(value, network, keys.identity)
        vote = Vote(keys.vault_id, epoch, signed.value.digest(), answer_id(answer))
        message = VOTE.message(vote, network)
        votes = tuple(
            Signature(v, self.parties.by_id[v].identity.sign(message))
            for v in self.parties.ledger.group(keys.vault_id, epoch)
        )
        certificate = StorageCertificate(epoch, signed, answer_id(answer), votes)
        push = Certify((certificate,), (entries,))
        assert self.proofs.collect(push, self.now, 4, 8)
        return certificate, answer

    @property
    def rank(self) -> int:
        committee = self.parties.ledger.committee(2)
        return committee.index(self.parties.me.id)

    def asked(self) -> list[VaultId]:
        calls = of_kind(self.checks.step(self.now), fx.Call)
        assert all(isinstance(call.request, AskAudit) for call in calls)
        return [VaultId(bytes(call.peer)) for call in calls]

    def show(
        self, peer: VaultId, epoch: int, answer: Signed[Answer] | None
    ) -> list[fx.Effect]:
        request = AskAudit(self.strangers[0].vault_id, epoch)
        return self.checks.shown(peer, request, AuditOf(answer))

    def finding(self, certificate: StorageCertificate) -> Found:
        return self.checks.finding(name_of(certificate))


@pytest.fixture
def one() -> Member:
    return Member()


def test_the_vault_and_its_voters_are_asked_twice_each_then_it_does_not_count(
    one: Member,
) -> None:
    vault = one.strangers[0].vault_id
    certificate, _ = one.certify(one.strangers[0])
    sources = [vault, *(vote.signer for vote in certificate.votes)]
    first = one.rank % len(sources)
    sources = sources[first:] + sources[:first]
    order, rounds = list[VaultId](), list[int]()
    while asked := one.asked():
        assert one.finding(certificate) is Found.OPEN
        assert one.asked() == [], "nobody else is asked meanwhile"
        order, rounds = order + asked, [*rounds, len(asked)]
        for peer in asked:
            one.show(peer, AUDITED[0], None)
    assert order == sources * TRIES
    assert rounds[0] == 1
    assert max(rounds) == AT_ONCE
    assert one.finding(certificate) is Found.UNSHOWN
    assert not one.checks.is_asking()


def test_an_answer_may_take_an_eighth_of_an_epoch() -> None:
    one = Member(3600)
    one.certify(one.strangers[0])
    assert only(one.checks.step(one.now), fx.Call).seconds == 450


def test_only_the_answer_that_was_voted_for_is_judged_and_if_right_it_counts(
    one: Member,
) -> None:
    certificate, answer = one.certify(one.strangers[0])
    (peer,) = one.asked()
    other = replace(answer, signature=bytes(64))
    assert one.show(peer, AUDITED[0], other) == []
    first, second, *_ = one.asked()
    judged = only(one.show(first, AUDITED[0], answer), fx.JudgeAnswer)
    assert judged.answer == answer
    assert one.show(second, AUDITED[0], answer) == [], "once is enough"
    assert one.checks.judged(AnswerJudged(one.now, answer, None)) == []
    assert one.finding(certificate) is Found.RIGHT
    assert one.asked() == []


def test_a_wrong_answer_accuses_all_who_voted_for_it_and_does_not_count(
    one: Member,
) -> None:
    certificate, answer = one.certify(one.strangers[0], wrong=True)
    (peer,) = one.asked()
    assert of_kind(one.show(peer, AUDITED[0], answer), fx.JudgeAnswer)
    effects = one.checks.judged(AnswerJudged(one.now, answer, "nothing is shown"))
    kept = [save.saved for save in of_kind(effects, fx.Save)]
    cases = [saved.case for saved in kept if isinstance(saved, CaseKept)]
    assert {case.vault for case in cases} == {v.signer for v in certificate.votes}
    assert {case.fault for case in cases} == {Fault.FALSE_VOTE.value}
    assert one.finding(certificate) is Found.WRONG


def test_an_answer_that_nobody_asked_for_is_not_judged(one: Member) -> None:
    certificate, answer = one.certify(one.strangers[0])
    assert one.show(one.strangers[0].vault_id, AUDITED[0], answer) == []
    assert one.checks.judged(AnswerJudged(one.now, answer, "wrong")) == []
    assert one.finding(certificate) is not Found.WRONG


def test_who_voted_itself_asks_nobody(one: Member) -> None:
    ledger, me = one.parties.ledger, one.parties.me
    own = next(
        keys
        for keys in one.parties.keys[1:]
        if me.id in ledger.group(keys.vault_id, AUDITED[0])
    )
    one.strangers.append(own)
    certificate, _ = one.certify(own)
    assert one.asked() == []
    assert one.finding(certificate) is Found.RIGHT


def test_few_answers_are_asked_for_at_once_and_the_others_after_them(
    one: Member,
) -> None:
    made = [one.certify(keys, epoch) for keys in one.strangers[:4] for epoch in AUDITED]
    assert len(made) > OPEN_MAX
    assert len(one.asked()) == OPEN_MAX
    done = 0
    for certificate, answer in made:
        vault, epoch = certificate.checkpoint.value.vault, certificate.epoch
        sources = [vault, *(vote.signer for vote in certificate.votes)]
        first = sources[one.rank % len(sources)]
        shown = one.checks.shown(first, AskAudit(vault, epoch), AuditOf(answer))
        if of_kind(shown, fx.JudgeAnswer):
            one.checks.judged(AnswerJudged(one.now, answer, None))
            done += 1
    assert done == OPEN_MAX
    assert len(one.asked()) + OPEN_MAX >= len(made)


def test_who_is_not_drawn_counts_unasked_and_a_new_period_begins_anew(
    one: Member,
) -> None:
    certificate, _ = one.certify(one.strangers[0])
    with mock.patch.object(under_test, "is_drawn", return_value=False):
        assert one.asked() == []
        assert one.finding(certificate) is Found.RIGHT
    one = Member()
    certificate, _ = one.certify(one.strangers[0])
    assert one.asked()
    one.parties.reach(12)
    one.now = one.parties.at(12, 0.1)
    assert one.asked() == []
    assert not one.checks.is_asking()
