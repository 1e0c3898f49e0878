"""How soon droppers are found, beside what the mathematics predicts.

An audit of m leaves over a vault that lacks the share f of its bytes misses with
the chance 1 − (1 − f)^m. Summed over audits until each dropper's first miss, that
is how many should have been found; over many stories both sums must agree.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from holdfast.protocol.answer import LeafProof
from holdfast.vault.core import effects as fx
from holdfast.vault.core.deal_holding import DealHolding
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

    def read(
        self,
        vault: SimVault,
        effect: fx.ReadLeaves,
        leaves: Sequence[LeafProof | None],
    ) -> None:
        if vault.mask is None or vault.mask.drops <= 0 or not leaves:
            return
        share = missing_share(vault)
        if share <= 0:
            return
        one = self.droppers.setdefault(vault.number, Dropped())
        if one.found:
            return
        one.audits += 1
        one.predicted += 1 - (1 - share) ** len(leaves)
        one.found = any(leaf is None for leaf in leaves)


def missing_share(vault: SimVault) -> float:
    """Return which share of the bytes that audits can ask for is really gone.

    What a vault declares missing, or was proved to be no chunk, is not asked for.
    """
    held = gone = 0
    for holding in vault.holder.driver.holdings.deals.values():
        here, lost = _bytes_of(vault, holding)
        held += here
        gone += lost
    return gone / held if held else 0.0


def _bytes_of(vault: SimVault, holding: DealHolding) -> tuple[int, int]:
    """Return the shard bytes not declared missing, and those of them that are gone."""
    if holding.full is None:
        return 0, 0
    store = vault.holder.driver.store
    manifest = store.queries.manifest(holding.deal, holding.full_digest)
    held = lost = 0
    for entry in manifest.entries:
        if entry.chunk in holding.missing or entry.chunk in holding.void:
            continue
        size = holding.shard_bytes(entry.length)
        held += size
        if not store.files.has(holding.deal, entry.chunk):
            lost += size
    return held, lost
