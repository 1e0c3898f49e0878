"""Which quotes a vault gives, and what they bind."""

from dataclasses import replace

import pytest

from holdfast.protocol.units import DEAL_BYTES_MAX, DealId
from holdfast.vault.core.admission import (
    QUOTES_MAX,
    VALID_EPOCHS,
    Admission,
    GiveQuote,
    Offer,
    QuoteAsked,
)
from holdfast.vault.core.holding_events import Refuse
from holdfast.vault.core.refusals import Refusal
from vault_data_world import a_deal, vault_keys

VAULTS = [vault_keys(number) for number in range(3)]
DEAL = a_deal([keys.vault_id for keys in VAULTS], k=2)


def offer(
    held: dict[DealId, int] | None = None, free: int = 1_000, refusal: str | None = None
) -> Offer:
    held = held or {}
    return Offer(7, 1_000, free, held, sum(held.values()), refusal)


def asked(number: int = 1, capacity: int = 100, **facts: object) -> QuoteAsked:
    deal = DealId(bytes([number]) * 32)
    event = QuoteAsked(deal, capacity, 50, 10, "peer", offer())
    return replace(event, **facts)  # type: ignore[arg-type] # fields by name


def test_a_quote_binds_its_bytes_until_it_lapses() -> None:
    admission = Admission(VAULTS[0].vault_id)
    given_quote = admission.receive(asked())
    assert isinstance(given_quote, GiveQuote)
    quote = given_quote.quote
    assert (quote.price, quote.capacity, quote.end_epoch) == (7, 100, 50)
    assert quote.valid_epoch == 10 + VALID_EPOCHS
    assert admission.promised_bytes({}) == 100
    assert admission.expire(quote.valid_epoch) == ()
    assert admission.expire(quote.valid_epoch + 1) == (quote.deal,)
    assert admission.promised_bytes({}) == 0


def test_asking_again_binds_the_larger_quote_once() -> None:
    admission = Admission(VAULTS[0].vault_id)
    for capacity in (100, 300, 200):
        assert isinstance(admission.receive(asked(capacity=capacity)), GiveQuote)
    assert admission.promised_bytes({}) == 300


@pytest.mark.parametrize(
    ("facts", "kind"),
    [
        ({"capacity": 0}, Refusal.INVALID),
        ({"capacity": DEAL_BYTES_MAX + 1}, Refusal.INVALID),
        ({"end_epoch": 10}, Refusal.UNTIMELY),
        ({"capacity": 1_001}, Refusal.EXHAUSTED),
        ({"offer": offer({DEAL.id: 901})}, Refusal.EXHAUSTED),
        ({"offer": offer(free=99)}, Refusal.EXHAUSTED),
        ({"offer": offer(refusal="unbonding")}, Refusal.UNTIMELY),
    ],
)
def test_what_cannot_be_promised_is_not_quoted(
    facts: dict[str, object], kind: Refusal
) -> None:
    admission = Admission(VAULTS[0].vault_id)
    refusal = admission.receive(replace(asked(), **facts))  # type: ignore[arg-type] # by name
    assert isinstance(refusal, Refuse)
    assert refusal.kind is kind
    assert admission.promised_bytes({}) == 0


def test_a_held_deal_is_extended_at_its_old_price_even_while_leaving() -> None:
    admission = Admission(VAULTS[0].vault_id)
    deal = asked().deal
    leaving = offer({deal: 100, DEAL.id: 850}, refusal="unbonding")
    answer = admission.receive(asked(offer=leaving, held_price=3))
    assert isinstance(answer, GiveQuote)
    assert answer.quote.price == 3
    assert admission.promised_bytes(leaving.held) == 0
    grown = asked(capacity=120, offer=leaving, held_price=3)
    assert isinstance(admission.receive(grown), GiveQuote)
    assert admission.promised_bytes(leaving.held) == 20
    too_large = asked(capacity=151, offer=leaving, held_price=3)
    assert isinstance(admission.receive(too_large), Refuse)


def test_a_quote_that_became_a_deal_counts_once() -> None:
    admission = Admission(VAULTS[0].vault_id)
    assert isinstance(admission.receive(asked(1, 600)), GiveQuote)
    opened = offer({asked(1).deal: 600})
    assert isinstance(admission.receive(asked(2, 400, offer=opened)), GiveQuote)
    assert isinstance(admission.receive(asked(3, 1, offer=opened)), Refuse)


def test_one_asker_binds_no_more_than_half_of_what_is_left() -> None:
    admission = Admission(VAULTS[0].vault_id)
    assert isinstance(admission.receive(asked(1, 300)), GiveQuote)
    assert isinstance(admission.receive(asked(2, 300)), Refuse)
    assert isinstance(admission.receive(asked(2, 200)), GiveQuote)
    other = asked(3, 300, asker="another")
    assert isinstance(admission.receive(other), GiveQuote)


def test_quotes_are_counted() -> None:
    admission = Admission(VAULTS[0].vault_id)
    promise = admission.receive(asked())
    assert isinstance(promise, GiveQuote)
    many = {DealId(i.to_bytes(32, "big")): promise.promise for i in range(QUOTES_MAX)}
    admission.promises |= many
    refusal = admission.receive(asked(200, 1))
    assert isinstance(refusal, Refuse)
    assert refusal.kind is Refusal.EXHAUSTED
