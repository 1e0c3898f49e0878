"""What a holder makes of its siblings' shards."""

from itertools import combinations
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from holdfast.protocol import merkle
from holdfast.protocol.chunk import EncodedChunk, chunk_id, encode_chunk
from holdfast.protocol.malformed import ProvenShard
from holdfast.protocol.units import DealId
from holdfast.vault.disk import PosixDisk
from holdfast.vault.rebuilding import LostShard, MalformedUploadError, keep_rebuilt
from holdfast.vault.shard_files import ShardFiles
from holdfast.vault.sibling_stream import FetchedShard

DEAL = DealId(b"\x05" * 32)
CONTENT = bytes(range(251)) * 400
OWN = 1


def fetched(chunk: EncodedChunk, indexes: tuple[int, ...]) -> dict[int, FetchedShard]:
    return {
        index: FetchedShard(
            ProvenShard(chunk.proof(index), bytes(chunk.shards[index])),
            merkle.data_root(chunk.shards[index]),
        )
        for index in indexes
    }


def kept(top: Path, chunk: EncodedChunk, indexes: tuple[int, ...]) -> bytes:
    files = ShardFiles(top, PosixDisk())
    holding: Any = SimpleNamespace(deal=DEAL, index=OWN)
    lost = LostShard(chunk.id, chunk.header)
    keep_rebuilt(files, holding, lost, fetched(chunk, indexes))
    return bytes(files.read(DEAL, chunk.id, OWN).body)


def test_any_k_siblings_give_a_lost_shard_back(tmp_path: Path) -> None:
    chunk = encode_chunk(CONTENT, 2, 4)
    for number, indexes in enumerate(combinations((0, 2, 3), 2)):
        found = kept(tmp_path / str(number), chunk, indexes)
        assert found == bytes(chunk.shards[OWN])


@pytest.mark.parametrize("place", range(4))
def test_a_chunk_with_one_wrong_shard_is_kept_by_nobody(
    tmp_path: Path, place: int
) -> None:
    honest = encode_chunk(CONTENT, 2, 4)
    shards = list(honest.shards)
    shards[place] = memoryview(bytes(byte ^ 1 for byte in shards[place]))
    roots = tuple(merkle.data_root(shard) for shard in shards)
    named = chunk_id(honest.header, merkle.root(roots))
    cheat = EncodedChunk(named, honest.header, tuple(shards), roots)
    for number, indexes in enumerate(combinations((0, 2, 3), 2)):
        with pytest.raises(MalformedUploadError):
            kept(tmp_path / str(number), cheat, indexes)
        assert not ShardFiles(tmp_path / str(number), PosixDisk()).has(DEAL, named)
