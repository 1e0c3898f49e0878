"""How costs grow at ten and a hundred times the data, the vaults or the operations.

    python benchmarks/growth.py

CPU milliseconds of the parts whose work depends on how much there is already, each in
this process, least of three. "10x" and "100x" are how much more the larger sizes take
than the smallest: at most about 10 and 100 where a cost grows with the size, 1 where it
does not, and far over 100 where something is quadratic.
"""

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import growth_of_networks

from holdfast.client.core.blobs import BlobId, BlobKind, blob_id
from holdfast.client.core.index import Index, PackRecord, record_of
from holdfast.client.core.pack import pack_blobs
from holdfast.client.output import table_lines
from holdfast.protocol import placement
from holdfast.protocol.manifest import Manifest, ManifestChange, ManifestEntry
from holdfast.protocol.settlement_tree import SettlementTree
from holdfast.protocol.units import MIB, ChunkId, Digest, VaultId
from memory_chunks import MemoryChunks

TURNS: Final = 3
STEPS: Final = (1, 10, 100)
PERIOD: Final = Digest(bytes(32))
Work = Callable[[], object]


def a_head(chunks: int) -> Work:
    """One head of 12 new chunks on a manifest of so many; its tree is known."""
    manifest = Manifest(4, 8, tuple(_entries(chunks)))
    _ = manifest.tree, manifest.positions
    change = ManifestChange((), tuple(_entries(12)))
    return lambda: manifest.changed(change).root


def a_whole_upload(chunks: int) -> Work:
    """All heads of an upload of so many chunks, one after the other."""

    def work() -> Digest:
        manifest = Manifest(4, 8)
        for _ in range(chunks // 12):
            manifest = manifest.changed(ManifestChange((), tuple(_entries(12))))
            _ = manifest.tree
        return manifest.root

    return work


def an_audit_path(chunks: int) -> Work:
    """Where 256 leaves of an audit are, in a deal of so many chunks."""
    tree = Manifest(4, 8, tuple(_entries(chunks))).tree
    places = range(0, tree.root.sum, tree.root.sum // 256)
    return lambda: [tree.path(tree.find(place)[0]) for place in places]


def neighbours(vaults: int) -> Work:
    """Who monitors one vault of so many."""
    registry = _vaults(vaults)
    return lambda: placement.neighbours(registry, registry[0], PERIOD, 8)


def all_monitored(vaults: int) -> Work:
    """Whom one vault of so many monitors."""
    registry = _vaults(vaults)
    return lambda: placement.monitored(registry, registry, registry[0], PERIOD, 8)


def a_settlement(totals: int) -> Work:
    """The tree of a settlement of so many totals."""
    leaves = [os.urandom(80) for _ in range(totals)]
    return lambda: SettlementTree(leaves).root


def index_lookups(blobs: int) -> Work:
    """A thousand look-ups in an index of so many blobs."""
    records = _records(blobs)
    index = Index(records)
    known = [next(iter(_ids(record))) for record in records][:1000]
    return lambda: [index.find(blob) for blob in known * (1000 // len(known) + 1)]


def _ids(record: PackRecord) -> list[BlobId]:
    return [record.blob(row) for row in range(record.count)]


def _records(blobs: int) -> list[PackRecord]:
    store, records = MemoryChunks(), []
    for first in range(0, blobs, 1000):
        named = [
            (blob_id(bytes(32), data), data)
            for data in (b"%d" % number for number in range(first, first + 1000))
        ]
        for pack in pack_blobs(BlobKind.DATA, named):
            chunk = store.add(pack.plaintext())
            records.append(record_of(chunk, 1, pack.table))
    return records


def _entries(count: int) -> list[ManifestEntry]:
    return [ManifestEntry(ChunkId(os.urandom(32)), 8 * MIB) for _ in range(count)]


def _vaults(count: int) -> list[VaultId]:
    return [VaultId(os.urandom(32)) for _ in range(count)]


CASES: Final = (
    ("head of 12 chunks, on chunks", 300, a_head),
    ("all heads of an upload, chunks", 96, a_whole_upload),
    ("256 paths of an audit, chunks", 300, an_audit_path),
    ("1,000 index look-ups, blobs", 1_000, index_lookups),
    ("neighbours of a vault, vaults", 100, neighbours),
    ("whom a vault monitors, vaults", 100, all_monitored),
    ("settlement tree, totals", 1_000, a_settlement),
    *growth_of_networks.CASES,
)


def least_seconds(work: Work) -> float:
    spent = []
    for _ in range(TURNS):
        began = time.process_time()
        work()
        spent.append(time.process_time() - began)
    return min(spent)


def main() -> None:
    rows = []
    for name, smallest, make in CASES:
        found = [least_seconds(make(smallest * step)) for step in STEPS]
        ratios = (f"{seconds / found[0]:.1f}" for seconds in found[1:])
        sizes = f"{smallest:,} to {smallest * STEPS[-1]:,}"
        rows.append((name, sizes, *(f"{1e3 * s:.2f}" for s in found), *ratios))
    head = ("what", ">sizes", ">ms", ">ms at 10x", ">ms at 100x", ">10x", ">100x")
    print("\n".join(table_lines(head, rows)))


if __name__ == "__main__":
    main()
