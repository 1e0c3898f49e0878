"""What convicts, what does not, and how many may be ejected at once."""

from dataclasses import replace

import pytest

from audit_parties import Parties, row_of
from holdfast.ledger.core import court
from holdfast.ledger.core.case_files import Finding, extract_of, judge_file
from holdfast.ledger.core.court import CaseError, judge_case
from holdfast.ledger.core.followed import LedgerNews
from holdfast.ledger.core.questions import question_of
from holdfast.ledger.core.values import Listing
from holdfast.protocol.answer import ANSWER, Answer, answer_id
from holdfast.protocol.cases import Case, CaseFile, Fault
from holdfast.protocol.challenge import challenge
from holdfast.protocol.checkpoint import (
    VOTE,
    Entries,
    Signature,
    StorageCertificate,
    Vote,
)
from holdfast.protocol.faults import MISS, Miss, MissCertificate, Witness
from holdfast.protocol.judgement import fault_of
from holdfast.protocol.placement import majority
from holdfast.protocol.signing import Signed
from holdfast.protocol.units import VaultId
from holdfast.vault.core.challenged import assemble, wanted_leaves
from holdfast.vault.core.declared import Declared
from simulation.fake_data import FakeHeld
from simulation.world import sim_params

PARAMS = sim_params(
    missed_reachable=2,
    window_reachable=8,
    missed_unreachable=4,
    window_unreachable=8,
    rebuild_price=1 << 30,
)
PERIOD = 3
NOW = 12
ACCUSED = 1


def missed(parties: Parties, epoch: int, reached: int = 5) -> MissCertificate:
    """Return a majority's word; `reached` of the witnesses reached the vault."""
    vault = parties.keys[ACCUSED].vault_id
    group = parties.ledger.group(vault, epoch)
    witnesses = []
    for place, signer in enumerate(group[: majority(len(group))]):
        miss = Miss(vault, epoch, int(place < reached))
        pair = parties.by_id[signer].identity
        signed = MISS.sign(miss, parties.params.network_id, pair)
        witnesses.append(Witness(signer, miss.reachable, signed.signature))
    return MissCertificate(vault, epoch, tuple(witnesses))


class Stage:
    """Ten vaults in epoch 12, and a checkpoint of the accused."""

    def __init__(self) -> None:
        self.parties = parties = Parties(10, PARAMS)
        parties.reach(NOW + 2)
        self.ledger = parties.ledger
        self.vault = parties.keys[ACCUSED].vault_id
        self.fake = parties.deal(1, [0, ACCUSED, 2, 3])
        self.entries = Entries((self.fake.entry(1),))
        keys = parties.keys[ACCUSED]
        self.checkpoint = parties.checkpoint(keys, 8, self.entries)

    def case(self, epochs: list[int], fault: Fault, reached: int = 5) -> Case:
        misses = tuple(missed(self.parties, epoch, reached) for epoch in epochs)
        return Case(self.vault, fault.value, misses, (self.checkpoint,))

    def refused(self, case: Case, epoch: int = NOW) -> str:
        with pytest.raises(CaseError) as error:
            judge_case(case, self.ledger, epoch)
        return str(error.value)

    def answer(self, epoch: int, *, wrong: bool = False) -> Signed[Answer]:
        """Return the accused's answer, with one leaf altered if it is to be wrong."""
        keys, held = self.parties.keys[ACCUSED], FakeHeld(self.vault)
        held.deals[self.fake.deal.id] = self.fake
        signed = self.parties.checkpoint(keys, epoch, self.entries)
        beacon = self.ledger.beacon(epoch)
        assert beacon
        assert self.fake.head
        heads = {self.fake.deal.id: self.fake.head}
        asked = challenge(
            PARAMS.network_id, epoch, beacon, signed.value, PARAMS.leaves_per_audit
        )
        wanted = wanted_leaves(asked, self.entries.items)
        leaves = [leaf for leaf in held.read(wanted) if leaf]
        if wrong:
            leaves[0] = replace(leaves[0], data=bytes(len(leaves[0].data)))
        standing = self.parties.standing(signed)
        declared = Declared(self.entries, heads)
        value = assemble(epoch, standing, declared, wanted, leaves)
        return ANSWER.sign(value, PARAMS.network_id, keys.identity)

    def voted(self, answer: Signed[Answer]) -> StorageCertificate:
        """Return the certificate that the whole group signed for an answer."""
        value = answer.value
        named, checkpoint = answer_id(answer), value.standing.checkpoint
        vote = Vote(self.vault, value.epoch, checkpoint.value.digest(), named)
        message = VOTE.message(vote, PARAMS.network_id)
        group = self.ledger.group(self.vault, value.epoch)
        keys = self.parties.by_id
        votes = tuple(Signature(v, keys[v].identity.sign(message)) for v in group)
        return StorageCertificate(value.epoch, checkpoint, named, votes)


@pytest.fixture
def one() -> Stage:
    return Stage()


def test_enough_missed_epochs_convict_and_cost_the_bytes_lost(one: Stage) -> None:
    case = one.case([9, 11], Fault.MISSED)
    lost = judge_case(case, one.ledger, NOW)
    assert lost == one.checkpoint.value.present_bytes > 0
    assert court.slashed(case, lost, 1 << 60, one.ledger) == lost
    assert court.slashed(case, lost, 7, one.ledger) == 7
    away = one.case([6, 8, 9, 11], Fault.AWAY, reached=0)
    assert judge_case(away, one.ledger, NOW) == lost


def test_evidence_that_is_short_old_or_unordered_does_not_convict(one: Stage) -> None:
    assert "not 2" in one.refused(one.case([11], Fault.MISSED))
    assert "not 2" in one.refused(one.case([11, 11], Fault.MISSED))
    assert "shown" in one.refused(one.case([11, 9], Fault.MISSED))
    assert "within 8" in one.refused(one.case([3, 11], Fault.MISSED))
    assert "period before" in one.refused(one.case([6, 7], Fault.MISSED))
    assert "period before" in one.refused(one.case([9, 12], Fault.MISSED))
    assert "not 4" in one.refused(one.case([8, 9, 11], Fault.AWAY))


def test_what_was_held_long_before_or_after_the_missed_epochs_is_not_slashed(
    one: Stage,
) -> None:
    case = one.case([9, 11], Fault.MISSED)
    keys, (held,) = one.parties.keys[ACCUSED], case.checkpoints
    for epoch, fits in ((0, False), (1, True), (12, True), (13, False)):
        signed = one.parties.checkpoint(keys, epoch, one.entries)
        shown = replace(case, checkpoints=(signed,))
        if fits:
            assert judge_case(shown, one.ledger, NOW) == held.value.present_bytes
        else:
            assert "about when" in one.refused(shown)


def test_who_was_away_is_not_hurried_by_one_neighbour_that_claims_to_reach_it(
    one: Stage,
) -> None:
    for reached in (0, 1, 4):
        case = one.case([9, 11], Fault.MISSED, reached)
        assert "could not be reached" in one.refused(case)


def test_a_minority_of_witnesses_convinces_nobody(one: Stage) -> None:
    case = one.case([9, 11], Fault.MISSED)
    few = replace(case.misses[0], witnesses=case.misses[0].witnesses[:-1])
    assert "majority" in one.refused(replace(case, misses=(few, case.misses[1])))
    forged = replace(case.misses[0].witnesses[0], signature=bytes(64))
    wrong = replace(case.misses[0], witnesses=(forged, *case.misses[0].witnesses[1:]))
    assert "wrong" in one.refused(replace(case, misses=(wrong, case.misses[1])))


def test_nobody_is_blamed_for_an_epoch_without_a_beacon(one: Stage) -> None:
    case = one.case([9, 11], Fault.MISSED)
    assert judge_case(case, one.ledger, NOW)
    del one.ledger._beacons[9]  # a void epoch
    assert "blamed for epoch 9" in one.refused(case)


def test_two_checkpoints_of_one_epoch_convict_by_themselves(one: Stage) -> None:
    keys = one.parties.keys[ACCUSED]
    other = one.parties.checkpoint(keys, 8, Entries(()))
    case = Case(one.vault, Fault.TWO_CHECKPOINTS.value, (), (one.checkpoint, other))
    judge_case(case, one.ledger, 40)
    assert court.slashed(case, 5, 1 << 40, one.ledger) == 1 << 40
    same = replace(case, checkpoints=(one.checkpoint, one.checkpoint))
    assert "two different" in one.refused(same)
    later = one.parties.checkpoint(keys, 9, Entries(()))
    assert "one epoch" in one.refused(replace(case, checkpoints=(other, later)))
    theirs = one.parties.checkpoint(one.parties.keys[2], 8, Entries(()))
    mixed = replace(case, checkpoints=(one.checkpoint, theirs))
    assert "another vault" in one.refused(mixed)


def false_vote(one: Stage, answer: Signed[Answer], voter: VaultId) -> Case:
    return Case(
        voter, Fault.FALSE_VOTE.value, certificate=one.voted(answer), answer=answer
    )


def test_a_vote_for_a_wrong_answer_convicts_and_one_for_a_right_answer_does_not(
    one: Stage,
) -> None:
    voter = one.ledger.group(one.vault, 9)[0]
    wrong = one.answer(9, wrong=True)
    judge_case(false_vote(one, wrong, voter), one.ledger, NOW)
    right = one.answer(9)
    assert "the vote is true" in one.refused(false_vote(one, right, voter))


def test_an_altered_answer_cannot_be_pinned_on_its_voters(one: Stage) -> None:
    right = one.answer(9)
    leaf = replace(right.value.leaves[0], data=bytes(16384))
    leaves = (leaf, *right.value.leaves[1:])
    altered = Signed(replace(right.value, leaves=leaves), right.signature)
    voter = one.ledger.group(one.vault, 9)[0]
    case = replace(false_vote(one, right, voter), answer=altered)
    assert "did not sign that answer" in one.refused(case)
    stranger = false_vote(one, one.answer(9, wrong=True), one.vault)
    assert "did not vote" in one.refused(stranger)


def test_who_does_not_see_the_deals_convicts_no_voter(one: Stage) -> None:
    wrong = one.answer(9, wrong=True)
    case = false_vote(one, wrong, one.ledger.group(one.vault, 9)[0])
    blind = Stage()
    blind.ledger._deals.clear()  # not followed so far
    with pytest.raises(CaseError, match="deal of the answer is not known"):
        judge_case(case, blind.ledger, NOW)


def test_a_case_file_says_accused_acquitted_or_guilty_on_its_own(one: Stage) -> None:
    case = one.case([9, 11], Fault.MISSED)
    file = CaseFile(extract_of(one.ledger, case), case)
    assert judge_file(file).finding is Finding.NOT_JUDGED
    answer = one.answer(NOW)
    question = question_of(one.ledger, answer.value)
    assert question
    assert fault_of(answer, question) is None
    shown = CaseFile(extract_of(one.ledger, case, answer), case, None, answer)
    assert judge_file(shown).finding is Finding.ACQUITTED
    wrong = one.answer(NOW, wrong=True)
    with pytest.raises(CaseError, match="proves nothing"):
        judge_file(replace(shown, answer=wrong))


def test_who_was_ejected_while_it_left_is_still_judged_by_its_file(one: Stage) -> None:
    number = ACCUSED
    row = row_of(
        one.parties.keys[number], number, listing=Listing.UNBONDING, left_epoch=5
    )
    one.ledger.absorb(LedgerNews(0, -1, vaults=(row,)))
    case = one.case([9, 11], Fault.MISSED)
    judge_case(case, one.ledger, NOW)
    one.ledger.absorb(
        LedgerNews(0, -1, vaults=(replace(row, listing=Listing.EJECTED),))
    )
    file = CaseFile(extract_of(one.ledger, case), case)
    assert judge_file(file).lost_bytes == one.checkpoint.value.present_bytes


def test_at_most_one_in_fifty_is_ejected_for_missing_but_always_one() -> None:
    assert court.ejections_max(Parties(10, PARAMS).ledger, PERIOD) == 1
    many = Parties(150, PARAMS)
    many.reach(NOW)
    assert court.ejections_max(many.ledger, PERIOD) == 3


def test_nobody_is_ejected_while_a_third_or_nearly_everybody_is_uncertified() -> None:
    parties = Parties(12, PARAMS)
    parties.reach(NOW)
    ids = list(parties.by_id)
    last = PARAMS.first_epoch(PERIOD) - 1

    def calm(count: int, epoch: int = last) -> bool:
        shown = [(vault, epoch) for vault in ids[:count]]
        return court.is_calm(parties.ledger, PERIOD - 1, shown)

    assert calm(8)
    assert not calm(7)
    assert not calm(12, last - 1)
    small = Parties(4, PARAMS)
    small.reach(NOW)
    few = [(vault, last) for vault in list(small.by_id)[:3]]
    assert not court.is_calm(small.ledger, PERIOD - 1, few)


def test_a_vault_is_suspect_when_it_missed_too_much_or_is_away_just_now(
    one: Stage,
) -> None:
    def word(epochs: list[int], reached: int, now: int) -> str | None:
        misses = [missed(one.parties, epoch, reached) for epoch in epochs]
        return court.suspicion(one.ledger, one.vault, misses, now)

    assert word([], 5, 12) is None
    assert word([9], 5, 12) is None
    assert "2 of the last 8" in (word([9, 11], 5, 12) or "")
    assert word([9, 11], 5, 19) is None
    assert "could not reach it in epoch 11" in (word([11], 0, 12) or "")
    assert word([9], 0, 12) is None
