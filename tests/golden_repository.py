"""A golden repository's files: what a ledger, the holders and the owner kept.

A holder's file is its full receipt, then its shard of every chunk in the manifest's
order: id, ciphertext bytes, proof, shard. Lengths are u32, before what they count.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from holdfast.client.core.errors import ChunkUnavailableError
from holdfast.protocol.chunk import SHARD_PROOF, check_shard
from holdfast.protocol.deal import DEAL, Deal
from holdfast.protocol.encoding import Reader
from holdfast.protocol.erasure import codec
from holdfast.protocol.keys import vault_id
from holdfast.protocol.manifest import Manifest, ManifestEntry
from holdfast.protocol.network import NETWORK_PARAMS
from holdfast.protocol.receipt import FULL_RECEIPT, FullReceipt, check_full_receipt
from holdfast.protocol.units import ChunkId

PASSPHRASE = "a golden passphrase"


@dataclass(frozen=True)
class HeldShards:
    """What one holder's file says."""

    full: FullReceipt
    manifest: tuple[ManifestEntry, ...]
    shards: dict[ChunkId, bytes]


class GoldenNetwork:
    """A ChunkReader of the holders whose files are still there; all is verified."""

    def __init__(self, folder: Path, holders: Iterable[int]) -> None:
        self.deal: Deal = DEAL.decode((folder / "deal.bin").read_bytes())
        params = NETWORK_PARAMS.decode((folder / "network.bin").read_bytes())
        self._network = params.network_id
        self._held = {index: self._holder(folder, index) for index in holders}
        newest = max(
            (held.full for held in self._held.values()),
            key=lambda full: full.head.value.sequence,
        )
        self.head = newest.head.value
        self._check(newest)

    def _holder(self, folder: Path, index: int) -> HeldShards:
        reader = Reader((folder / f"holder-{index}.bin").read_bytes())
        full = FULL_RECEIPT.decode(_counted(reader))
        entries: list[ManifestEntry] = []
        shards: dict[ChunkId, bytes] = {}
        for _ in range(full.head.value.count):
            chunk = ChunkId(reader.take(32))
            length = int.from_bytes(reader.take(4), "big")
            proof, shard = SHARD_PROOF.decode(_counted(reader)), _counted(reader)
            assert proof.index == index
            check_shard(chunk, proof, shard)
            entries.append(ManifestEntry(chunk, length))
            shards[chunk] = shard
        reader.finish()
        return HeldShards(full, tuple(entries), shards)

    def _check(self, full: FullReceipt) -> None:
        identities = {vault_id(key): key for key in full.identities}
        check_full_receipt(full, self.deal, self._network, identities)
        for held in self._held.values():
            manifest = Manifest(self.deal.k, self.deal.n, held.manifest)
            assert manifest.root == self.head.root

    def read(self, chunk: ChunkId) -> bytes:
        """Rebuild a chunk from the shards that are here."""
        shards = {
            i: h.shards[chunk] for i, h in self._held.items() if chunk in h.shards
        }
        if len(shards) < self.deal.k:
            raise ChunkUnavailableError(chunk)
        (length,) = {
            entry.length
            for held in self._held.values()
            for entry in held.manifest
            if entry.chunk == chunk
        }
        return bytes(codec(self.deal.k, self.deal.n).decode(shards, length))

    def reread(self, chunk: ChunkId) -> bytes:
        """Rebuild it again: all was verified before."""
        return self.read(chunk)

    def prefetch(self, chunks: Sequence[ChunkId]) -> None:
        """Everything is here already."""


def golden_listing(found: dict[bytes, tuple[Any, ...]]) -> dict[str, list[Any]]:
    """Return a listing as JSON has it, without owners: names are hexadecimal."""
    return {
        name.hex(): [
            mode,
            mtime_ns,
            hashlib.sha256(content).hexdigest() if content is not None else None,
            [[xattr, value.hex()] for xattr, value in xattrs],
        ]
        for name, (mode, mtime_ns, _owner, content, xattrs) in sorted(found.items())
    }


def expected(folder: Path) -> dict[str, Any]:
    """Return where the tree was, and the listing of each snapshot."""
    document: dict[str, Any] = json.loads((folder / "expected.json").read_text())
    return document


def _counted(reader: Reader) -> bytes:
    return reader.take(int.from_bytes(reader.take(4), "big"))
