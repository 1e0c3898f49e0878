"""Which deals a vault offers to hold: quotes, and the capacity they promise.

A quote binds until its epoch has passed, so what it promises counts against the
quota at once. Quotes are free to ask, so one asker may bind half of what is left.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from holdfast.protocol.deal import Quote
from holdfast.protocol.frozen import frozen
from holdfast.protocol.units import DEAL_BYTES_MAX, DealId, Grains, VaultId
from holdfast.vault.core.holding_events import Refuse
from holdfast.vault.core.refusals import Refusal

VALID_EPOCHS: Final = 3
QUOTES_MAX: Final = 4096


@frozen
class Offer:
    """What the vault has to offer just now.

    `limit_bytes` is what all its deals may promise together, `held` the capacities
    of those it has, `committed_bytes` their sum, `free_bytes` the disk's room beyond
    what these may still fill.
    """

    price: Grains
    limit_bytes: int
    free_bytes: int
    held: Mapping[DealId, int]
    committed_bytes: int
    refusal: str | None = None

    @property
    def left_bytes(self) -> int:
        """What may be promised beyond the deals it has; negative when overfull."""
        return min(self.limit_bytes - self.committed_bytes, self.free_bytes)


@frozen
class QuoteAsked:
    """Somebody asks for a price; a deal that is held here keeps its `held_price`."""

    deal: DealId
    capacity: int
    end_epoch: int
    epoch: int
    asker: str
    offer: Offer
    held_price: Grains | None = None


@frozen
class Promise:
    """What quotes of one deal bind: it may get this capacity, until that epoch."""

    capacity: int
    valid_epoch: int
    asker: str


@frozen
class GiveQuote:
    """Journal the promise, then sign and send the quote."""

    quote: Quote
    promise: Promise


@dataclass
class Admission:
    """The machine of quotes; `promises` are what the journal restores."""

    vault: VaultId
    promises: dict[DealId, Promise] = field(default_factory=dict)

    def receive(self, event: QuoteAsked) -> GiveQuote | Refuse:
        """Judge one request; the promise binds from here on."""
        self.expire(event.epoch)
        if refusal := self._refusal(event):
            return refusal
        before = self.promises.get(event.deal)
        capacity = max(event.capacity, before.capacity if before else 0)
        valid = event.epoch + VALID_EPOCHS
        promise = Promise(capacity, valid, event.asker)
        self.promises[event.deal] = promise
        price = event.offer.price if event.held_price is None else event.held_price
        quote = Quote(
            event.deal, self.vault, price, event.capacity, event.end_epoch, valid
        )
        return GiveQuote(quote, promise)

    def expire(self, epoch: int) -> tuple[DealId, ...]:
        """Let go of promises whose time has passed; return their deals."""
        past = tuple(d for d, p in self.promises.items() if p.valid_epoch < epoch)
        for deal in past:
            del self.promises[deal]
        return past

    def promised_bytes(
        self,
        held: Mapping[DealId, int],
        asker: str = "",
        but_for: DealId | None = None,
    ) -> int:
        """Return the bytes that quotes bind beyond what is held, of all or one."""
        return sum(
            max(promise.capacity - held.get(deal, 0), 0)
            for deal, promise in self.promises.items()
            if asker in {"", promise.asker} and deal != but_for
        )

    def _refusal(self, event: QuoteAsked) -> Refuse | None:
        offer = event.offer
        if not 0 < event.capacity <= DEAL_BYTES_MAX:
            return Refuse(
                Refusal.INVALID, f"a deal has 1 to {DEAL_BYTES_MAX} bytes per holder"
            )
        if event.end_epoch <= event.epoch or event.end_epoch >= 1 << 63:
            return Refuse(Refusal.UNTIMELY, "the deal would end before it begins")
        if event.held_price is None and offer.refusal:
            return Refuse(Refusal.UNTIMELY, offer.refusal)
        if len(self.promises) >= QUOTES_MAX:
            return Refuse(
                Refusal.EXHAUSTED, "too many quotes are open; ask again later"
            )
        return self._no_room(event)

    def _no_room(self, event: QuoteAsked) -> Refuse | None:
        offer = event.offer
        extra = max(event.capacity - offer.held.get(event.deal, 0), 0)
        # This deal's earlier quotes and this one bind the larger of them, once.
        left = offer.left_bytes - self.promised_bytes(offer.held, but_for=event.deal)
        if extra > left:
            return Refuse(
                Refusal.EXHAUSTED,
                f"this vault has {max(left, 0)} bytes left to promise",
            )
        mine = self.promised_bytes(offer.held, event.asker, event.deal)
        if mine and mine + extra > offer.left_bytes // 2:
            text = "quotes already given to you bind half of what is left; use them"
            return Refuse(Refusal.EXHAUSTED, text)
        return None
