"""The bytes of a shard's file, which outlive every version of the program."""

from pathlib import Path

from examples import CHUNK, DEAL_ID
from holdfast.vault.disk import PosixDisk
from holdfast.vault.shard_files import HEADER_BYTES, ShardFiles

INDEX = 3
HEADER = (
    "48467368"  # "HFsh"
    "01"  # version
    "18d2783e2951758b92e97dc8d6b65b1a056d94c07fad160bf58ebbbe1e1deae8"  # chunk id
    "004f"  # bytes of the proof
    "48461501020400012c00030000000228ce6b5f17f71ce326e2305f34c3fde49828a3055feb276d"
    "9dc0c39f32bd2f8457bc96d42cb5ccdb5846ef690b88adc37ff694803efa39f0b30fc7107d6eb4"
    "a1"
)


def test_a_shard_file_has_not_changed(tmp_path: Path) -> None:
    files = ShardFiles(tmp_path / "shards", PosixDisk())
    files.keep(DEAL_ID, [(CHUNK.id, CHUNK.proof(INDEX), CHUNK.shards[INDEX])])
    name = CHUNK.id.hex()
    path = tmp_path / "shards" / DEAL_ID.hex() / name[:2] / name
    data = path.read_bytes()
    assert data[:HEADER_BYTES] == bytes.fromhex(HEADER).ljust(HEADER_BYTES, b"\0")
    assert data[HEADER_BYTES:] == CHUNK.shards[INDEX]
