"""What the rules say to an operation before anything is sent: the same refusals.

The tables are a mirror of the contracts, so the rules of the embedded ledger answer
with the same errors and data, and a transaction that would revert is not paid for.
The chain has the last word.
"""

from holdfast.ledger.chain_errors import RefundsOpenError
from holdfast.ledger.core.chain import Entry, Tick
from holdfast.ledger.core.countersigning import account_behind
from holdfast.ledger.core.deal_errors import QuoteFault, QuoteRefusedError
from holdfast.ledger.core.errors import (
    FaucetClosedError,
    FaucetUsedError,
    NotStartedError,
    SupplyExhaustedError,
)
from holdfast.ledger.core.memory import MemoryState
from holdfast.ledger.core.operations import (
    Extend,
    Faucet,
    Open,
    Operation,
    Withdraw,
)
from holdfast.ledger.core.rules import apply_operation
from holdfast.ledger.core.state import Draft
from holdfast.ledger.core.values import Changes, Head
from holdfast.ledger.evm.chain import ChainAddresses
from holdfast.protocol.units import AccountId, Digest, VaultId


def see(
    state: MemoryState,
    account: AccountId,
    operation: Operation,
    addresses: ChainAddresses,
) -> None:
    """Raise the LedgerError that refuses the operation, if the rules have one."""
    if state.head.epoch < 0:
        raise NotStartedError(state.params.genesis_seconds)
    if isinstance(operation, Faucet):
        _see_faucet(state, account, addresses.faucet)
        return
    head = state.head
    entry = Entry(
        head.sequence + 1,
        head.seconds,
        Tick(0, bytes(32)),
        head.hash,
        Digest(head.hash),
    )
    apply_operation(Draft(state, entry), account, operation)
    if isinstance(operation, Open | Extend):
        _see_accounts(state, operation)
    if isinstance(operation, Withdraw):
        _see_refunds(state, operation.vault)


def begin(state: MemoryState, seconds: float) -> None:
    """Begin the epoch of a later time: a chain's epoch is that of the clock."""
    head = state.head
    epoch = max(state.params.epoch_at(seconds), -1)
    if epoch > head.epoch:
        later = Head(head.sequence, head.seconds, epoch, head.hash)
        state.take(Changes(later, state.books))


def _see_faucet(
    state: MemoryState, account: AccountId, faucet: AccountId | None
) -> None:
    # It gives away what it was given, and makes nothing.
    if faucet is None:
        raise FaucetClosedError
    if state.account(account).fed:
        raise FaucetUsedError(account)
    if state.account(faucet).balance < state.params.faucet_grains:
        raise SupplyExhaustedError(state.books.minted)


def _see_accounts(state: MemoryState, operation: Open | Extend) -> None:
    for index, signed in enumerate(operation.quotes):
        row = state.vault(signed.value.vault)
        if row is None or account_behind(state.params, signed) != row.account:
            fault = QuoteFault.SIGNATURE
            raise QuoteRefusedError(index, signed.value.vault, fault)


def _see_refunds(state: MemoryState, vault: VaultId) -> None:
    held = state.deals_held(vault)
    left = sum(not deal.refunded for deal in held)
    if left:
        raise RefundsOpenError(vault, left)
