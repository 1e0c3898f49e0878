"""The erasure code's bytes never change: erasure.json is read, never written.

It was made by reedsolo alone.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

from holdfast.protocol.erasure import codec

VECTORS: dict[str, Any] = json.loads(
    Path(__file__).with_name("erasure.json").read_text(encoding="utf-8")
)


def data_of(length: int) -> bytes:
    blocks = range(-(-length // 32))
    hashes = (hashlib.sha256(block.to_bytes(4)).digest() for block in blocks)
    return b"".join(hashes)[:length]


def test_shards_are_as_written() -> None:
    for vector in VECTORS["shards"]:
        shards = codec(vector["k"], vector["n"]).encode(data_of(vector["length"]))
        assert [shard.hex() for shard in shards] == vector["shards"]


def test_the_shards_of_wide_codes_are_as_written() -> None:
    for vector in VECTORS["digests"]:
        shards = codec(vector["k"], vector["n"]).encode(data_of(vector["length"]))
        digest = hashlib.sha256(b"".join(shards)).hexdigest()
        assert digest == vector["sha256"]


def test_written_parity_alone_gives_the_data_back() -> None:
    for vector in VECTORS["shards"]:
        k, n, length = vector["k"], vector["n"], vector["length"]
        written = [bytes.fromhex(shard) for shard in vector["shards"]]
        last = {index: written[index] for index in range(n - k, n)}
        assert codec(k, n).decode(last, length) == data_of(length)
