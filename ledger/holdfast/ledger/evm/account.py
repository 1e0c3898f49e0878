"""An account that writes to a chain: an operation becomes a final transaction.

The rules answer first, so refusals are those of every ledger. When the chain refuses
all the same, somebody was faster: what he did is awaited and judged again. What
happened to an operation is looked up, never guessed: an equal one, submitted after
nobody could say, goes on with the same transaction, even after a restart.
"""

import hashlib
from typing import Final, Protocol

from holdfast.ledger.chain_errors import ChainRefusedError
from holdfast.ledger.core.account_key import AccountKey
from holdfast.ledger.core.encodings import OPERATIONS
from holdfast.ledger.core.memory import MemoryState
from holdfast.ledger.core.operations import (
    Operation,
    Refund,
    Settle,
    Withdraw,
)
from holdfast.ledger.core.rules import first_result
from holdfast.ledger.core.values import Applied
from holdfast.ledger.evm.abi import returned
from holdfast.ledger.evm.chain import ChainAddresses, Receipt
from holdfast.ledger.evm.folding import sequence_of
from holdfast.ledger.evm.foresight import see
from holdfast.ledger.evm.node import Node
from holdfast.ledger.evm.node_errors import RevertedError
from holdfast.ledger.evm.pending import Pending
from holdfast.ledger.evm.sender import LostNonceError, Sender
from holdfast.ledger.evm.wishes import Wish, Wishes
from holdfast.protocol.units import AccountId

TRIES: Final = 4
ADVANCE_STEPS: Final = 1024
ALLOWED: Final = 1 << 128
"""An allowance above this is one that we gave, and is never used up."""


class Followed(Protocol):
    """What an account needs of its ledger."""

    node: Node
    addresses: ChainAddresses

    @property
    def offset(self) -> int:
        """What is added to sequences."""
        ...

    async def refresh(self) -> MemoryState:
        """Read on and return the tables."""
        ...

    async def refresh_past(self, block: int) -> MemoryState:
        """Return the tables when that block is final and taken in.

        Raises LedgerUnreachableError when it takes too long.
        """
        ...


class EvmAccount:
    """One account; `submit` returns when an operation is final."""

    def __init__(self, ledger: Followed, sender: Sender, key: AccountKey) -> None:
        self._ledger = ledger
        self._sender = sender
        self._key = key
        self._wishes = Wishes(ledger.addresses)
        self._allowed: set[AccountId] = set()

    @property
    def id(self) -> AccountId:
        """The account's address."""
        return self._key.id

    @property
    def spent(self) -> int:
        """What this account has paid for gas since it was opened, in wei."""
        return self._sender.spent

    @property
    def gas(self) -> int:
        """The gas that this account has used since it was opened."""
        return self._sender.gas

    async def submit(self, operation: Operation) -> Applied:
        """Bring an operation onto the chain, or raise the LedgerError that refuses it.

        Besides those of every ledger: GasMissingError, TransactionPendingError,
        ChainRefusedError.
        """
        for _ in range(TRIES):
            try:
                done = await self._attempt(operation)
            except LostNonceError:
                continue
            if done is not None:
                return done
            # Whoever came or went since the last period may wait in line.
            await self.call(self._wishes.advance(ADVANCE_STEPS))
        raise ChainRefusedError("it did, as often as it was tried")

    async def call(self, wish: Wish) -> Receipt:
        """Bring a call onto the chain that is no operation; raises RevertedError."""
        return await self._sender.carry_out(wish)

    async def _attempt(self, operation: Operation) -> Applied | None:
        """Return when the operation took effect; None if the snapshot stops it."""
        label = _label(operation)
        pending = self._sender.doubtful(label)
        if pending is None:
            state = await self._ledger.refresh()
            found = self._judged(state, operation)
            if found is not None:
                return found
            wish = self._wishes.wish(state, operation)
            try:
                await self._allow(wish)
                pending = await self._sender.send(wish, label)
            except RevertedError as error:
                return await self._explained(operation, error.reason)
        return await self._finish(operation, pending)

    async def _finish(self, operation: Operation, pending: Pending) -> Applied | None:
        receipt = await self._sender.finish(pending)
        try:
            state = await self._ledger.refresh_past(receipt.block)
        except BaseException:
            self._sender.leave(pending)
            raise
        self._sender.forget(pending)
        if not receipt.succeeded:
            return await self._explained(operation, "it reverted")
        offset = self._ledger.offset
        sequence = sequence_of(receipt.block, receipt.transaction, offset)
        return Applied(sequence, state.head.epoch)

    def _judged(self, state: MemoryState, operation: Operation) -> Applied | None:
        """Return an operation's first result, if it has one, or raise its refusal."""
        found = first_result(state, operation)
        if found is None:
            see(state, self.id, operation, self._ledger.addresses)
        return found

    async def _explained(self, operation: Operation, reason: str) -> Applied | None:
        """Return what somebody else has done already, or raise why the chain refused.

        The chain refuses by its newest block; once that is final the rules see why.
        When they do not, the registry's snapshot may be behind: None.
        """
        latest = await self._ledger.node.block("latest")
        assert latest is not None
        state = await self._ledger.refresh_past(latest.number)
        found = self._judged(state, operation)
        if found is None and not isinstance(operation, Settle | Refund | Withdraw):
            raise ChainRefusedError(reason)
        return found

    async def _allow(self, wish: Wish) -> None:
        """Let a contract take the account's grains; once for each of two contracts."""
        taker = wish.taker
        if taker is None or taker in self._allowed:
            return
        question = self._wishes.allowance(self.id, taker)
        assert question.to is not None
        answer = await self._ledger.node.call(question.to, question.data)
        if returned("Token", "allowance", answer)[0] < ALLOWED:
            # Final, or else a reorganisation could drop it alone, and nobody would
            # send its number again.
            await self._sender.carry_out(self._wishes.approval(taker))
        self._allowed.add(taker)


def _label(operation: Operation) -> bytes:
    """Return what the outbox knows an operation by."""
    return hashlib.sha256(OPERATIONS[type(operation)].encode(operation)).digest()
