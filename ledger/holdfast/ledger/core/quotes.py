"""Quotes: what a vault signed before a deal names it as a holder."""

from holdfast.ledger.core.deal_errors import QuoteFault, QuoteRefusedError
from holdfast.ledger.core.state import Draft
from holdfast.ledger.core.values import Listing
from holdfast.protocol.deal import QUOTE, Holder, Quote, SignedQuote
from holdfast.protocol.errors import SignatureInvalidError
from holdfast.protocol.frozen import frozen
from holdfast.protocol.units import SUPPLY_MAX, AccountId, DealId, VaultId


@frozen
class Terms:
    """What every quote of a deal must say alike; `capacity` is bytes."""

    deal: DealId
    capacity: int
    end_epoch: int


def accept_new(
    draft: Draft, terms: Terms, quotes: tuple[SignedQuote, ...]
) -> tuple[Holder, ...]:
    """Return the holders of a new deal, or raise QuoteRefusedError."""
    for index, signed in enumerate(quotes):
        _check_quote(draft, terms, index, signed)
    _check_distinct(draft, quotes)
    return tuple(
        Holder(signed.value.vault, signed.value.price, draft.epoch) for signed in quotes
    )


def accept_same(
    draft: Draft,
    terms: Terms,
    holders: tuple[Holder, ...],
    quotes: tuple[SignedQuote, ...],
) -> None:
    """Raise QuoteRefusedError unless every holder quoted its old price, in order."""
    if len(quotes) != len(holders):
        index = min(len(quotes), len(holders) - 1)
        raise QuoteRefusedError(index, holders[index].vault, QuoteFault.HOLDER)
    for index, (signed, holder) in enumerate(zip(quotes, holders, strict=True)):
        if signed.value.vault != holder.vault:
            raise QuoteRefusedError(index, signed.value.vault, QuoteFault.HOLDER)
        _check_quote(draft, terms, index, signed)
        if signed.value.price != holder.price:
            raise QuoteRefusedError(index, holder.vault, QuoteFault.PRICE)


def _check_quote(draft: Draft, terms: Terms, index: int, signed: SignedQuote) -> None:
    quote = signed.value
    fault = _fault(draft, terms, quote) or _signature_fault(draft, signed)
    if fault is not None:
        raise QuoteRefusedError(index, quote.vault, fault)


def _fault(draft: Draft, terms: Terms, quote: Quote) -> QuoteFault | None:
    row = draft.find_vault(quote.vault)
    if row is None or row.listing is not Listing.ACTIVE:
        return QuoteFault.NOT_ACTIVE
    if Terms(quote.deal, quote.capacity, quote.end_epoch) != terms:
        return QuoteFault.OTHER_TERMS
    if quote.valid_epoch < draft.epoch:
        return QuoteFault.EXPIRED
    return QuoteFault.PRICE if quote.price > SUPPLY_MAX else None


def _signature_fault(draft: Draft, signed: SignedQuote) -> QuoteFault | None:
    key = draft.vault(signed.value.vault).identity_key
    try:
        QUOTE.verify(signed, draft.params.network_id, key)
    except SignatureInvalidError:
        return QuoteFault.SIGNATURE
    return None


def _check_distinct(draft: Draft, quotes: tuple[SignedQuote, ...]) -> None:
    vaults: set[VaultId] = set()
    payouts: set[AccountId] = set()
    for index, signed in enumerate(quotes):
        row = draft.vault(signed.value.vault)
        if row.vault in vaults:
            raise QuoteRefusedError(index, row.vault, QuoteFault.SAME_VAULT)
        if row.payout in payouts and not draft.params.development:
            raise QuoteRefusedError(index, row.vault, QuoteFault.SAME_PAYOUT)
        vaults.add(row.vault)
        payouts.add(row.payout)
