"""All deals that a vault holds: it routes events, and adds up what they say."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from holdfast.protocol.checkpoint import Entries
from holdfast.protocol.deal import Deal
from holdfast.protocol.network import NetworkParams
from holdfast.protocol.units import DealId, VaultId
from holdfast.vault.core.deal_holding import Phase
from holdfast.vault.core.deal_state import DealState
from holdfast.vault.core.holding_events import (
    CheckpointOffered,
    DealCollected,
    Effect,
    Event,
)
from holdfast.vault.core.space import Space


@dataclass
class Holdings:
    """The machines of all deals; one appears with the first event of its deal."""

    vault: VaultId
    deals: dict[DealId, DealState] = field(default_factory=dict)
    space: Space = field(init=False)

    def __post_init__(self) -> None:
        self.space = Space(self.deals)
        for holding in self.deals.values():
            holding.changed = self.space.changed

    def of(self, deal: Deal) -> DealState:
        """Return the machine of a deal that the ledger gives this vault."""
        if (found := self.deals.get(deal.id)) is not None:
            return found
        index = deal.index_of(self.vault)
        assert index is not None, "only deals of this vault have a machine"
        return self._make(deal, index)

    def taking(self, deal: Deal, index: int) -> DealState:
        """Return the machine of a deal of which an index is being taken over."""
        found = self.deals.get(deal.id) or self._make(deal, index)
        assert found.index == index, "one index of a deal at a time"
        return found

    def receive(self, deal: DealId, event: Event) -> list[Effect]:
        """Hand an event to its deal's machine."""
        effects = self.deals[deal].receive(event)
        if isinstance(event, DealCollected):
            del self.deals[deal]
        return effects

    def offer_entries(
        self, given: Iterable[Deal], epoch: int, params: NetworkParams
    ) -> Entries:
        """Return the entries of the checkpoint that `epoch` makes for the next.

        Deals that may be deleted in the next epoch are left out.
        """
        items = []
        for deal in sorted(given, key=lambda deal: deal.id):
            if epoch + 1 < deal.collectable_epoch(params):
                holding = self.of(deal)
                holding.receive(CheckpointOffered())
                items.append(holding.entry())
        return Entries(tuple(items))

    def collectable(self, deal: Deal, epoch: int, params: NetworkParams) -> bool:
        """Tell whether a deal's bytes may go: its time is over, and no audit asks."""
        over = deal.collectable_epoch(params)
        holding = self.deals.get(deal.id)
        if holding is None or holding.phase is Phase.COLLECTED or epoch < over:
            return False
        return holding.let_go or not holding.trunk or epoch >= over + params.keep_epochs

    @property
    def used_bytes(self) -> int:
        """Shard bytes on the disk, staged ones too."""
        sums = self.space.sums()
        return sums.durable_bytes + sums.staged_bytes

    def _make(self, deal: Deal, index: int) -> DealState:
        made = DealState(deal.id, index, deal.k, deal.n, changed=self.space.changed)
        self.deals[deal.id] = made
        return made
