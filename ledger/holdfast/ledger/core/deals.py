"""Deals: opened with the quotes of n vaults, funded, extended and closed.

A deal's escrow covers its whole capacity at its holders' prices until its end, so
no settlement of what they proved can ever ask for more.
"""

from collections.abc import Iterable
from dataclasses import replace

from holdfast.ledger.core.deal_errors import (
    AlreadyRefundedError,
    DealEndedError,
    DealExistsError,
    TermsFault,
    TermsRefusedError,
)
from holdfast.ledger.core.errors import NotOwnerError
from holdfast.ledger.core.events import (
    DealClosed,
    DealExtended,
    DealFunded,
    DealOpened,
)
from holdfast.ledger.core.operations import Close, Extend, Fund, Open
from holdfast.ledger.core.quotes import Terms, accept_new, accept_same
from holdfast.ledger.core.registry_errors import StakeTooLowError
from holdfast.ledger.core.state import Draft, require_amount
from holdfast.ledger.core.values import RegisteredVault
from holdfast.protocol.deal import Deal, deal_id
from holdfast.protocol.pricing import bytes_covered, escrow_needed, stake_needed
from holdfast.protocol.units import (
    DEAL_BYTES_MAX,
    HOLDERS_MAX,
    AccountId,
    DealId,
    Grains,
    VaultId,
)

EPOCHS_MAX = 1 << 32


def open_deal(draft: Draft, owner: AccountId, operation: Open) -> None:
    """Open a deal with the vaults that quoted, and lock its escrow."""
    deal = deal_id(owner, operation.nonce)
    if draft.find_deal(deal) is not None:
        raise DealExistsError(deal)
    if not 1 <= operation.k <= len(operation.quotes) <= HOLDERS_MAX:
        raise TermsRefusedError(deal, TermsFault.HOLDERS)
    _check_terms(draft, deal, operation.capacity, operation.end_epoch)
    terms = Terms(deal, operation.capacity, operation.end_epoch)
    holders = accept_new(draft, terms, operation.quotes)
    commit(draft, (holder.vault for holder in holders), operation.capacity)
    prices = tuple(holder.price for holder in holders)
    epochs = operation.end_epoch - draft.epoch
    escrow = escrow_needed(operation.capacity, prices, epochs)
    _lock(draft, owner, escrow)
    draft.put_deal(
        Deal(
            id=deal,
            owner=owner,
            nonce=operation.nonce,
            deal_key=operation.deal_key,
            k=operation.k,
            holders=holders,
            capacity=operation.capacity,
            opened_epoch=draft.epoch,
            end_epoch=operation.end_epoch,
            escrow=escrow,
        )
    )
    draft.say(DealOpened(deal, escrow))


def fund_deal(draft: Draft, account: AccountId, operation: Fund) -> None:
    """Add the signer's grains to a deal's escrow, whoever owns it."""
    deal = _open(draft, operation.deal)
    amount = require_amount(operation.amount)
    _lock(draft, account, amount)
    draft.put_deal(replace(deal, escrow=deal.escrow + amount))
    draft.say(DealFunded(deal.id, amount))


def extend_deal(draft: Draft, account: AccountId, operation: Extend) -> None:
    """Give a deal a later end or a larger capacity at its holders' old prices."""
    deal = _owned(draft, operation.deal, account)
    grown = replace(deal, capacity=operation.capacity, end_epoch=operation.end_epoch)
    _check_growth(deal, grown)
    _check_terms(draft, deal.id, grown.capacity, grown.end_epoch)
    terms = Terms(deal.id, grown.capacity, grown.end_epoch)
    accept_same(draft, terms, deal.holders, operation.quotes)
    vaults = (holder.vault for holder in deal.holders)
    commit(draft, vaults, grown.capacity - deal.capacity)
    amount = _extension_cost(draft, deal, grown)
    _lock(draft, account, amount)
    draft.put_deal(replace(grown, escrow=deal.escrow + amount))
    draft.say(DealExtended(deal.id, amount))


def close_deal(draft: Draft, account: AccountId, operation: Close) -> None:
    """End a deal of the signer with the current period."""
    deal = _owned(draft, operation.deal, account)
    closed = replace(deal, closed_epoch=draft.epoch)
    draft.put_deal(closed)
    draft.say(DealClosed(deal.id, closed.last_epoch(draft.params)))


def commit(draft: Draft, vaults: Iterable[VaultId], size: int) -> None:
    """Let stakes vouch for `size` more bytes each, or raise StakeTooLowError."""
    for vault in vaults:
        row = draft.vault(vault)
        committed = row.committed_bytes + size
        _check_stake(draft, row, committed)
        draft.put_vault(replace(row, committed_bytes=committed))


def release(draft: Draft, deal: Deal) -> None:
    """Take a deal's capacity off what its holders' stakes vouch for."""
    for holder in deal.holders:
        row = draft.vault(holder.vault)
        committed = row.committed_bytes - deal.capacity
        draft.put_vault(replace(row, committed_bytes=committed))


def _open(draft: Draft, deal_: DealId) -> Deal:
    """Return a deal that has neither been closed nor ended."""
    deal = draft.deal(deal_)
    if deal.refunded:
        raise AlreadyRefundedError(deal.id)
    last = deal.last_epoch(draft.params)
    if deal.closed_epoch is not None or draft.epoch >= last:
        raise DealEndedError(deal.id, last)
    return deal


def _owned(draft: Draft, deal_: DealId, account: AccountId) -> Deal:
    deal = draft.deal(deal_)
    if deal.owner != account:
        raise NotOwnerError(deal.id, deal.owner, account)
    return _open(draft, deal_)


def _check_terms(draft: Draft, deal: DealId, capacity: int, end_epoch: int) -> None:
    if not 0 < capacity <= DEAL_BYTES_MAX:
        raise TermsRefusedError(deal, TermsFault.CAPACITY)
    if not draft.epoch < end_epoch <= draft.epoch + EPOCHS_MAX:
        raise TermsRefusedError(deal, TermsFault.END)


def _check_growth(deal: Deal, grown: Deal) -> None:
    if grown.capacity < deal.capacity or grown.end_epoch < deal.end_epoch:
        raise TermsRefusedError(deal.id, TermsFault.SHRINKS)
    if (grown.capacity, grown.end_epoch) == (deal.capacity, deal.end_epoch):
        raise TermsRefusedError(deal.id, TermsFault.UNCHANGED)


def _extension_cost(draft: Draft, deal: Deal, grown: Deal) -> Grains:
    """Return what the longer or larger deal still lacks.

    It is never more than the growth costs, and what was funded before counts: an
    escrow for the new terms over the deal's whole life is always enough.
    """
    prices = tuple(holder.price for holder in deal.holders)
    now = draft.epoch
    growth = escrow_needed(
        grown.capacity, prices, grown.end_epoch - now
    ) - escrow_needed(deal.capacity, prices, deal.end_epoch - now)
    life = grown.end_epoch - deal.opened_epoch
    lacking = escrow_needed(grown.capacity, prices, life) - deal.escrow
    return min(growth, max(lacking, 0))


def _lock(draft: Draft, account: AccountId, amount: Grains) -> None:
    draft.debit(account, amount)
    draft.books = replace(draft.books, escrowed=draft.books.escrowed + amount)


def _check_stake(draft: Draft, row: RegisteredVault, committed: int) -> None:
    price = draft.params.rebuild_price
    if committed > bytes_covered(row.stake, price):
        raise StakeTooLowError(row.vault, stake_needed(committed, price), row.stake)
