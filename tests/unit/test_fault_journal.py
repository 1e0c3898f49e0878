"""The disk's part about faults: what was saved comes back, upheld cases stay."""

import sqlite3
from dataclasses import replace
from pathlib import Path

import examples
from audit_parties import Parties
from holdfast.protocol.answer import Answer
from holdfast.protocol.cases import Case, Fault
from holdfast.protocol.faults import MISS, Miss
from holdfast.protocol.settlement import Certificate, Statement
from holdfast.protocol.signing import Signed
from holdfast.protocol.takeover import TAKEOVER
from holdfast.protocol.units import Digest
from holdfast.vault.audit_journal import AuditJournal
from holdfast.vault.core.saved import (
    CaseAnswered,
    CaseKept,
    CaseUpheld,
    ClaimKept,
    MissGiven,
    MissKept,
    Saved,
)

EPOCH = 8


class Story:
    """A miss of ours, a certificate, and two cases: one upheld, one answered."""

    def __init__(self, directory: Path) -> None:
        self.parties = Parties(4)
        self.path = directory / "audits.db"
        network, keys = self.parties.params.network_id, self.parties.keys[1]
        miss = Miss(keys.vault_id, EPOCH, 0)
        self.given = MissGiven(MISS.sign(miss, network, keys.identity))
        self.kept = MissKept(examples.MISSED, examples.CHECKPOINT)
        self.bare = Case(keys.vault_id, Fault.AWAY.value, (examples.MISSED,))
        self.upheld = CaseKept(examples.CASE, 2)
        self.other = CaseKept(self.bare, 2)
        statement = Statement(network, 1, Digest(bytes(32)), 0, 0, 0)
        certificate = Certificate(statement, b"\1", bytes(96))
        self.verdict = CaseUpheld(examples.CASE.digest(), certificate)
        answer = Signed(Answer(EPOCH, examples.STANDING, (), ()), b"\4" * 64)
        self.answered = CaseAnswered(self.bare.digest(), answer)

    def open(self) -> AuditJournal:
        keys = self.parties.keys[0]
        return AuditJournal(self.path, keys.vault_id, self.parties.params)

    def batch(self) -> list[Saved]:
        cases: list[Saved] = [self.upheld, self.other, self.verdict, self.answered]
        return [self.given, self.kept, *cases]


def test_misses_and_cases_come_back_with_how_they_ended(tmp_path: Path) -> None:
    story = Story(tmp_path)
    journal = story.open()
    journal.save(story.batch())
    journal.save([story.upheld])  # once more: it changes nothing
    journal.close()
    restored = story.open().restore()
    assert restored.misses_given == (story.given,)
    assert restored.misses == (story.kept,)
    assert restored.cases == (
        story.upheld,
        story.verdict,
        story.other,
        story.answered,
    )


def test_claims_to_slots_come_back_in_their_order_until_they_are_old(
    tmp_path: Path,
) -> None:
    story = Story(tmp_path)
    pair, network = story.parties.keys[0].identity, story.parties.params.network_id
    claims = [
        ClaimKept(TAKEOVER.sign(replace(examples.TAKEOVER, epoch=epoch), network, pair))
        for epoch in (12, 10, 11)
    ]
    journal = story.open()
    journal.save([*claims, claims[1]])
    journal.close()
    again = story.open()
    assert again.restore().claims == tuple(claim.takeover for claim in claims)
    params = story.parties.params
    window = params.window_unreachable + params.period_epochs
    again.prune(11 + window, 0)
    assert {c.value.epoch for c in again.restore().claims} == {12, 11}


def test_what_no_case_can_name_goes_and_upheld_cases_stay(tmp_path: Path) -> None:
    story = Story(tmp_path)
    journal = story.open()
    journal.save(story.batch())
    journal.prune(EPOCH + 2, 0)
    kept = journal.restore()
    assert (len(kept.misses_given), len(kept.misses), len(kept.cases)) == (1, 1, 4)
    journal.prune(EPOCH + 10_000, 0)
    old = journal.restore()
    assert (old.misses_given, old.misses) == ((), ())
    assert old.cases == (story.upheld, story.verdict)


def test_a_journal_of_an_older_release_gets_the_new_tables(tmp_path: Path) -> None:
    story = Story(tmp_path)
    story.open().close()
    sql = sqlite3.connect(story.path)
    for table in ("misses_given", "misses", "cases"):
        sql.execute(f"DROP TABLE {table}")
    sql.commit()
    sql.close()
    journal = story.open()
    journal.save(story.batch())
    assert journal.restore().misses == (story.kept,)
