"""An account's transactions are numbered here, and none is sent twice by mistake."""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from holdfast.ledger.core.address import keccak
from holdfast.ledger.errors import (
    GasMissingError,
    LedgerError,
    LedgerUnreachableError,
)
from holdfast.ledger.evm.chain import Block, Fees, Receipt
from holdfast.ledger.evm.follower import Finality
from holdfast.ledger.evm.node_errors import NodeFault, NodeRefusedError
from holdfast.ledger.evm.outbox import Outbox, label_of
from holdfast.ledger.evm.pending import Pending
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
    away_after: int | None = None
    mined_later: bytes = b""

    async def gas_for(self, *_: Any) -> int:
        return 21_000

    async def fees(self) -> Fees:
        return Fees(100, 10)

    async def transaction_count(self, *_: Any) -> int:
        return self.used

    async def block(self, _: Any) -> Block:
        return Block(50, bytes(32), bytes(32), 0, 7)

    async def send(self, raw: bytes) -> None:
        if len(self.sent) == self.away_after:
            raise LedgerUnreachableError("nowhere")
        fault = self.faults.pop(0) if self.faults else None
        if fault == "mined":
            self.mined[self.mined_later] = 50
            return
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


def sender(
    node: FakeNode, outbox: Outbox | None = None, block_seconds: float = 0.0
) -> Sender:
    fake: Any = node
    return Sender(
        fake,
        KEY,
        1,
        Finality(0),
        outbox=outbox,
        pause_seconds=0.0,
        block_seconds=block_seconds,
    )


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
        again = ours.doubtful(label_of(ONE))
        assert again is not None
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


class ForgetfulNode(FakeNode):
    """A node that shows the transaction in a block, once, and then forgets it."""

    shown: bool = False

    async def receipt(self, name: bytes) -> Receipt | None:
        first, self.shown = not self.shown, True
        if not first and len(self.sent) == 1:
            return None
        block = 51 if first else 50
        return Receipt(name, block, bytes(32), 0, True, 100, 3, None)


def test_what_a_reorganisation_drops_is_sent_again_at_once_and_unchanged() -> None:
    node = ForgetfulNode()

    async def run() -> None:
        ours = sender(node, block_seconds=1e9)
        receipt = await ours.finish(await ours.send(ONE))
        assert receipt.block == 50
        assert len(node.sent) == 2
        assert len(set(node.sent)) == 1
        assert ours.gas == 100

    asyncio.run(asyncio.wait_for(run(), 20))


def test_after_a_restart_the_same_call_is_the_same_transaction(tmp_path: Path) -> None:
    node = FakeNode(faults=["away"])

    async def run() -> None:
        before = Outbox(tmp_path / "sent")
        with pytest.raises(LedgerUnreachableError):
            await sender(node, before).send(ONE)
        before.close()
        ours = sender(node, Outbox(tmp_path / "sent"))
        assert ours.doubtful(label_of(OTHER)) is None
        again = ours.doubtful(label_of(ONE))
        assert again is not None
        node.mined[again.newest.hash] = 50
        assert (await ours.finish(again)).succeeded
        ours.forget(again)
        assert ours.doubtful(label_of(ONE)) is None

    asyncio.run(run())


@pytest.mark.parametrize("mined", [0, 1, 2])
def test_whichever_attempt_got_in_while_nobody_looked_is_the_one(
    tmp_path: Path, mined: int
) -> None:
    node = FakeNode()

    async def run() -> None:
        before = Outbox(tmp_path / "sent")
        ours = sender(node, before)
        pending = await ours.send(ONE)
        node.away_after = 3
        with pytest.raises(LedgerUnreachableError):
            await ours.finish(pending)
        before.close()
        node.away_after = None
        assert len(node.sent) == 3
        node.mined[keccak(node.sent[mined])] = 50
        node.used = 8
        later = sender(node, Outbox(tmp_path / "sent"))
        again = later.doubtful(label_of(ONE))
        assert again is not None
        assert (await later.finish(again)).hash == keccak(node.sent[mined])

    asyncio.run(run())


@pytest.mark.parametrize("fault", [NodeFault.NO_ETHER, NodeFault.OTHER])
def test_a_node_that_refuses_higher_fees_says_nothing_of_the_first_attempt(
    fault: NodeFault,
) -> None:
    node = FakeNode()

    async def run() -> None:
        ours = sender(node)
        pending = await ours.send(ONE)
        node.faults = [fault, fault, "mined"]
        node.mined_later = pending.newest.hash
        assert (await ours.finish(pending)).hash == pending.newest.hash

    asyncio.run(run())


def test_two_equal_calls_at_once_are_two_transactions() -> None:
    node = FakeNode()

    async def run() -> None:
        ours = sender(node)
        first = await ours.send(ONE)
        assert ours.doubtful(label_of(ONE)) is None
        second = await ours.send(ONE)
        assert first.name != second.name

    asyncio.run(run())


def test_a_transaction_that_never_takes_effect_is_no_longer_in_doubt() -> None:
    async def run() -> None:
        for fault in (NodeFault.NO_ETHER, NodeFault.OTHER):
            ours = sender(FakeNode(faults=[fault]))
            with pytest.raises(LedgerError):
                await ours.send(ONE)
            assert ours.doubtful(label_of(ONE)) is None
        node = FakeNode()
        ours = sender(node)
        pending = await ours.send(ONE)
        node.used = 8
        with pytest.raises(LostNonceError):
            await ours.finish(pending)
        assert ours.doubtful(label_of(ONE)) is None

    asyncio.run(run())


def test_whoever_stops_waiting_finds_the_transaction_again() -> None:
    node = FakeNode()

    async def run() -> None:
        ours = sender(node, block_seconds=60.0)
        pending: Pending = await ours.send(ONE)
        waiting = asyncio.create_task(ours.finish(pending))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        again = ours.doubtful(label_of(ONE))
        assert again is not None
        assert again.name == pending.name

    asyncio.run(run())


def test_an_account_without_ether_is_told() -> None:
    node = FakeNode(faults=[NodeFault.NO_ETHER])

    async def run() -> None:
        with pytest.raises(GasMissingError):
            await sender(node).send(ONE)

    asyncio.run(run())
