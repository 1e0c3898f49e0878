"""Accounts: grains are made at genesis and by the faucet, and move between accounts."""

from dataclasses import replace

from holdfast.ledger.core.errors import (
    FaucetClosedError,
    FaucetUsedError,
    SupplyExhaustedError,
)
from holdfast.ledger.core.events import Minted, Transferred
from holdfast.ledger.core.operations import Transfer
from holdfast.ledger.core.state import Draft, require_amount
from holdfast.protocol.units import SUPPLY_MAX, AccountId, Grains


def allocate(draft: Draft, account: AccountId, amount: Grains) -> None:
    """Make grains and give them to an account."""
    minted = draft.books.minted + amount
    if minted > SUPPLY_MAX:
        raise SupplyExhaustedError(draft.books.minted)
    draft.books = replace(draft.books, minted=minted)
    draft.credit(account, amount)
    draft.say(Minted(account, amount))


def feed(draft: Draft, account: AccountId) -> None:
    """Give the faucet's amount to an account that it has not fed before."""
    if not draft.params.development:
        raise FaucetClosedError
    row = draft.account(account)
    if row.fed:
        raise FaucetUsedError(account)
    draft.put_account(replace(row, fed=True))
    allocate(draft, account, draft.params.faucet_grains)


def transfer(draft: Draft, account: AccountId, operation: Transfer) -> None:
    """Move grains from the signer to another account."""
    amount = require_amount(operation.amount)
    draft.debit(account, amount)
    draft.credit(operation.to, amount)
    draft.say(Transferred(account, operation.to, amount))
