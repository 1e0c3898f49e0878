"""What the network half keeps on its own machine: chunks, cache, profile."""

import io
import threading
from pathlib import Path

import pytest

from examples import DEAL_ID, FULL, HEAD, MANIFEST, NETWORK, PARAMS, VAULTS
from holdfast.client.backing_up import job_of
from holdfast.client.chunk_box import ChunkBox
from holdfast.client.chunk_cache import CachedChunks
from holdfast.client.core.errors import PhraseError, WrongPassphraseError
from holdfast.client.core.key_slots import Strength
from holdfast.client.journal import Journal, JournalError, Opening
from holdfast.client.network_errors import (
    ProfileError,
    ProfileExistsError,
    ProfileMissingError,
    UploadFailedError,
)
from holdfast.client.profile import Profile
from holdfast.client.sizing import bytes_expected
from holdfast.ledger.network_file import NetworkFile, SeedVault
from holdfast.protocol.chunk import check_shard
from holdfast.protocol.record import VAULT_RECORD, VaultRecord
from holdfast.protocol.units import KIB, MIB, AccountId, ChunkId, DealId
from holdfast.wire import rpc
from memory_chunks import MemoryChunks

WEAK = Strength(1, 8 * MIB)


# The box of chunks on their way.


def test_a_full_box_holds_back_until_something_leaves() -> None:
    box = ChunkBox(2, 4, limit_bytes=600 * KIB)
    first = box.encode(bytes(200 * KIB)).id
    added: list[ChunkId] = []
    waiting = threading.Thread(
        target=lambda: added.append(box.encode(b"\1" * 200 * KIB).id)
    )
    waiting.start()
    waiting.join(0.05)
    assert added == []
    box.drop_shards(first)  # 200 of its 400 KiB
    waiting.join(10)
    assert len(added) == 1


def test_one_chunk_always_fits_an_empty_box() -> None:
    assert ChunkBox(2, 4, limit_bytes=1).encode(b"data").header.length == 4


def test_shards_that_were_dropped_are_made_again() -> None:
    box = ChunkBox(2, 4, limit_bytes=MIB)
    chunk = box.encode(b"some ciphertext").id
    box.drop_shards(chunk)
    for index in range(4):
        proof, shard = box.shard(chunk, index)
        assert proof.index == index
        check_shard(chunk, proof, shard)
    box.release(chunk)
    assert chunk not in box


def test_a_failed_box_fails_who_waits_and_who_comes() -> None:
    box = ChunkBox(2, 4, limit_bytes=1)
    box.encode(b"first")
    raised: list[BaseException] = []

    def add() -> None:
        try:
            box.encode(b"second")
        except UploadFailedError as error:
            raised.append(error)

    waiting = threading.Thread(target=add)
    waiting.start()
    error = UploadFailedError("over")
    box.fail(error)
    waiting.join(10)
    assert raised == [error]
    with pytest.raises(UploadFailedError):
        box.encode(b"third")


# The journal.


def test_openings_are_kept_until_they_end(tmp_path: Path) -> None:
    opening = Opening(b"\1" * 32, DealId(b"\2" * 32), 7)
    journal = Journal(tmp_path / "cache" / "network.db")
    journal.begin_opening(opening)
    journal.close()
    journal = Journal(tmp_path / "cache" / "network.db")
    assert journal.openings() == (opening,)
    journal.end_opening(opening.nonce)
    assert journal.openings() == ()
    journal.close()


def test_heads_manifests_and_records_are_read_back(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "network.db")
    assert journal.head(DEAL_ID) is None
    journal.keep_head(FULL)
    assert journal.head(DEAL_ID) == FULL
    digest = HEAD.value.digest()
    journal.keep_manifest(DEAL_ID, digest, MANIFEST.entries)
    assert journal.manifest(DEAL_ID, digest) == MANIFEST.entries
    assert journal.manifest(DEAL_ID, FULL.receipts[0].value.deal) is None  # type: ignore[arg-type] # another digest
    keys = VAULTS[0]
    record = VaultRecord(
        keys.identity.public,
        bytes(keys.box.public_key),
        keys.bls_public,
        AccountId(b"\1" * 20),
        ("127.0.0.1:1",),
        b"certificate",
        1,
        2,
        3,
    )
    signed = VAULT_RECORD.sign(record, NETWORK, keys.identity)
    journal.keep_records([signed])
    assert journal.records() == {keys.vault_id: signed}
    journal.close()


@pytest.mark.parametrize("content", [b"not a database at all" * 100, b""])
def test_a_damaged_cache_is_made_again(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "network.db"
    path.write_bytes(content)
    journal = Journal(path)
    journal.keep_head(FULL)
    assert journal.head(DEAL_ID) == FULL
    journal.close()


def test_a_cache_that_cannot_be_made_says_where(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(JournalError, match="file"):
        Journal(tmp_path / "file" / "network.db")


# Chunks of the state.


def test_chunks_of_the_state_are_read_from_the_disk_the_next_time(
    tmp_path: Path,
) -> None:
    network = MemoryChunks()
    one, two, other = (network.add(bytes([n]) * 10) for n in range(3))
    cached = CachedChunks(network, tmp_path / "state")
    with cached.keeping():
        cached.read(one)
        cached.read(two)
    cached.read(other)
    network.reads.clear()
    with cached.keeping():
        assert cached.read(one) == bytes([0]) * 10
    assert network.reads == []
    with cached.keeping():
        cached.read(two)  # not read the last time, so it was let go
    assert network.reads == [two]


# The profile.


def network_file(folder: Path, seeds: int = 1) -> Path:
    folder.mkdir(exist_ok=True)
    certificate = rpc.make_certificate().certificate_pem
    found = tuple(
        SeedVault(f"127.0.0.1:{port}", certificate) for port in range(1, seeds + 1)
    )
    NetworkFile(PARAMS, "127.0.0.1:9", certificate, found).save(folder / "network.json")
    return folder / "network.json"


def test_a_profile_comes_back_with_its_keys(tmp_path: Path) -> None:
    source = network_file(tmp_path / "net")
    made, phrase = Profile.create(tmp_path / "home", source, "secret", strength=WEAK)
    loaded = Profile.load(tmp_path / "home")
    assert loaded == made
    with pytest.raises(WrongPassphraseError):
        loaded.unlock("wrong")
    other, again = Profile.create(
        tmp_path / "other", source, "another", phrase, strength=WEAK
    )
    assert again == phrase
    assert other.account == made.account
    assert other.unlock("another").master == loaded.unlock("secret").master
    assert (tmp_path / "home").stat().st_mode & 0o077 == 0
    assert (tmp_path / "home" / "keys.json").stat().st_mode & 0o077 == 0


def test_a_profile_is_never_overwritten(tmp_path: Path) -> None:
    source = network_file(tmp_path / "net")
    Profile.create(tmp_path / "home", source, "secret", strength=WEAK)
    before = (tmp_path / "home" / "keys.json").read_bytes()
    with pytest.raises(ProfileExistsError):
        Profile.create(tmp_path / "home", source, "secret", strength=WEAK)
    assert (tmp_path / "home" / "keys.json").read_bytes() == before


def test_a_profile_follows_the_file_it_was_made_from(tmp_path: Path) -> None:
    source = network_file(tmp_path / "net", seeds=1)
    Profile.create(tmp_path / "home", source, "secret", strength=WEAK)
    network_file(tmp_path / "net", seeds=3)
    assert len(Profile.load(tmp_path / "home").network.seeds) == 3
    source.unlink()
    assert len(Profile.load(tmp_path / "home").network.seeds) == 3


def test_a_missing_or_damaged_profile_and_a_wrong_phrase_say_so(
    tmp_path: Path,
) -> None:
    with pytest.raises(ProfileMissingError, match="holdfast init"):
        Profile.load(tmp_path / "home")
    source = network_file(tmp_path / "net")
    with pytest.raises(PhraseError):
        Profile.create(tmp_path / "home", source, "secret", "just some words")
    Profile.check_absent(tmp_path / "home")
    Profile.create(tmp_path / "home", source, "secret", strength=WEAK)
    (tmp_path / "home" / "profile.json").write_text("{}")
    with pytest.raises(ProfileError, match="damaged"):
        Profile.load(tmp_path / "home")


def test_what_a_backup_will_read_is_added_up(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "one").write_bytes(bytes(1000))
    (tmp_path / "a" / "b" / "two").write_bytes(bytes(500))
    (tmp_path / "a" / "loop").symlink_to(tmp_path / "a")
    paths = [tmp_path / "a", Path("/no such path")]
    assert 1500 <= bytes_expected(job_of(paths)) < 1600
    assert 500 <= bytes_expected(job_of(paths, exclude=["one"])) < 600
    assert bytes_expected(job_of([Path("dump")], stream=io.BytesIO(b"1234"))) == 0


def test_a_large_hole_is_not_expected_to_be_stored(tmp_path: Path) -> None:
    with (tmp_path / "sparse").open("wb") as file:
        file.write(b"data" * 5000)
        file.truncate(10**12)
    assert 20_000 <= bytes_expected(job_of([tmp_path])) < 10**6
