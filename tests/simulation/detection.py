"""How soon droppers are found, beside what the mathematics predicts.

An audit of m leaves over a vault that lacks the share f of its bytes misses with
the chance 1 − (1 − f)^m. Summed over audits until each dropper's first miss, that
is how many should have been found; over many stories both sums must agree.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from holdfast.protocol.answer import LeafProof
from holdfast.protocol.checkpoint import Entries, Entry
from holdfast.protocol.chunk import ChunkHeader
from simulation.sim_holder import SimHolder
from simulation.sim_vault import SimVault


@dataclass
class Dropped:
    """One dropper: audits since it dropped, until it was found."""

    audits: int = 0
    predicted: float = 0.0
    found: bool = False


@dataclass
class Detection:
    """Watches what droppers read for their answers."""

    droppers: dict[int, Dropped] = field(default_factory=dict)

    def read(self, vault: SimVault, leaves: Sequence[LeafProof | None]) -> None:
        if vault.mask is None or vault.mask.drops <= 0 or not leaves:
            return
        stood = vault.node.answering.stood
        assert stood
        share = missing_share(vault.holder, stood.declared.entries)
        if share <= 0:
            return
        one = self.droppers.setdefault(vault.number, Dropped())
        if one.found:
            return
        one.audits += 1
        one.predicted += 1 - (1 - share) ** len(leaves)
        one.found = any(leaf is None for leaf in leaves)


def missing_share(holder: SimHolder, challenged: Entries) -> float:
    """Return which share of the bytes that a checkpoint is asked for is really gone.

    What its entries declare missing is not asked for, nor is what came after it.
    """
    held = gone = 0
    for entry in (entry for entry in challenged.items if entry.present_bytes):
        held += entry.present_bytes
        gone += _bytes_gone(holder, entry)
    return gone / held if held else 0.0


def _bytes_gone(holder: SimHolder, entry: Entry) -> int:
    """Return the shard bytes of an entry that are gone and not declared missing."""
    store = holder.driver.store
    manifest = store.queries.manifest(entry.deal, entry.head)
    gone = first = 0
    for chunk in manifest.entries:
        size = ChunkHeader(manifest.k, manifest.n, chunk.length).shard_bytes
        here = store.files.has(entry.deal, chunk.chunk)
        if not here and not entry.lacks(first, size):
            gone += size
        first += size
    return gone
