"""Takes the stake back once the vault has unbonded and owes nobody anything.

Until then it serves and proves: others take its slots over, deal by deal, and what
nobody takes it keeps until the deal ends.
"""

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
        self._left = -1

    def step(self, now: float) -> list[Effect]:
        """Withdraw when the ledger would let us."""
        ledger = self._me.ledger
        row = ledger.row(self._me.id)
        if row is None or row.listing is not Listing.UNBONDING or row.stake == 0:
            return []
        epoch = min(self._me.epoch_at(now), ledger.epoch)
        told = self._tell(epoch)
        if epoch <= self._tried_epoch or epoch < self.free_epoch():
            return told
        self._tried_epoch = epoch
        return [*told, Submit(Withdraw(self._me.id))]

    def _tell(self, epoch: int) -> list[Effect]:
        """Tell the operator whenever the number of deals left changes."""
        left = self.deals_left(epoch)
        if left == self._left:
            return []
        self._left = left
        fields = {"deals_left": left, "stake_free_epoch": self.free_epoch()}
        return [Log("leaving: others take over this vault's deals", fields)]

    def deals_left(self, epoch: int) -> int:
        """Return how many deals that run in `epoch` are still this vault's."""
        held = self._me.ledger.deals_held(self._me.id)
        return sum(epoch < deal.last_epoch(self._me.params) for deal in held)

    def free_epoch(self) -> int:
        """Return the epoch from which the stake is free."""
        ledger, params = self._me.ledger, self._me.params
        row = ledger.row(self._me.id)
        left = row.left_epoch if row and row.left_epoch is not None else 0
        released = row.released_epoch if row else 0
        ends = (deal.last_epoch(params) for deal in ledger.deals_held(self._me.id))
        return max(left, released, *ends, 0) + params.unbonding_epochs

    def ended(self, event: OperationEnded) -> list[Effect]:
        """Tell the operator how it went."""
        if event.fault is None:
            return [Log("the stake is back; this vault may be removed", {})]
        return [Log("the stake is not free yet", {"reason": event.fault})]
