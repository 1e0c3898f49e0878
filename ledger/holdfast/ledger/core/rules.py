"""The ledger's rules, from the top down: what each journal entry changes.

`apply` is the whole ledger: a pure function of the state and the next entry, which
every adapter runs or mirrors and everybody can repeat from the journal. It returns
the rows to write, or raises the LedgerError that refuses the entry.
"""

from dataclasses import replace
from typing import assert_never

from holdfast.ledger.core.account_key import authenticate
from holdfast.ledger.core.accounts import allocate, feed, transfer
from holdfast.ledger.core.chain import Entry, Genesis, Tick
from holdfast.ledger.core.deals import (
    close_deal,
    extend_deal,
    fund_deal,
    open_deal,
)
from holdfast.ledger.core.errors import (
    NonceError,
    NotStartedError,
    TickRefusedError,
)
from holdfast.ledger.core.events import EpochBegan, Event
from holdfast.ledger.core.operations import (
    Claim,
    Close,
    Extend,
    Faucet,
    Fund,
    Open,
    Operation,
    Refund,
    Register,
    Replace,
    Settle,
    SignedOperation,
    Transfer,
    Unbond,
    Withdraw,
)
from holdfast.ledger.core.payouts import claim, refund
from holdfast.ledger.core.registry import register, unbond, withdraw
from holdfast.ledger.core.replacements import replace_holder
from holdfast.ledger.core.settlement import settle
from holdfast.ledger.core.state import Draft, State
from holdfast.ledger.core.values import Applied, Beacon, Changes
from holdfast.protocol.frozen import frozen
from holdfast.protocol.network import beacon
from holdfast.protocol.units import AccountId


@frozen
class Outcome:
    """What an entry does: the rows it writes and the facts behind them."""

    changes: Changes
    events: tuple[Event, ...]


def apply(state: State, entry: Entry) -> Outcome:
    """Return what `entry` does to `state`, or raise the LedgerError that refuses it."""
    assert entry.sequence == state.head.sequence + 1
    assert entry.previous == state.head.hash
    draft = Draft(state, entry)
    match entry.content:
        case Genesis():
            begin_network(draft, entry.content)
        case Tick():
            begin_epoch(draft, entry.content)
        case SignedOperation():
            apply_signed(draft, entry.content)
        case _:
            assert_never(entry.content)
    return Outcome(draft.changes(), tuple(draft.events))


def first_result(state: State, operation: Operation) -> Applied | None:
    """Return the result of the same settlement, if another signer brought it before."""
    settled = state.settled
    if not isinstance(operation, Settle) or settled is None:
        return None
    same = settled.certificate.statement == operation.certificate.statement
    return settled.applied if same else None


def begin_network(draft: Draft, genesis: Genesis) -> None:
    """Give the first accounts what they have from the beginning."""
    assert draft.entry.sequence == 0, "only the first entry is a genesis"
    for allocation in genesis.allocations:
        allocate(draft, allocation.account, allocation.amount)


def begin_epoch(draft: Draft, tick: Tick) -> None:
    """Begin an epoch with its beacon; the epochs that were skipped stay void."""
    due = draft.params.epoch_at(draft.entry.seconds)
    if tick.epoch != due or tick.epoch <= draft.epoch:
        raise TickRefusedError(tick.epoch, draft.epoch)
    value = beacon(draft.params.network_id, tick.epoch, draft.entry.hash)
    draft.put_beacon(Beacon(tick.epoch, value))
    draft.say(EpochBegan(tick.epoch, value))


def apply_signed(draft: Draft, signed: SignedOperation) -> None:
    """Apply an operation that its account signed and that is its next one."""
    if draft.epoch < 0:
        raise NotStartedError(draft.params.genesis_seconds)
    authenticate(draft.params, signed)
    account = draft.account(signed.account)
    if signed.nonce != account.nonce:
        raise NonceError(signed.account, account.nonce, signed.nonce)
    draft.put_account(replace(account, nonce=account.nonce + 1))
    apply_operation(draft, signed.account, signed.operation)


def apply_operation(  # noqa: C901, PLR0912 # one line for each operation
    draft: Draft, account: AccountId, operation: Operation
) -> None:
    """Apply what `account` asks for."""
    match operation:
        case Transfer():
            transfer(draft, account, operation)
        case Faucet():
            feed(draft, account)
        case Register():
            register(draft, account, operation)
        case Unbond():
            unbond(draft, account, operation)
        case Withdraw():
            withdraw(draft, account, operation)
        case Open():
            open_deal(draft, account, operation)
        case Fund():
            fund_deal(draft, account, operation)
        case Extend():
            extend_deal(draft, account, operation)
        case Close():
            close_deal(draft, account, operation)
        case Settle():
            settle(draft, operation)
        case Claim():
            claim(draft, operation)
        case Refund():
            refund(draft, operation)
        case Replace():
            replace_holder(draft, operation)
        case _:
            assert_never(operation)
