"""A chain that loses blocks stops no account, and no transaction counts twice."""

import asyncio
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.ledger.core.address import keccak
from holdfast.ledger.evm.chain import Block, Fees, Receipt
from holdfast.ledger.evm.follower import Finality
from holdfast.ledger.evm.node_errors import NodeFault, NodeRefusedError
from holdfast.ledger.evm.sender import GAP_MAX, Sender
from holdfast.ledger.evm.transaction import parse
from holdfast.ledger.evm.wishes import Wish
from holdfast.protocol.units import AccountId
from ledger_stage import account_key

KEY = account_key(1)
LOOKS_MAX = 1_000


@dataclass
class ForgetfulChain:
    """Takes transactions in the order of their numbers, until it forgets some."""

    blocks: list[bytes] = field(default_factory=list)
    pool: dict[int, bytes] = field(default_factory=dict)
    affordable: int = 10**18

    def forget(self, count: int) -> None:
        """Lose the newest blocks, and all that waited."""
        del self.blocks[len(self.blocks) - count :]
        self.pool.clear()

    async def send(self, raw: bytes) -> None:
        if parse(raw).transaction.fees.highest > self.affordable:
            raise NodeRefusedError(NodeFault.NO_ETHER, "insufficient funds")
        self.pool[parse(raw).transaction.nonce] = raw
        while len(self.blocks) in self.pool:
            self.blocks.append(self.pool.pop(len(self.blocks)))

    async def transaction_count(self, *_: Any) -> int:
        return len(self.blocks)

    async def block(self, _: Any) -> Block:
        return Block(len(self.blocks), bytes(32), bytes(32), 0, 7)

    async def receipt(self, name: bytes) -> Receipt | None:
        for number, raw in enumerate(self.blocks):
            if keccak(raw) == name:
                return Receipt(name, number, bytes(32), 0, True, 100, 3, None)
        return None

    async def gas_for(self, *_: Any) -> int:
        return 50_000

    async def fees(self) -> Fees:
        return Fees(100, 10)


def wish(number: int) -> Wish:
    return Wish(AccountId(bytes(20)), b"%d" % number)


def sender(chain: ForgetfulChain) -> Sender:
    fake: Any = chain
    looks = count()
    return Sender(
        fake,
        KEY,
        1,
        Finality(0),
        pause_seconds=0.0,
        block_seconds=0.0,
        final_seconds=LOOKS_MAX,
        clock=lambda: float(next(looks)),
    )


@settings(max_examples=15)
@given(st.lists(st.integers(0, 9), min_size=1, max_size=4))
def test_an_account_goes_on_after_its_chain_lost_blocks(losses: list[int]) -> None:
    chain = ForgetfulChain()

    async def run() -> None:
        ours = sender(chain)
        for number, lost in enumerate(losses):
            for step in range(3):
                await ours.carry_out(wish(10 * number + step))
            chain.forget(min(lost, len(chain.blocks)))
        await ours.carry_out(wish(99))

    asyncio.run(run())
    data = [parse(raw).transaction.data for raw in chain.blocks]
    assert data.count(b"99") == 1
    assert all(data.count(one) == 1 for one in data if one)


def test_what_only_uses_up_a_number_moves_nothing_and_costs_least() -> None:
    chain = ForgetfulChain()

    async def run() -> None:
        ours = sender(chain)
        for number in range(3):
            await ours.carry_out(wish(number))
        chain.forget(2)
        await ours.carry_out(wish(9))

    asyncio.run(run())
    made = [parse(raw).transaction for raw in chain.blocks]
    assert [one.data for one in made] == [b"0", b"", b"", b"9"]
    assert {(one.to, one.value, one.gas) for one in made[1:3]} == {(KEY.id, 0, 21_000)}


def test_a_long_gap_is_filled_step_by_step() -> None:
    chain = ForgetfulChain()
    long = GAP_MAX + 5

    async def run() -> None:
        ours = sender(chain)
        for number in range(long):
            await ours.carry_out(wish(number))
        chain.forget(long)
        await ours.carry_out(wish(long))

    asyncio.run(run())
    assert len(chain.blocks) == long + 1


def test_a_transaction_in_doubt_counts_once_after_its_chain_lost_blocks() -> None:
    chain = ForgetfulChain()

    async def run() -> None:
        ours = sender(chain)
        await ours.carry_out(wish(0))
        await ours.carry_out(wish(1))
        pending = await ours.send(wish(2))
        ours.leave(pending)
        chain.forget(3)
        await ours.carry_out(wish(2))

    asyncio.run(run())
    assert [parse(raw).transaction.data for raw in chain.blocks] == [b"", b"", b"2"]


def test_who_cannot_pay_higher_fees_sends_what_was_dropped_again() -> None:
    """It stood in a block between two looks, and a reorganisation took it back."""
    chain = ForgetfulChain(affordable=100)

    async def run() -> None:
        ours = sender(chain)
        pending = await ours.send(wish(1))
        chain.forget(1)
        await ours.finish(pending)

    asyncio.run(run())
    assert [parse(raw).transaction.data for raw in chain.blocks] == [b"1"]


def test_a_number_that_somebody_waits_for_is_not_used_up() -> None:
    chain = ForgetfulChain()

    async def run() -> None:
        ours = sender(chain)
        first, second = await ours.send(wish(1)), await ours.send(wish(2))
        chain.forget(2)
        await ours.finish(second)
        await ours.finish(first)

    asyncio.run(run())
    assert [parse(raw).transaction.data for raw in chain.blocks] == [b"1", b"2"]
