import random
from pathlib import Path

import pytest

from forgetful_disk import ForgetfulDisk, PowerCutError
from holdfast.protocol.chunk import ChunkMismatchError, EncodedChunk, encode_chunk
from holdfast.protocol.units import DealId
from holdfast.vault.disk import PosixDisk
from holdfast.vault.shard_files import (
    HEADER_BYTES,
    ShardDamagedError,
    ShardFiles,
    verified_hashes,
)

DEAL = DealId(b"\xd0" * 32)
CHUNKS = [encode_chunk(bytes([i]) * (40_000 + i), 2, 4) for i in range(4)]
IDS = [chunk.id for chunk in CHUNKS]
INDEX = 3


def stage(files: ShardFiles, chunk: EncodedChunk) -> None:
    files.stage(DEAL, chunk.id, chunk.proof(INDEX), [chunk.shards[INDEX]])


@pytest.fixture
def files(tmp_path: Path) -> ShardFiles:
    return ShardFiles(tmp_path / "shards", PosixDisk())


def test_a_settled_shard_reads_back_with_its_proof(files: ShardFiles) -> None:
    stage(files, CHUNKS[0])
    assert not files.has(DEAL, IDS[0])
    assert files.read_staged(DEAL, IDS[0]).body == CHUNKS[0].shards[INDEX]
    files.settle(DEAL, IDS[:1])
    shard = files.read(DEAL, IDS[0], INDEX)
    assert shard.body == CHUNKS[0].shards[INDEX]
    assert shard.proof == CHUNKS[0].proof(INDEX)
    assert files.staged(DEAL) == {}
    assert files.durable(DEAL) == {IDS[0]}


def test_a_file_says_by_itself_what_it_is(files: ShardFiles, tmp_path: Path) -> None:
    stage(files, CHUNKS[0])
    files.settle(DEAL, IDS[:1])
    (path,) = (path for path in tmp_path.rglob("*") if path.is_file())
    assert path.parent.name == path.name[:2] == IDS[0].hex()[:2]
    data = path.read_bytes()
    assert data[:4] == b"HFsh"
    assert bytes(IDS[0]) in data[:HEADER_BYTES]
    assert data[HEADER_BYTES:] == CHUNKS[0].shards[INDEX]


def test_any_flipped_bit_that_matters_is_noticed(
    files: ShardFiles, tmp_path: Path
) -> None:
    stage(files, CHUNKS[0])
    files.settle(DEAL, IDS[:1])
    (path,) = (path for path in tmp_path.rglob("*") if path.is_file())
    good = path.read_bytes()
    dice = random.Random(5)
    for at in [
        0,
        4,
        5,
        40,
        60,
        HEADER_BYTES,
        len(good) - 1,
        *dice.sample(range(HEADER_BYTES, len(good)), 20),
    ]:
        spoilt = bytearray(good)
        spoilt[at] ^= 1 << dice.randrange(8)
        path.write_bytes(spoilt)
        with pytest.raises(ShardDamagedError):
            files.read(DEAL, IDS[0], INDEX)
    for other in (b"", good[:30], good[:-1], good + b"\0"):
        path.write_bytes(other)
        with pytest.raises(ShardDamagedError):
            files.read(DEAL, IDS[0], INDEX)
    path.write_bytes(good)
    with pytest.raises(ShardDamagedError):
        files.read(DEAL, IDS[0], INDEX - 1)


def test_a_shard_in_parts_is_verified_wherever_it_was_cut() -> None:
    shard = random.Random(1).randbytes(20_480)
    chunk = encode_chunk(shard, 1, 2)
    whole = verified_hashes(chunk.id, chunk.proof(0), [shard])
    for cut in (1, 16_384, 16_385, len(shard) - 1):
        parts = [shard[:cut], shard[cut:]]
        assert verified_hashes(chunk.id, chunk.proof(0), parts) == whole
        with pytest.raises(ChunkMismatchError):
            verified_hashes(chunk.id, chunk.proof(0), parts[:1])
        with pytest.raises(ChunkMismatchError):
            verified_hashes(chunk.id, chunk.proof(0), [parts[1], parts[0]])


def test_settling_and_deleting_again_changes_nothing(files: ShardFiles) -> None:
    for chunk in CHUNKS[:2]:
        stage(files, chunk)
    for _ in range(2):
        files.settle(DEAL, IDS[:2])
    assert files.durable(DEAL) == set(IDS[:2])
    for _ in range(2):
        files.delete(DEAL, IDS[:1])
        files.drop_staged(DEAL, IDS[:1])
    assert files.durable(DEAL) == {IDS[1]}
    files.delete_deal(DEAL)
    assert files.deals() == []


def test_a_full_disk_leaves_no_part_behind() -> None:
    disk = ForgetfulDisk()
    files = ShardFiles(Path("shards"), disk)
    stage(files, CHUNKS[0])
    files.settle(DEAL, IDS[:1])
    disk.full = True
    with pytest.raises(OSError, match="no space"):
        stage(files, CHUNKS[1])
    assert files.staged(DEAL) == {}
    assert not any(name.endswith(".part") for name in disk.files)
    assert files.read(DEAL, IDS[0], INDEX).body == CHUNKS[0].shards[INDEX]


def test_whatever_step_the_power_goes_at_what_is_in_place_is_whole() -> None:
    steps, settled_at = run_until_cut(None, 0)
    assert steps > 25
    for cut_at in range(steps):
        for seed in range(4):
            run_until_cut(cut_at, seed)
    assert settled_at


def run_until_cut(cut_at: int | None, seed: int) -> tuple[int, bool]:
    """Store four shards, cut the power before one step, and look at what is left."""
    disk = ForgetfulDisk()
    files = ShardFiles(Path("shards"), disk)
    disk.sync_directory("")
    disk.cut_at = None if cut_at is None else disk.operations + cut_at
    began, promised = disk.operations, 0
    try:
        for chunk in CHUNKS[:2]:
            stage(files, chunk)
        files.settle(DEAL, IDS[:2])
        promised = 2
        for chunk in CHUNKS[2:]:
            stage(files, chunk)
        files.settle(DEAL, IDS[2:])
        promised = 4
    except PowerCutError:
        pass
    steps = disk.operations - began
    survivor = ShardFiles(Path("shards"), disk.after_power_cut(random.Random(seed)))
    durable = survivor.durable(DEAL)
    for name in durable:
        survivor.read(DEAL, name, INDEX)
    assert durable >= set(IDS[:promised])
    return steps, promised == 4
