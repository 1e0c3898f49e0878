"""What a checkpoint declares: its entries, with the signed heads behind them."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from holdfast.protocol.checkpoint import Entries, Entry, StandingCheckpoint
from holdfast.protocol.frozen import frozen
from holdfast.protocol.manifest import SignedHead
from holdfast.protocol.sums import SumTree
from holdfast.protocol.units import DealId, Digest


@dataclass(frozen=True)
class Declared:
    """The entries of one checkpoint of ours, and the heads of those that have one."""

    entries: Entries
    heads: Mapping[DealId, SignedHead]

    @cached_property
    def tree(self) -> SumTree:
        """The Merkle-sum tree over the entries."""
        return self.entries.tree()

    @cached_property
    def root(self) -> Digest:
        """The hash of the tree's root, by which changes name their base."""
        return Digest(self.tree.root.hash)

    @cached_property
    def _places(self) -> dict[DealId, int]:
        return {entry.deal: place for place, entry in enumerate(self.entries.items)}

    def place(self, deal: DealId) -> int:
        """Return where the entry of a deal stands."""
        return self._places[deal]


@frozen
class Stood:
    """A checkpoint of ours that stands, with what it declares."""

    standing: StandingCheckpoint
    declared: Declared

    @property
    def epoch(self) -> int:
        """The epoch it was signed for."""
        return self.standing.checkpoint.value.epoch


@frozen
class Change:
    """What differs between two sets of entries."""

    changed: Entries
    removed: tuple[DealId, ...]


def change_between(before: Entries | None, after: Entries) -> Change:
    """Return what makes `after` out of `before`; without one, all of it."""
    known = {entry.deal: entry for entry in before.items} if before else {}
    kept = {entry.deal for entry in after.items}
    changed = tuple(e for e in after.items if known.get(e.deal) != e)
    return Change(Entries(changed), tuple(deal for deal in known if deal not in kept))


def applied(before: Entries | None, change: Change) -> Entries:
    """Return the entries after a change; removing what is not there does nothing."""
    if before is not None and not change.changed.items and not change.removed:
        return before
    known: dict[DealId, Entry] = {e.deal: e for e in before.items} if before else {}
    for deal in change.removed:
        known.pop(deal, None)
    known.update((entry.deal, entry) for entry in change.changed.items)
    return Entries(tuple(known[deal] for deal in sorted(known)))
