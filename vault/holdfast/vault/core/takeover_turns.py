"""Which candidates for a slot a holder has served lately: further ones wait.

A slot has one new holder in the end, the nearest that rebuilt it. While that one
rebuilds, and until a settlement names it, what others rebuild is for nothing.
"""

from dataclasses import dataclass
from typing import Final

from holdfast.ledger.core import slots
from holdfast.protocol.deal import Deal
from holdfast.protocol.placement import distance
from holdfast.protocol.units import DealId, VaultId
from holdfast.vault.core.myself import Myself
from holdfast.vault.core.refusals import Refusal, RefusedError

PERIODS_MAX: Final = 2
"""How long a candidate may keep others waiting: its settlement is due by then."""


@dataclass(slots=True)
class Served:
    """In which epochs a candidate was served, the first time and the last."""

    first: int
    last: int


class TakeoverTurns:
    """The candidates that this holder has served; a restart forgets them.

    Then it serves too many for an epoch, but they need k holders that do.
    """

    def __init__(self, me: Myself) -> None:
        self._me = me
        self._patience = PERIODS_MAX * me.params.period_epochs
        self._epoch = -1
        self._served: dict[tuple[DealId, int], dict[VaultId, Served]] = {}

    def take(self, deal: Deal, index: int, candidate: VaultId, epoch: int) -> None:
        """Note that a candidate whose turn has come is served; or raise RefusedError.

        It is refused while a nearer one comes every epoch, unless few holders live.
        """
        self._tidy(epoch)
        served = self._served.get((deal.id, index), {})
        ours = distance(candidate, deal.id)
        nearer = (v for v in served if distance(v, deal.id) < ours)
        waits = any(self._is_at_it(served[v], epoch) for v in nearer)
        if waits and not slots.in_danger(self._me.ledger, deal):
            raise RefusedError(
                Refusal.UNTIMELY, "a nearer candidate is taking that slot over"
            )
        one = served.setdefault(candidate, Served(epoch, epoch))
        one.last = epoch
        self._served[deal.id, index] = served

    def _is_at_it(self, one: Served, epoch: int) -> bool:
        return epoch - one.last <= 1 and epoch - one.first < self._patience

    def _tidy(self, epoch: int) -> None:
        """Forget, once an epoch, the slots for which nobody came for long.

        Who kept others waiting, and stays away for a while, cannot begin anew.
        """
        if epoch == self._epoch:
            return
        self._epoch = epoch
        self._served = {
            slot: served
            for slot, served in self._served.items()
            if any(epoch - one.last < self._patience for one in served.values())
        }
