"""The totals behind settlements: kept, proved to whoever asks, fetched when absent."""

from bisect import bisect_left
from functools import cached_property
from typing import Final

from holdfast.protocol.settlement import Certificate, Total, TotalProof, Totals
from holdfast.protocol.settlement_tree import SettlementTree
from holdfast.protocol.units import Digest
from holdfast.vault.core.saved import Restored, TotalsSettled

KEPT_MAX: Final = 2
"""Settlements kept in memory; older ones are served from the journal."""


class ProvenTotals:
    """The totals of one settlement with their tree, built once."""

    def __init__(self, period: int, totals: Totals) -> None:
        self.period = period
        self.totals = totals

    @cached_property
    def leaves(self) -> tuple[Total, ...]:
        """The leaves in order."""
        return self.totals.leaves()

    @cached_property
    def tree(self) -> SettlementTree:
        """The tree over the leaves."""
        return self.totals.tree()

    @property
    def root(self) -> Digest:
        """The tree's root."""
        return Digest(self.tree.root)

    def prove(self, party: int, key: bytes) -> tuple[TotalProof, ...]:
        """Return the proof of a leaf, or those of the leaves beside its place."""
        place = bisect_left(
            self.leaves, (party, key), key=lambda leaf: (leaf.party, leaf.id)
        )
        if place < len(self.leaves):
            leaf = self.leaves[place]
            if (leaf.party, leaf.id) == (party, key):
                return (self._proof(place),)
        beside = (place - 1, place)
        return tuple(self._proof(i) for i in beside if 0 <= i < len(self.leaves))

    def _proof(self, place: int) -> TotalProof:
        path = self.tree.path(place)
        return TotalProof(self.leaves[place], place, len(self.leaves), path)


class TotalsBook:
    """The newest settlements' totals."""

    def __init__(self, restored: Restored) -> None:
        self._settled: dict[int, ProvenTotals] = {}
        for item in restored.settled:
            self._take(item)

    def get(self, period: int) -> ProvenTotals | None:
        """Return the totals of a period's settlement."""
        return self._settled.get(period)

    def adopt(self, certificate: Certificate, totals: Totals) -> TotalsSettled | None:
        """Keep totals if they are those that the ledger's certificate names."""
        statement = certificate.statement
        proven = ProvenTotals(statement.period, totals)
        if (proven.root, len(proven.leaves)) != (statement.root, statement.count):
            return None
        settled = TotalsSettled(certificate, totals)
        self._settled[statement.period] = proven
        self._trim()
        return settled

    def _take(self, item: TotalsSettled) -> None:
        period = item.certificate.statement.period
        self._settled[period] = ProvenTotals(period, item.totals)
        self._trim()

    def _trim(self) -> None:
        while len(self._settled) > KEPT_MAX:
            del self._settled[min(self._settled)]
