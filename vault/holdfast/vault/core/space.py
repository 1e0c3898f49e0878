"""What all deals of a vault take, and may still take, added up as they change.

A vault may hold a hundred thousand deals and is asked before every shard whether there
is room: only deals that changed since the last question are looked at again.
"""

from collections.abc import Mapping

from holdfast.protocol.frozen import frozen
from holdfast.protocol.units import DealId
from holdfast.vault.core.deal_holding import DealHolding


@frozen
class Sums:
    """Shards of one deal or of all, and bytes of shards.

    `lost_bytes` are those of missing shards that the newest full head has;
    `unfilled_bytes` what the deals' capacities leave beyond the durable ones.
    """

    durable_bytes: int = 0
    staged_bytes: int = 0
    durable_shards: int = 0
    missing_shards: int = 0
    lost_bytes: int = 0
    unfilled_bytes: int = 0

    def with_instead(self, new: "Sums", old: "Sums") -> "Sums":
        """Return the sums after a deal's have changed."""
        return Sums(
            self.durable_bytes + new.durable_bytes - old.durable_bytes,
            self.staged_bytes + new.staged_bytes - old.staged_bytes,
            self.durable_shards + new.durable_shards - old.durable_shards,
            self.missing_shards + new.missing_shards - old.missing_shards,
            self.lost_bytes + new.lost_bytes - old.lost_bytes,
            self.unfilled_bytes + new.unfilled_bytes - old.unfilled_bytes,
        )


NOTHING = Sums()


class Space:
    """The sums over a vault's deals; `changed` are those to be looked at again."""

    def __init__(self, deals: Mapping[DealId, DealHolding]) -> None:
        self._deals = deals
        self._capacities: Mapping[DealId, int] = {}
        self._parts: dict[DealId, Sums] = {}
        self._sums = NOTHING
        self.changed = set(deals)

    def allot(self, capacities: Mapping[DealId, int]) -> None:
        """Say how many bytes of shards each deal may have here, once it is full."""
        self.changed |= {
            deal for deal, _ in capacities.items() ^ self._capacities.items()
        }
        self._capacities = capacities

    def sums(self) -> Sums:
        """Return the sums over all deals as they are now."""
        for deal in self.changed:
            new, old = self._part(deal), self._parts.pop(deal, NOTHING)
            if new != NOTHING:
                self._parts[deal] = new
            self._sums = self._sums.with_instead(new, old)
        self.changed.clear()
        return self._sums

    def _part(self, deal: DealId) -> Sums:
        holding, capacity = self._deals.get(deal), self._capacities.get(deal, 0)
        if holding is None:
            return Sums(unfilled_bytes=capacity)
        lost = sum(span[1] for span in holding.missing.values() if span)
        return Sums(
            holding.durable_bytes,
            holding.staged_bytes,
            holding.durable_shards,
            len(holding.missing),
            lost,
            max(capacity - holding.durable_bytes, 0),
        )
