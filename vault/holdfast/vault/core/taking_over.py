"""The slots that this vault takes over: which deals, in which order, until when.

Once an epoch, after the answers are due, it looks for open slots whose turn is ours.
Deals with the fewest live holders come first, one at a time. What was rebuilt is
claimed until the ledger names us, and dropped when it names another.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from holdfast.ledger.core import slots
from holdfast.ledger.core.values import Listing, RegisteredVault
from holdfast.protocol.deal import Deal
from holdfast.protocol.faults import MissCertificate
from holdfast.protocol.pricing import bytes_covered
from holdfast.protocol.takeover import (
    TAKEOVER_REQUEST,
    SignedTakeover,
    SignedTakeoverRequest,
    TakeoverRequest,
)
from holdfast.protocol.units import DealId, VaultId
from holdfast.vault.core.effects import DropTakeover, Effect, Log, TakeOver, WakeAt
from holdfast.vault.core.events import TakenOver
from holdfast.vault.core.myself import Myself
from holdfast.vault.core.takeover_check import suspect

SLACK_PARTS: Final = 20
ATTEMPTS_MAX: Final = 256
REST_EPOCHS: Final = 8
"""For so long a candidate that cannot do it leaves a slot to the next."""

LAST_LOOKS: Final = 2
"""In how many epochs a new holder still asks whether it has the newest head."""

_GONE: Final = (Listing.EJECTED, Listing.UNBONDING)


@dataclass
class Attempt:
    """One slot that we are taking over; `claim` says that we hold what it asks for.

    `hindrance` is what last kept us from it.
    """

    deal: DealId
    index: int
    lost: VaultId
    since_epoch: int
    claim: SignedTakeover | None = None
    hindrance: str = ""


class TakingOver:
    """The machine of a candidate: one deal at a time, each once an epoch.

    `deadline_of` gives an epoch's answer deadline, 0 before its beacon is known;
    `misses` the miss certificates known of the newest epochs.
    """

    def __init__(
        self,
        me: Myself,
        deadline_of: Callable[[int], float],
        misses: Callable[[], Iterable[MissCertificate]] = tuple,
    ) -> None:
        self._me = me
        self._deadline_of = deadline_of
        self._misses = misses
        self._epoch = -1
        self._queue: list[TakeOver] = []
        self._running = False
        self._attempts: dict[DealId, Attempt] = {}
        self._fresh: dict[DealId, int] = {}
        self._resting: dict[DealId, int] = {}
        self.taken_slots = 0

    @property
    def is_claiming(self) -> bool:
        """Whether a slot is being taken over, claimed already or not yet."""
        return bool(self._attempts)

    def claimed(self) -> tuple[Attempt, ...]:
        """Return the slots for which we hold what they ask for, not yet ours."""
        return tuple(one for one in self._attempts.values() if one.claim)

    def step(self, now: float) -> list[Effect]:
        """Begin when the answers of this epoch are due."""
        epoch = self._me.epoch_at(now)
        ended = self._end_attempts(epoch)
        deadline = self._deadline_of(epoch)
        if epoch == self._epoch or not deadline:
            return ended + self._next(now)
        # Siblings may have learned of the beacon a little later than we did.
        begin = deadline + self._me.params.epoch_seconds / SLACK_PARTS
        if now < begin:
            return [*ended, WakeAt(begin)]
        self._epoch = epoch
        self._queue = [*self._last_looks(), *self._wanted(epoch)]
        return ended + self._next(now)

    def ended(self, event: TakenOver) -> list[Effect]:
        """Keep the claim, and go on with the next deal."""
        self._running = False
        fields: dict[str, object] = {"deal": event.deal.hex(), "index": event.index}
        told: list[Effect] = []
        attempt = self._attempts.get(event.deal)
        if attempt is None and event.deal not in self._fresh:
            told = [DropTakeover(event.deal)]
        elif attempt is not None and event.claim is None:
            if event.reason != attempt.hindrance:
                attempt.hindrance = fields["reason"] = event.reason
                told = [Log("a slot could not be taken over yet", fields)]
            if not event.able and attempt.claim is None:
                del self._attempts[event.deal]
                self._resting[event.deal] = self._epoch + REST_EPOCHS
                told.append(DropTakeover(event.deal))
        elif attempt is not None and event.claim and _is_news(attempt, event.claim):
            attempt.claim = event.claim
            told = [Log("rebuilt the shards of an open slot", fields)]
        return told + self._next(event.now)

    def _end_attempts(self, epoch: int) -> list[Effect]:
        effects: list[Effect] = []
        for attempt in list(self._attempts.values()):
            deal = self._me.ledger.deal(attempt.deal)
            fields = {"deal": attempt.deal.hex(), "index": attempt.index}
            if deal is not None and deal.index_of(self._me.id) is not None:
                del self._attempts[attempt.deal]
                self._fresh[attempt.deal] = LAST_LOOKS
                self.taken_slots += 1
                effects.append(Log("took over a slot; it is ours now", fields))
            elif deal is None or self._is_lost(deal, attempt, epoch):
                del self._attempts[attempt.deal]
                effects += [
                    Log("a slot is not to be taken over any more", fields),
                    DropTakeover(attempt.deal),
                ]
        return effects

    def _is_lost(self, deal: Deal, attempt: Attempt, epoch: int) -> bool:
        ledger = self._me.ledger
        if deal.holders[attempt.index].vault != attempt.lost:
            return True
        if not ledger.is_active(self._me.id):
            return True
        if not slots.is_running(ledger, deal, epoch):
            return True
        if slots.open_slot(ledger, deal, attempt.index, epoch) is not None:
            return False
        # Begun early: the verdict may follow within the window, or he came back.
        return epoch > attempt.since_epoch + self._me.params.window_unreachable

    def _next(self, now: float) -> list[Effect]:
        # A request names its epoch: what is left over is asked for in the next one.
        if self._running or not self._queue or self._me.epoch_at(now) != self._epoch:
            return []
        self._running = True
        return [self._queue.pop(0)]

    def _last_looks(self) -> list[TakeOver]:
        """Return orders to see whether a deal grew while it became ours."""
        orders = []
        for deal_id, left in list(self._fresh.items()):
            deal = self._me.ledger.deal(deal_id)
            index = deal.index_of(self._me.id) if deal else None
            if left == 0 or deal is None or index is None:
                del self._fresh[deal_id]
                continue
            self._fresh[deal_id] = left - 1
            orders.append(self._order(deal, index, self._me.id))
        return orders

    def _wanted(self, epoch: int) -> list[TakeOver]:
        """Return the orders of this epoch, the most endangered deals first."""
        suspicions = self._suspicions(epoch)
        self._resting = {k: end for k, end in self._resting.items() if end > epoch}
        chosen: list[tuple[int, DealId, TakeOver]] = []
        for deal in self._endangered(suspicions):
            found = self._slot(deal, epoch, suspicions)
            if found is None or deal.id in self._resting:
                continue
            index, lost = found
            if deal.id not in self._attempts:
                if len(self._attempts) >= ATTEMPTS_MAX:
                    continue
                self._attempts[deal.id] = Attempt(deal.id, index, lost, epoch)
            left = slots.live_holders(self._me.ledger, deal, suspicions) - deal.k
            order = self._order(deal, index, lost, suspicions)
            chosen.append((left, deal.id, order))
        chosen.sort(key=lambda item: item[:2])
        return [order for _, _, order in chosen]

    def _endangered(
        self, suspicions: dict[VaultId, MissCertificate]
    ) -> tuple[Deal, ...]:
        ledger = self._me.ledger
        rows = (ledger.row(vault) for vault in ledger.vaults())
        gone = {row.vault for row in rows if row and row.listing in _GONE}
        found: dict[DealId, Deal] = {}
        for vault in sorted(gone | suspicions.keys()):
            if ledger.follows(vault):
                found |= {deal.id: deal for deal in ledger.deals_held(vault)}
        return tuple(found.values())

    def _slot(
        self, deal: Deal, epoch: int, suspicions: dict[VaultId, MissCertificate]
    ) -> tuple[int, VaultId] | None:
        """Return the index to take over, and from whom; None when there is none."""
        if (attempt := self._attempts.get(deal.id)) is not None:
            return attempt.index, attempt.lost
        ledger, me = self._me.ledger, self._me.id
        open_now = slots.open_slots(ledger, deal, epoch)
        since = min((slot.since_epoch for slot in open_now), default=epoch)
        if slots.is_far(ledger, deal, me, epoch, epoch - since + slots.EARLY_RANKS):
            return None
        if (place := slots.rank(ledger, deal, me, epoch)) is None:
            return None
        if open_now:
            # Candidates of different rank begin with different slots.
            slot = open_now[place % len(open_now)]
            turn = slots.may_act(ledger, slot, me, epoch)
            if turn and slots.fits(ledger, slot, me) and self._covers(deal):
                return slot.index, slot.lost
            return None
        for index, holder in enumerate(deal.holders):
            if slots.may_begin_early(ledger, deal, index, suspicions, me, epoch):
                return (index, holder.vault) if self._covers(deal) else None
        return None

    def _covers(self, deal: Deal) -> bool:
        """Return whether our stake covers this deal beside those being taken over."""
        row = self._me.ledger.row(self._me.id)
        if row is None:
            return False
        pending = (self._me.ledger.deal(one) for one in self._attempts)
        claimed = sum(other.capacity for other in pending if other)
        covered = bytes_covered(row.stake, self._me.params.rebuild_price)
        return row.committed_bytes + claimed + deal.capacity <= covered

    def _suspicions(self, epoch: int) -> dict[VaultId, MissCertificate]:
        found: dict[VaultId, MissCertificate] = {}
        for shown in self._misses():
            if (vault := suspect(self._me, shown, epoch)) is not None:
                found[vault] = shown
        return found

    def _order(
        self,
        deal: Deal,
        index: int,
        lost: VaultId,
        suspicions: dict[VaultId, MissCertificate] | None = None,
    ) -> TakeOver:
        shown = tuple(
            suspicions[holder.vault]
            for holder in deal.holders
            if suspicions and holder.vault in suspicions
        )
        requests = {
            holder.vault: self._request(holder.vault, deal, index, shown)
            for holder in deal.holders
            if holder.vault != self._me.id
        }
        # Who was ejected may serve still, and what it gives is checked like all else.
        last = {v: requests.pop(v) for v in list(requests) if not self._serves(v)}
        return TakeOver(deal, index, lost, requests, last)

    def _serves(self, vault: VaultId) -> bool:
        row: RegisteredVault | None = self._me.ledger.row(vault)
        return row is not None and row.listing is not Listing.EJECTED

    def _request(
        self,
        sibling: VaultId,
        deal: Deal,
        index: int,
        shown: tuple[MissCertificate, ...],
    ) -> SignedTakeoverRequest:
        value = TakeoverRequest(
            sibling, self._epoch, self._me.id, deal.id, index, shown
        )
        return TAKEOVER_REQUEST.sign(value, self._me.network, self._me.pair)


def _is_news(attempt: Attempt, claim: SignedTakeover) -> bool:
    before = attempt.claim.value.full if attempt.claim else None
    after = claim.value.full
    same = (before and before.head) == (after and after.head)
    return attempt.claim is None or not same
