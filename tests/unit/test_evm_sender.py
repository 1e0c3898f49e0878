"""An account's transactions are numbered here, and none is sent twice by mistake."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

import pytest

from holdfast.ledger.errors import GasMissingError, LedgerUnreachableError
from holdfast.ledger.evm.chain import Block, Fees, Receipt
from holdfast.ledger.evm.follower import Finality
from holdfast.ledger.evm.node_errors import NodeFault, NodeRefusedError
from holdfast.ledger.evm.sender import LostNonceError, Sender
from holdfast.ledger.evm.wishes import Wish
from holdfast.protocol.units import AccountId
from ledger_stage import account_key

KEY = account_key(1)
ONE, OTHER = Wish(AccountId(bytes(20)), b"one"), Wish(AccountId(bytes(20)), b"other")


@dataclass
class FakeNode:
    """A node whose chain has `used` transactions of the account; it keeps what comes.

    `faults` are raised by the next sends, one each; "away" takes the transaction first.
    """

    used: int = 7
    sent: list[bytes] = field(default_factory=list)
    faults: list[Any] = field(default_factory=list)
    mined: dict[bytes, int] = field(default_factory=dict)
    blind: int = 0

    async def gas_for(self, *_: Any) -> int:
        return 21_000

    async def fees(self) -> Fees:
        return Fees(100, 10)

    async def transaction_count(self, *_: Any) -> int:
        return self.used

    async def block(self, _: Any) -> Block:
        return Block(50, bytes(32), bytes(32), 0, 7)

    async def send(self, raw: bytes) -> None:
        fault = self.faults.pop(0) if self.faults else None
        if fault == "away":
            self.sent.append(raw)
            raise LedgerUnreachableError("nowhere")
        if fault is not None:
            raise NodeRefusedError(fault, "no")
        self.sent.append(raw)

    async def receipt(self, name: bytes) -> Receipt | None:
        self.blind -= 1
        if name not in self.mined or self.blind >= 0:
            return None
        block = self.mined[name]
        return Receipt(name, block, bytes(32), 0, True, 100, 3, None)


def sender(node: FakeNode) -> Sender:
    fake: Any = node
    return Sender(fake, KEY, 1, Finality(0), pause_seconds=0.0, block_seconds=0.0)


def test_numbers_are_counted_here_and_asked_for_once() -> None:
    node = FakeNode()

    async def run() -> None:
        ours = sender(node)
        pending = await asyncio.gather(*(ours.send(ONE) for _ in range(3)))
        nonces = [one.newest.transaction.nonce for one in pending]
        assert nonces == [7, 8, 9]

    asyncio.run(run())


def test_a_number_that_is_used_up_is_replaced_by_the_chains() -> None:
    node = FakeNode(faults=[NodeFault.NONCE_LOW])

    async def run() -> None:
        ours = sender(node)
        node.used = 9
        pending = await ours.send(ONE)
        assert pending.newest.transaction.nonce == 9

    asyncio.run(run())


def test_after_an_outage_the_same_call_is_the_same_transaction() -> None:
    node = FakeNode(faults=["away"])

    async def run() -> None:
        ours = sender(node)
        with pytest.raises(LedgerUnreachableError):
            await ours.send(ONE)
        again = await ours.send(ONE)
        assert [again.newest.raw] == node.sent
        node.mined[again.newest.hash] = 50
        assert (await ours.finish(again)).succeeded
        assert ours.spent == 300

    asyncio.run(run())


def test_after_an_outage_another_call_takes_the_number_that_the_node_says() -> None:
    node = FakeNode(faults=["away"])

    async def run() -> None:
        ours = sender(node)
        with pytest.raises(LedgerUnreachableError):
            await ours.send(ONE)
        node.used = 8
        assert (await ours.send(OTHER)).newest.transaction.nonce == 8

    asyncio.run(run())


def test_whose_number_went_to_another_is_told() -> None:
    node = FakeNode()

    async def run() -> None:
        ours = sender(node)
        pending = await ours.send(ONE)
        node.used = 8
        with pytest.raises(LostNonceError):
            await ours.finish(pending)

    asyncio.run(run())


def test_a_receipt_that_comes_after_its_block_is_waited_for() -> None:
    node = FakeNode()

    async def run() -> None:
        ours = sender(node)
        pending = await ours.send(ONE)
        node.used, node.blind = 8, 2
        node.mined[pending.newest.hash] = 50
        assert (await ours.finish(pending)).succeeded

    asyncio.run(run())


def test_an_account_without_ether_is_told() -> None:
    node = FakeNode(faults=[NodeFault.NO_ETHER])

    async def run() -> None:
        with pytest.raises(GasMissingError):
            await sender(node).send(ONE)

    asyncio.run(run())
