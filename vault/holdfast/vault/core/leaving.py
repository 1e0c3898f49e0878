"""Takes the stake back once the vault has unbonded and owes nobody anything."""

from holdfast.ledger.core.operations import Withdraw
from holdfast.ledger.core.values import Listing
from holdfast.vault.core.effects import Effect, Log, Submit
from holdfast.vault.core.events import OperationEnded
from holdfast.vault.core.myself import Myself


class Leaving:
    """The machine of the way out: it tries at most once an epoch."""

    def __init__(self, me: Myself) -> None:
        self._me = me
        self._tried_epoch = -1

    def step(self, now: float) -> list[Effect]:
        """Withdraw when the ledger would let us."""
        ledger = self._me.ledger
        row = ledger.row(self._me.id)
        epoch = min(self._me.epoch_at(now), ledger.epoch)
        if row is None or row.listing is not Listing.UNBONDING or row.stake == 0:
            return []
        if epoch <= self._tried_epoch or epoch < self.free_epoch():
            return []
        self._tried_epoch = epoch
        return [Submit(Withdraw(self._me.id))]

    def free_epoch(self) -> int:
        """Return the epoch from which the stake is free."""
        ledger, params = self._me.ledger, self._me.params
        row = ledger.row(self._me.id)
        left = row.left_epoch if row and row.left_epoch is not None else 0
        ends = (deal.last_epoch(params) for deal in ledger.deals_held(self._me.id))
        return max(left, *ends, 0) + params.unbonding_epochs

    def ended(self, event: OperationEnded) -> list[Effect]:
        """Tell the operator how it went."""
        if event.fault is None:
            return [Log("the stake is back; this vault may be removed", {})]
        return [Log("the stake is not free yet", {"reason": event.fault})]
