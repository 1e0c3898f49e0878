"""Repositories of every version are restored from what holders and owners kept.

The files in repository-N are read, never written; `make_repository.py` made them.
"""

import dataclasses
import hashlib
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from backup_owner import listing, within
from format_reader import FormatReader
from golden_repository import PASSPHRASE, GoldenNetwork, expected, golden_listing
from holdfast.client.archive import BackupJob
from holdfast.client.backup import back_up
from holdfast.client.core.errors import ChunkUnavailableError
from holdfast.client.core.owner_keys import OwnerKeys
from holdfast.client.core.phrase import key_from_phrase
from holdfast.client.key_file import open_key_file
from holdfast.client.kit_file import read_kit_file, read_kit_text
from holdfast.client.object_store import open_object, stat_object
from holdfast.client.repository import Repository
from holdfast.client.restore import RestoreJob, restore
from kit_mistakes import typed_with_mistakes
from memory_chunks import MemoryChunks

FOLDERS = sorted(Path(__file__).parent.glob("repository-*"))


def of_the_passphrase(folder: Path) -> OwnerKeys:
    return open_key_file(folder / "keys.json", PASSPHRASE)


def of_the_words(folder: Path) -> OwnerKeys:
    return OwnerKeys(key_from_phrase((folder / "phrase.txt").read_text()))


def of_a_kit_with_mistakes(folder: Path) -> OwnerKeys:
    kit = read_kit_file(folder / "kit.txt").kit
    reading = read_kit_text(typed_with_mistakes(kit, seed=1))
    assert reading.mended
    return OwnerKeys(reading.kit.master)


def opened(network: GoldenNetwork, keys: OwnerKeys) -> Repository:
    assert network.deal.deal_key == keys.deal_pair(network.deal.nonce).public
    return Repository.load(keys, network, network.head.memo)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: str(folder.name))
@pytest.mark.parametrize(
    ("keys_of", "holders"),
    [
        (of_the_passphrase, (0, 1, 2, 3)),
        (of_the_words, (4, 5, 6, 7)),
        (of_a_kit_with_mistakes, (1, 2, 5, 6)),
    ],
)
def test_every_snapshot_comes_back_from_any_k_holders(
    folder: Path,
    keys_of: Callable[[Path], OwnerKeys],
    holders: tuple[int, ...],
    tmp_path: Path,
) -> None:
    repository = opened(GoldenNetwork(folder, holders), keys_of(folder))
    then = expected(folder)
    assert {named.id.hex() for named in repository.snapshots} == set(then["snapshots"])
    for named in repository.snapshots:
        target = tmp_path / named.id.hex()
        job = RestoreJob(named.snapshot.tree, target, verify=True)
        assert restore(job, repository.reader).failures == ()
        found = listing(within(target, Path(then["top"])))
        assert golden_listing(found) == then["snapshots"][named.id.hex()]
    assert open_object(repository, "notes/one").read() == b"an object"
    assert stat_object(repository, "notes/one").metadata[0].value == "note"


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: str(folder.name))
def test_with_fewer_than_k_holders_it_is_said_what_cannot_be_read(folder: Path) -> None:
    network = GoldenNetwork(folder, (0, 3, 6))
    with pytest.raises(ChunkUnavailableError):
        opened(network, of_the_words(folder))


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: str(folder.name))
def test_an_old_repository_goes_on_and_stores_nothing_of_it_again(
    folder: Path, tmp_path: Path
) -> None:
    repository = opened(GoldenNetwork(folder, range(8)), of_the_words(folder))
    newest = repository.snapshot("latest").snapshot
    restore(RestoreJob(newest.tree, tmp_path), repository.reader)
    top = within(tmp_path, Path(expected(folder)["top"]))
    job = BackupJob(
        (bytes(top),), time_ns=2 * newest.time_ns, host="h", user="u", program="p"
    )
    written = MemoryChunks()
    backup = back_up(repository, job, written)
    stats = backup.snapshot.snapshot.stats
    assert stats.files == newest.stats.files
    # Only pages of directories are new: owners and inodes are other ones here.
    pages = sum(record.stored for record in backup.update.packs)
    assert {record.holds.name for record in backup.update.packs} == {"TREE"}
    assert pages < 10_000
    commit = repository.commit(backup.update, written)
    named = [dataclasses.astuple(each)[0] for each in commit.repository.snapshots]
    assert backup.snapshot.id in named
    assert len(named) == len(expected(folder)["snapshots"]) + 1


def test_a_reader_made_from_the_documents_alone_reads_version_1() -> None:
    folder = Path(__file__).parent / "repository-1"
    reader = FormatReader(folder, (folder / "phrase.txt").read_text())
    then = expected(folder)
    top = then["top"].encode()
    assert {snapshot.hex() for snapshot in reader.root} == set(then["snapshots"])
    for snapshot, pages in reader.root.items():
        found = {
            path.removeprefix(top + b"/").hex(): node
            for path, node in reader.files(pages)
            if path.startswith(top + b"/")
        }
        listed = dict(then["snapshots"][snapshot.hex()])
        del listed[b".".hex()]
        assert found.keys() == listed.keys()
        for name, (mode, mtime_ns, digest, _xattrs) in listed.items():
            node = found[name]
            assert (node.mode, node.mtime_ns) == (stat.S_IMODE(mode), mtime_ns)
            if digest is not None:
                content = node.data or node.target
                assert hashlib.sha256(content).hexdigest() == digest
