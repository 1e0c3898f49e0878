"""Which deals a vault offers to hold: quotes, and the capacity they promise.

A quote binds until its epoch has passed, so what it promises counts against the
quota at once. Quotes are free to ask, so one asker may bind half of what is left.
"""

from dataclasses import dataclass, field
from typing import Final

from holdfast.protocol.deal import Quote
from holdfast.protocol.units import DEAL_BYTES_MAX, DealId, Grains, VaultId
from holdfast.vault.core.holding_events import Refuse
from holdfast.vault.core.refusals import Refusal

VALID_EPOCHS: Final = 3
QUOTES_MAX: Final = 4096


@dataclass(frozen=True, slots=True)
class Offer:
    """What the vault has to offer just now.

    `limit_bytes` is what all its deals may promise together, `committed_bytes`
    what they do, `free_bytes` the disk's room beyond what deals may still fill.
    """

    price: Grains
    limit_bytes: int
    committed_bytes: int
    free_bytes: int
    refusal: str | None = None


@dataclass(frozen=True, slots=True)
class QuoteAsked:
    """Somebody asks for a price; the deal's capacity and price when it is held here."""

    deal: DealId
    capacity: int
    end_epoch: int
    epoch: int
    asker: str
    offer: Offer
    held_capacity: int = 0
    held_price: Grains | None = None


@dataclass(frozen=True, slots=True)
class Promise:
    """What unused quotes of one deal bind: bytes beyond its capacity, and how long."""

    extra_bytes: int
    valid_epoch: int
    asker: str


@dataclass(frozen=True, slots=True)
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
        extra = max(event.capacity - event.held_capacity, 0)
        if before := self.promises.get(event.deal):
            extra = max(extra, before.extra_bytes)
        valid = event.epoch + VALID_EPOCHS
        promise = Promise(extra, valid, event.asker)
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

    def opened(self, deal: DealId) -> None:
        """Let go of a deal's promise: the ledger counts it now."""
        self.promises.pop(deal, None)

    def promised_bytes(self, asker: str | None = None) -> int:
        """Return the bytes that unused quotes bind, of all askers or of one."""
        return sum(
            promise.extra_bytes
            for promise in self.promises.values()
            if asker is None or promise.asker == asker
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
        offer, extra = event.offer, max(event.capacity - event.held_capacity, 0)
        own = self.promises.get(event.deal)
        own_bytes = own.extra_bytes if own else 0
        others = self.promised_bytes() - own_bytes
        left = min(offer.limit_bytes - offer.committed_bytes, offer.free_bytes)
        if extra > left - others:
            room = max(left - others, 0)
            return Refuse(
                Refusal.EXHAUSTED, f"this vault has {room} bytes left to promise"
            )
        mine = self.promised_bytes(event.asker)
        if own and own.asker == event.asker:
            mine -= own_bytes
        if mine and mine + extra > left // 2:
            text = "quotes already given to you bind half of what is left; use them"
            return Refuse(Refusal.EXHAUSTED, text)
        return None
