"""The audit side's disk: what was saved comes back, what is old goes."""

import sqlite3
from pathlib import Path

import pytest

from audit_parties import Parties
from holdfast.protocol.checkpoint import Entries
from holdfast.protocol.record import VAULT_RECORD, VaultRecord
from holdfast.protocol.settlement import Certificate, Statement, Totals
from holdfast.protocol.units import AccountId, DealId, Digest
from holdfast.vault.answer_files import KEPT_EPOCHS, AnswerFiles
from holdfast.vault.audit_journal import AuditJournal
from holdfast.vault.core.declared import Declared, Stood
from holdfast.vault.core.saved import (
    AcknowledgementGiven,
    AuditEnded,
    CertificateCollected,
    CertificateKept,
    CheckpointSigned,
    CheckpointStands,
    Outcome,
    RecordKnown,
    Restored,
    Saved,
    TotalsSettled,
    VoteGiven,
)
from holdfast.vault.holdings_database import JournalError
from simulation.fake_data import FakeDeal

EPOCH = 6
NAMED = Digest(b"\3" * 32)


class Story:
    """Everything that one epoch can save, in its order."""

    def __init__(self) -> None:
        self.parties = parties = Parties(8)
        parties.reach(40)
        self.fake: FakeDeal = parties.deal(1, [0, 1, 2, 3])
        self.me = parties.me
        assert self.fake.head
        self.entries = Entries((self.fake.entry(0),))
        heads = {self.fake.deal.id: self.fake.head}
        self.declared = Declared(self.entries, heads)
        self.signed = parties.checkpoint(self.me.keys, EPOCH, self.entries)
        self.standing = parties.standing(self.signed)
        theirs = Entries((self.fake.entry(1),))
        other = parties.keys[1]
        self.given = AcknowledgementGiven(
            parties.checkpoint(other, EPOCH, theirs), theirs
        )
        own = parties.certificate(self.me.keys, EPOCH, self.entries)
        watched = parties.certificate(other, EPOCH, theirs)
        self.own = CertificateKept(own)
        self.collected = CertificateCollected(watched, theirs, 12.5)
        totals = Totals({self.me.id: 5}, {DealId(bytes(32)): 5})
        root = Digest(totals.tree().root)
        statement = Statement(parties.params.network_id, 0, root, 2, 5, 5)
        self.settled = TotalsSettled(Certificate(statement, b"\1", bytes(96)), totals)
        keys = self.me.keys
        record = VaultRecord(
            keys.identity.public,
            bytes(32),
            keys.bls_public,
            AccountId(bytes(20)),
            ("127.0.0.1:1",),
            b"",
            1,
            1,
            3,
        )
        network = parties.params.network_id
        self.record = VAULT_RECORD.sign(record, network, keys.identity)
        self.batch: list[Saved] = [
            CheckpointSigned(self.signed, self.declared),
            self.given,
            CheckpointStands(self.standing),
            VoteGiven(other.vault_id, EPOCH, Digest(b"\2" * 32), NAMED),
            AuditEnded(EPOCH, Outcome.CERTIFIED),
            AuditEnded(EPOCH - 1, Outcome.MISSED, "why"),
            self.own,
            CertificateKept(watched),
            self.collected,
            self.settled,
            RecordKnown(self.record),
        ]

    def open(self, path: Path) -> AuditJournal:
        return AuditJournal(path / "audits.db", self.me.id, self.parties.params)


def test_what_was_saved_comes_back(tmp_path: Path) -> None:
    story = Story()
    journal = story.open(tmp_path)
    assert journal.restore() == Restored()
    journal.save(story.batch)
    journal.save(story.batch[1:])  # repeats do no harm
    journal.close()
    journal = story.open(tmp_path)
    restored = journal.restore()
    assert restored.signed == CheckpointSigned(story.signed, story.declared)
    assert restored.stood == (Stood(story.standing, story.declared),)
    assert restored.acknowledged == (story.given,)
    assert restored.votes == (
        VoteGiven(story.parties.keys[1].vault_id, EPOCH, Digest(b"\2" * 32), NAMED),
    )
    assert [audit.epoch for audit in restored.audits] == [EPOCH - 1, EPOCH]
    assert restored.certificates == (story.own.certificate,)
    assert restored.entries == {story.declared.root: story.entries}
    assert restored.collected == (story.collected,)
    assert restored.settled == (story.settled,)
    assert restored.records == (story.record,)
    assert restored.certified_epochs == 1
    assert journal.totals(0) == story.settled.totals
    assert journal.totals(1) is None
    assert journal.certificate(story.me.id, EPOCH) == story.own.certificate
    assert journal.certificate(story.me.id, EPOCH + 1) is None
    journal.close()


def test_a_second_checkpoint_of_one_epoch_is_not_saved(tmp_path: Path) -> None:
    story = Story()
    journal = story.open(tmp_path)
    journal.save(story.batch[:1])
    second = story.parties.checkpoint(story.me.keys, EPOCH, Entries(()))
    with pytest.raises(JournalError):
        journal.save([CheckpointSigned(second, Declared(Entries(()), {}))])
    assert journal.restore().signed == story.batch[0]
    journal.close()


def test_a_batch_is_saved_whole_or_not_at_all(tmp_path: Path) -> None:
    story = Story()
    journal = story.open(tmp_path)
    journal.save(story.batch[:1])
    with pytest.raises(JournalError):
        journal.save([*story.batch[1:], story.batch[0]])
    restored = journal.restore()
    assert restored.acknowledged == ()
    assert restored.votes == ()
    assert restored.audits == ()
    journal.save(story.batch[1:])
    assert journal.restore().collected == (story.collected,)
    journal.close()


def test_what_is_old_goes_and_what_is_owed_stays(tmp_path: Path) -> None:
    story = Story()
    journal = story.open(tmp_path)
    journal.save(story.batch)
    journal.prune(EPOCH + 1, 0)
    assert journal.restore().votes
    journal.prune(EPOCH + 200, EPOCH)
    restored = journal.restore()
    assert restored.certificates == (story.own.certificate,)  # not settled yet
    assert restored.entries == {story.declared.root: story.entries}
    assert restored.collected == (story.collected,)
    assert restored.votes == ()
    assert journal.certificate(story.parties.keys[1].vault_id, EPOCH) is None
    assert restored.acknowledged == (story.given,)
    journal.prune(EPOCH + 200, EPOCH + 100)
    restored = journal.restore()
    assert restored.certificates == ()
    assert restored.collected == ()
    assert restored.certified_epochs == 1
    journal.close()


def test_a_file_of_another_version_is_refused(tmp_path: Path) -> None:
    story = Story()
    story.open(tmp_path).close()
    with sqlite3.connect(tmp_path / "audits.db") as rows:
        rows.execute("PRAGMA user_version = 99")
    rows.close()
    with pytest.raises(JournalError, match="version 99"):
        story.open(tmp_path)


def test_answers_are_kept_for_a_day_and_within_bounds(tmp_path: Path) -> None:
    parties = Parties(3)
    first, second = (keys.vault_id for keys in parties.keys[:2])
    files = AnswerFiles(tmp_path / "answers", bytes_max=100)
    files.keep(first, 1, b"x" * 40)
    files.keep(second, 1, b"y" * 40)
    assert files.find(first, 1) == b"x" * 40
    files.keep(first, 2, b"z" * 40)
    kept = [files.find(first, 1), files.find(second, 1)]
    assert kept.count(None) == 1
    again = AnswerFiles(tmp_path / "answers", bytes_max=100)
    again.keep(first, 2 + KEPT_EPOCHS, b"n")
    assert again.find(first, 2) is None
    assert again.find(first, 2 + KEPT_EPOCHS) == b"n"
    assert len(list((tmp_path / "answers").iterdir())) == 1
