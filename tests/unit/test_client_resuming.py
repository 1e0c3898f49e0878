"""What a killed backup sent is known to the next one."""

import os
import random
from pathlib import Path

import pytest

from backup_owner import KEYS, Owner, fill, job_of, listing, within
from holdfast.client.backup import back_up
from holdfast.client.pack_journal import PackJournal
from holdfast.client.repository import Update
from holdfast.protocol.units import MIB
from memory_chunks import MemoryChunks, UploadStoppedError
from repository_steps import commit, put


def test_after_a_crash_nothing_is_sent_twice(
    owner: Owner, source: Path, tmp_path: Path
) -> None:
    fill(source, {"large": random.Random(2).randbytes(50 * MIB)})
    path = tmp_path / "journal"
    crashing = PackJournal(path, KEYS.cache)
    owner.chunks.stop_after = 4
    with pytest.raises(UploadStoppedError):
        back_up(owner.repository, job_of(source), owner.chunks, log=crashing)
    crashing.close()
    owner.chunks.stop_after = None
    sent = owner.chunks.stored_bytes
    repository = owner.repository
    journal = PackJournal(path, KEYS.cache)
    assert {record.chunk for record in journal.records()} == owner.chunks.held.keys()
    repository.adopt(journal.records())
    backup = back_up(repository, job_of(source), owner.chunks, log=journal)
    commit(owner, Update(backup.update.change, (*journal.records(),)))
    assert owner.chunks.stored_bytes < 50.2 * MIB
    assert backup.snapshot.snapshot.stats.bytes_stored < 50.2 * MIB - sent
    journal.clear()
    assert journal.records() == ()
    assert owner.restore(tmp_path / "target").complete
    assert listing(within(tmp_path / "target", source)) == listing(source)


def test_packs_adopted_but_not_named_are_listed_by_the_next_commit(
    owner: Owner, source: Path, tmp_path: Path
) -> None:
    fill(source, {"a": os.urandom(1000)})
    lost = back_up(owner.repository, job_of(source), owner.chunks)
    repository = owner.repository
    repository.adopt(lost.update.packs)
    again = back_up(repository, job_of(source), owner.chunks)
    assert again.update.packs == ()
    owner.memo = repository.commit(again.update, owner.chunks).memo
    assert owner.restore(tmp_path / "target").complete


def test_a_torn_record_ends_the_journal_and_is_written_over(tmp_path: Path) -> None:
    owner = Owner(MemoryChunks())
    records = [put(owner, str(n), os.urandom(100)).packs[0] for n in range(3)]
    path = tmp_path / "journal"
    journal = PackJournal(path, KEYS.cache)
    journal.append(records[0])
    journal.append(records[1])
    journal.close()
    whole = path.read_bytes()
    for length in range(len(whole) // 2 + 1, len(whole)):
        path.write_bytes(whole[:length])
        torn = PackJournal(path, KEYS.cache)
        assert torn.records() == (records[0],)
        torn.append(records[2])
        torn.close()
        assert torn.records() == (records[0], records[2])


def test_a_journal_of_another_owner_or_of_garbage_holds_nothing(
    tmp_path: Path,
) -> None:
    path = tmp_path / "journal"
    path.write_bytes(os.urandom(500))
    assert PackJournal(path, KEYS.cache).records() == ()
    path.write_bytes((100).to_bytes(4, "big") + os.urandom(100))
    assert PackJournal(path, KEYS.cache).records() == ()
