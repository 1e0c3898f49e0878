"""An auditor's verdict on a vault's epoch: what convinces him, and what does not."""

from dataclasses import replace

import pytest

from audit_evidence import EPOCH, Shown
from holdfast.client.core.auditing import KEPT_EPOCHS, VaultAudit, Verdict
from holdfast.ledger.core.followed import LedgerNews
from holdfast.protocol.answer import ANSWER, answer_id
from holdfast.protocol.checkpoint import Signature
from holdfast.protocol.placement import majority
from holdfast.protocol.units import Digest


@pytest.fixture(scope="module")
def shown() -> Shown:
    return Shown()


def test_a_certified_answer_that_verifies_is_proved(shown: Shown) -> None:
    answer = shown.answer()
    found = shown.found(answer, shown.certificate(answer))
    assert found.verdict is Verdict.PROVED
    assert found.verdict.holds
    assert found.leaves == shown.parties.params.leaves_per_audit
    assert found.voters == shown.group
    assert found.has_all_entries
    assert found.entries == shown.held.entries().items


def test_an_audit_is_closed_once_answer_and_certificate_are_there(shown: Shown) -> None:
    answer = shown.answer()
    audit = shown.audit()
    assert audit.is_open
    audit.take(shown.vault, answer, None)
    assert audit.is_open
    audit.take(shown.group[0], None, shown.certificate(answer))
    assert not audit.is_open


def test_a_certificate_without_its_answer_is_only_certified(shown: Shown) -> None:
    found = shown.found(None, shown.certificate(shown.answer()))
    assert found.verdict is Verdict.CERTIFIED
    assert found.leaves == 0


def test_votes_of_less_than_a_majority_do_not_count(shown: Shown) -> None:
    answer = shown.answer()
    few = shown.certificate(answer, majority(len(shown.group)) - 1)
    assert shown.found(answer, few).verdict is Verdict.UNCERTIFIED


def test_votes_of_strangers_do_not_count(shown: Shown) -> None:
    answer = shown.answer()
    right = shown.certificate(answer)
    (stranger,) = set(shown.parties.by_id) - {*shown.group, shown.vault}
    votes = (*right.votes[:-1], Signature(stranger, right.votes[-1].signature))
    found = shown.found(answer, replace(right, votes=votes))
    assert found.verdict is Verdict.UNCERTIFIED


def test_votes_for_a_wrong_answer_are_false(shown: Shown) -> None:
    wrong = shown.answer(swap=True)
    found = shown.found(wrong, shown.certificate(wrong))
    assert found.verdict is Verdict.FALSE
    assert "does not belong to its chunk" in found.reason
    assert not found.verdict.holds


def test_an_answer_spoiled_by_a_witness_is_not_the_vaults_fault(shown: Shown) -> None:
    right, wrong = shown.answer(), shown.answer(swap=True)
    # Same signature, so the same id, but not what was signed.
    spoiled = replace(wrong, signature=right.signature)
    assert answer_id(spoiled) == answer_id(right)
    audit = shown.audit()
    audit.take(shown.group[0], spoiled, shown.certificate(right))
    assert audit.finding().verdict is Verdict.CERTIFIED
    audit.take(shown.vault, right, None)
    assert audit.finding().verdict is Verdict.PROVED


def test_an_answer_of_another_vault_is_passed_over(shown: Shown) -> None:
    answer = shown.answer()
    other = shown.parties.keys[1]
    audit = shown.parties.ledger
    found = shown.found(
        ANSWER.sign(answer.value, audit.network_id, other.identity), None
    )
    assert found.verdict is not Verdict.PROVED
    assert found.leaves == 0


def test_a_right_answer_that_a_majority_keeps_was_in_time(shown: Shown) -> None:
    answer = shown.answer()
    audit = shown.audit()
    needed = majority(len(shown.group))
    for witness in shown.group[: needed - 1]:
        audit.take(witness, answer, None)
    assert audit.finding().verdict is Verdict.UNCERTIFIED
    audit.take(shown.group[needed - 1], answer, None)
    assert audit.finding().verdict is Verdict.ANSWERED
    assert audit.finding().verdict.holds


def test_nothing_from_so_many_that_none_voted_is_missed(shown: Shown) -> None:
    audit = shown.audit()
    group = shown.group
    spare = len(group) - majority(len(group))
    for witness in group[:spare]:
        audit.take(witness, None, None)
    assert audit.finding().verdict is Verdict.UNKNOWN
    audit.take(group[spare], None, None)
    assert audit.finding().verdict is Verdict.MISSED


def test_a_wrong_answer_without_votes_is_missed_with_the_reason(shown: Shown) -> None:
    found = shown.found(shown.answer(swap=True), None)
    assert found.verdict is Verdict.MISSED
    assert "its answer is wrong" in found.reason


def test_a_vault_that_no_deal_names_owes_nothing() -> None:
    shown = Shown()
    idle = shown.parties.keys[9].vault_id
    audit = VaultAudit(shown.parties.ledger, idle, EPOCH)
    for witness in audit.witnesses():
        audit.take(witness, None, None)
    assert audit.finding().verdict is Verdict.IDLE


def test_what_is_older_than_answers_are_kept_is_no_fault() -> None:
    shown = Shown()
    shown.parties.reach(EPOCH + KEPT_EPOCHS)
    audit = shown.audit()
    for witness in audit.witnesses():
        audit.take(witness, None, None)
    assert audit.finding().verdict is Verdict.NOT_KEPT
    assert audit.finding().verdict.holds


def test_an_epoch_without_a_beacon_is_void() -> None:
    shown = Shown()
    shown.parties.ledger.absorb(LedgerNews(20, EPOCH + 3))
    found = shown.audit(EPOCH + 2).finding()
    assert found.verdict is Verdict.VOID


def test_the_running_epoch_is_not_judged(shown: Shown) -> None:
    audit = shown.audit(EPOCH + 1)
    for witness in audit.witnesses():
        audit.take(witness, None, None)
    assert audit.finding().verdict is Verdict.RUNNING


def test_witnesses_are_the_vault_and_then_its_group(shown: Shown) -> None:
    asked = list(shown.audit().witnesses())
    assert asked[: len(shown.group) + 1] == [shown.vault, *shown.group]
    assert len(set(asked)) == len(asked)


def test_a_certificate_of_another_epoch_is_passed_over(shown: Shown) -> None:
    ledger = shown.parties.ledger
    assert ledger.group(shown.vault, EPOCH - 1) == shown.group
    earlier = shown.answer(stood_epoch=EPOCH - 1)
    genuine = shown.certificate(earlier, epoch=EPOCH - 1)
    assert shown.found(None, genuine).verdict is not Verdict.CERTIFIED


def test_votes_for_another_answer_than_the_one_shown_only_certify(shown: Shown) -> None:
    voted_for = shown.answer(stood_epoch=EPOCH - 1)
    found = shown.found(shown.answer(), shown.certificate(voted_for))
    assert found.verdict is Verdict.CERTIFIED
    assert found.leaves == 0


def test_votes_are_not_moved_from_one_answer_to_another(shown: Shown) -> None:
    answer = shown.answer()
    named = replace(shown.certificate(answer), answer=Digest(b"\1" * 32))
    assert shown.found(answer, named).verdict is Verdict.UNCERTIFIED


def test_what_a_majority_of_neighbours_signed_is_missed(shown: Shown) -> None:
    needed = majority(len(shown.group))
    audit = shown.audit()
    audit.take_misses([shown.miss(1, needed - 1)])
    assert audit.finding().verdict is Verdict.UNKNOWN
    audit.take_misses([shown.miss(1, needed)])
    found = audit.finding()
    assert found.verdict is Verdict.MISSED
    assert "though it could be reached" in found.reason
    away = shown.audit()
    away.take_misses([shown.miss(0, needed)])
    assert "it could not be reached" in away.finding().reason


def test_a_certificate_stands_against_signed_misses(shown: Shown) -> None:
    answer = shown.answer()
    audit = shown.audit()
    audit.take_misses([shown.miss(1)])
    audit.take(shown.vault, answer, shown.certificate(answer))
    assert audit.finding().verdict is Verdict.PROVED


def test_a_majority_of_the_committees_stand_ins_is_as_good_as_the_groups() -> None:
    shown = Shown(30)
    ledger, answer = shown.parties.ledger, shown.answer()
    stand_ins = ledger.stand_ins(shown.vault, EPOCH, for_answer=True)
    assert not set(stand_ins) <= set(shown.group)
    needed = majority(len(stand_ins))
    few = shown.voted_by(answer, stand_ins[: needed - 1])
    assert shown.found(answer, few).verdict is Verdict.UNCERTIFIED
    enough = shown.voted_by(answer, stand_ins[:needed])
    assert shown.found(answer, enough).verdict is Verdict.PROVED
