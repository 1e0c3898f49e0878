"""Sends one account's transactions, numbered here, until each is final.

One process writes for an account. Numbers are given under a lock and counted here,
because a node asked twice at once says the same number twice. What was sent is sent
again when a reorganisation drops it, and with higher fees when nobody takes it.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from holdfast.ledger.chain_errors import (
    ChainRefusedError,
    GasMissingError,
    TransactionPendingError,
)
from holdfast.ledger.core.account_key import AccountKey
from holdfast.ledger.evm.chain import Fees, Receipt
from holdfast.ledger.evm.follower import Finality
from holdfast.ledger.evm.node import Node
from holdfast.ledger.evm.node_errors import NodeFault, NodeRefusedError
from holdfast.ledger.evm.outbox import Attempts, Outbox, label_of
from holdfast.ledger.evm.pending import Pending, Seen, Step, next_step, raised
from holdfast.ledger.evm.transaction import SignedTransaction, Transaction, sign
from holdfast.ledger.evm.wishes import Wish

NONCE_TRIES: Final = 4
BLOCK_SECONDS: Final = 60.0
FINAL_SECONDS: Final = 3600
LOST_LOOKS: Final = 5
PAUSE_SECONDS: Final = 0.5
GAP_MAX: Final = 64
EMPTY_GAS: Final = 21_000
"""What a transaction costs that only uses up its number."""

# Long ago: a transaction in doubt is handed over again at once.
DOUBTFUL: Final = float("-inf")


class LostNonceError(Exception):
    """Another transaction of the account used the number; ours never counts."""


class Sender:
    """One account's way onto the chain; `spent` is the wei it has paid for `gas`."""

    def __init__(
        self,
        node: Node,
        key: AccountKey,
        chain_id: int,
        finality: Finality,
        *,
        outbox: Outbox | None = None,
        pause_seconds: float = PAUSE_SECONDS,
        block_seconds: float = BLOCK_SECONDS,
        final_seconds: int = FINAL_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.spent = 0
        self.gas = 0
        self._node = node
        self._key = key
        self._chain_id = chain_id
        self._finality = finality
        self._pause_seconds = pause_seconds
        self._block_seconds = block_seconds
        self._final_seconds = final_seconds
        self._clock = clock
        self._turn = asyncio.Lock()
        self._next: int | None = None
        self._outbox = outbox or Outbox()

    def doubtful(self, label: bytes) -> Pending | None:
        """Return the transaction with this label whose fate nobody was told."""
        attempts = self._outbox.claim(self._key.id, label)
        return None if attempts is None else Pending(attempts, DOUBTFUL)

    async def carry_out(self, wish: Wish, *, final: bool = True) -> Receipt:
        """Bring a call onto the chain that nobody is told of otherwise."""
        pending = self.doubtful(label_of(wish)) or await self.send(wish)
        receipt = await self.finish(pending, final=final)
        self.forget(pending)
        return receipt

    async def send(self, wish: Wish, label: bytes | None = None) -> Pending:
        """Hand a call to the node; raises RevertedError, GasMissingError.

        Or LedgerUnreachableError: then nobody knows whether the node has it, and
        `doubtful` returns it under its label.
        """
        async with self._turn:
            gas = await self._node.gas_for(self._key.id, wish.to, wish.data)
            for _ in range(NONCE_TRIES):
                nonce = await self._nonce()
                fees = await self._node.fees()
                made = Transaction(self._chain_id, nonce, fees, gas, wish.to, wish.data)
                signed = sign(made, self._key)
                pending = Pending((signed,), self._clock())
                taken = await self._first_hand_over(label or label_of(wish), pending)
                if taken:
                    self._next = nonce + 1
                    return pending
                self._next = None
        raise ChainRefusedError("the account's nonce changes all the time")

    async def finish(self, pending: Pending, *, final: bool = True) -> Receipt:
        """Wait until a transaction is final, or only in a block, doing what it takes.

        Raises TransactionPendingError when that takes too long, LostNonceError. The
        caller crosses it out with `forget`, when everybody knows.
        """
        try:
            return await self._finish(pending, final=final)
        except LostNonceError:
            self.forget(pending)
            raise
        except BaseException:
            self._outbox.leave(pending.name)
            raise

    def forget(self, pending: Pending) -> None:
        """Cross out a transaction whose sender knows what became of it."""
        self._outbox.forget(pending.name)

    def leave(self, pending: Pending) -> None:
        """Keep a transaction in doubt: what became of it could not be told."""
        self._outbox.leave(pending.name)

    async def _finish(self, pending: Pending, *, final: bool) -> Receipt:
        deadline = self._clock() + self._final_seconds
        lost, stood = 0, False
        while True:
            receipt, seen = await self._look(pending)
            # Not every node takes back into its pool what a reorganisation drops.
            seen = replace(seen, dropped=stood and receipt is None)
            stood = receipt is not None
            if receipt is not None and not final:
                return self._paid(receipt)
            now = self._clock()
            step = next_step(pending, seen, now, self._block_seconds)
            match step:
                case Step.DONE:
                    assert receipt is not None
                    return self._paid(receipt)
                case Step.LOST if lost < LOST_LOOKS:
                    # A node may show a block a moment before its receipts.
                    lost += 1
                    await asyncio.sleep(self._pause_seconds)
                case Step.LOST:
                    self._next = None
                    raise LostNonceError
                case Step.SEND_AGAIN:
                    await self._offer_again(pending.attempts)
                    pending = pending.resent(now)
                case Step.RAISE_FEES:
                    await self._fill_gap(pending)
                    pending = await self._raise_fees(pending, now)
                case Step.WAIT:
                    await asyncio.sleep(self._pause_seconds)
            if now > deadline:
                waited = int(self._final_seconds)
                raise TransactionPendingError(pending.newest.hash, waited)

    def _paid(self, receipt: Receipt) -> Receipt:
        self.spent += receipt.gas * receipt.price
        self.gas += receipt.gas
        return receipt

    async def _first_hand_over(self, label: bytes, pending: Pending) -> bool:
        """Write the transaction down, then let it go; tell whether the node has it."""
        self._outbox.keep(self._key.id, label, pending.attempts)
        try:
            taken = await self._hand_over(pending.newest)
        except (GasMissingError, ChainRefusedError):
            self.forget(pending)
            raise
        except BaseException:
            self._next = None
            self.leave(pending)
            raise
        if not taken:
            self.forget(pending)
        return taken

    async def _nonce(self) -> int:
        if self._next is None:
            self._next = await self._node.transaction_count(self._key.id, "pending")
        return self._next

    async def _hand_over(self, signed: SignedTransaction) -> bool:
        """Tell whether the node takes the transaction; its number may be used up."""
        try:
            await self._node.send(signed.raw)
        except NodeRefusedError as error:
            match error.fault:
                case NodeFault.KNOWN | NodeFault.FEES_LOW:
                    return True
                case NodeFault.NONCE_LOW:
                    return False
                case NodeFault.NO_ETHER:
                    raise GasMissingError(self._key.id) from error
                case _:
                    raise ChainRefusedError(error.text) from error
        return True

    async def _look(self, pending: Pending) -> tuple[Receipt | None, Seen]:
        final = await self._finality.block(self._node)
        number = -1 if final is None else final.number
        for attempt in reversed(pending.attempts):
            receipt = await self._node.receipt(attempt.hash)
            if receipt is not None:
                return receipt, Seen(receipt.block, number, 0)
        used = 0
        if final is not None:
            used = await self._node.transaction_count(self._key.id, number)
        return None, Seen(None, number, used)

    async def _raise_fees(self, pending: Pending, now: float) -> Pending:
        old = pending.newest.transaction
        fees: Fees = raised(old.fees, await self._node.fees())
        signed = sign(replace(old, fees=fees), self._key)
        self._outbox.add(pending.name, signed)
        if await self._offer(signed):
            return pending.again(signed, now)
        # Too dear for the account: what it can pay may have been dropped meanwhile.
        await self._offer_again(pending.attempts)
        return pending.resent(now)

    async def _fill_gap(self, pending: Pending) -> None:
        """Use up the numbers before ours that neither chain nor pool has.

        A chain that lost blocks lost transactions that we had long forgotten. Ours
        would wait behind them for ever; with another number it could count twice.
        """
        old = pending.newest.transaction
        async with self._turn:
            first = await self._node.transaction_count(self._key.id, "pending")
            kept = self._outbox.numbered(self._key.id)
            for nonce in range(first, min(old.nonce, first + GAP_MAX)):
                if nonce in kept:  # somebody waits for it, or will
                    await self._offer_again(kept[nonce])
                    continue
                fees = await self._node.fees()
                empty = Transaction(
                    self._chain_id, nonce, fees, EMPTY_GAS, self._key.id, b""
                )
                await self._offer(sign(empty, self._key))

    async def _offer_again(self, attempts: Attempts) -> None:
        """Hand over the dearest attempt that the node does not refuse."""
        for attempt in reversed(attempts):
            if await self._offer(attempt):
                return

    async def _offer(self, signed: SignedTransaction) -> bool:
        """Hand over one more attempt; tell whether the node did not refuse it.

        A refusal says nothing of the attempts before, which may still get in.
        """
        try:
            await self._hand_over(signed)
        except (GasMissingError, ChainRefusedError):
            return False
        return True
