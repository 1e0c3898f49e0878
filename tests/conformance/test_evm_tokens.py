"""Whatever anybody asks for, a chain answers as the rules do, step by step.

The machine of the other ledgers plays on both at once: each refusal must be the same
with the same data, and after each step every balance, vault and deal.
"""

import asyncio
from contextlib import AsyncExitStack, ExitStack
from dataclasses import replace
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import rule

from evm_anvil import AnvilChain, anvil_program, running_anvil
from evm_chain import TestChain
from evm_ledger_stage import Chain, ChainStage, EvmStage
from evm_scenes import load
from holdfast.ledger.core.account_key import AccountKey
from holdfast.ledger.core.chain import Genesis
from holdfast.ledger.core.operations import Operation, Withdraw
from holdfast.ledger.errors import LedgerError
from holdfast.protocol.units import VaultId
from ledger_stage import HOURLY

ANVIL = anvil_program()
Tokens: Any = load("test_ledger_tokens").Tokens


class TokensOnBoth(Tokens):  # type: ignore[misc] # loaded from a file
    """A ledger in memory, and the same network on a chain."""

    network: ClassVar[ChainStage | None] = None
    running: ClassVar[ExitStack] = ExitStack()

    def __init__(self) -> None:
        self.runner = asyncio.Runner()
        self.open = AsyncExitStack()
        cls = type(self)
        if cls.network is None:
            made = ChainStage.build(Genesis(HOURLY), self.make_chain)
            cls.network = self.runner.run(made)
        stage = self.open.enter_async_context(cls.network.stage())
        self.stage: EvmStage = self.runner.run(stage)
        super().__init__()

    @classmethod
    def make_chain(cls, seconds: int, chain_id: int) -> Chain:
        """Return a new chain."""
        return TestChain(seconds, chain_id)

    def act(self, key: AccountKey, operation: Operation) -> bool:
        """Submit to both; what waits for refunds on a chain only is not tried."""
        if isinstance(operation, Withdraw) and self.waits(operation.vault):
            return False
        nonce = self.book.state.account(key.id).nonce
        signed = key.sign(HOURLY, nonce, operation)
        refused: LedgerError | None = None
        try:
            self.book.submit(signed, HOURLY.epoch_start(self.epoch))
        except LedgerError as error:
            refused = error
        also = self.runner.run(self.on_chain(key, operation))
        assert type(also) is type(refused), (refused, also)
        if refused is not None:
            assert vars(also) == vars(refused)
        return refused is None

    async def on_chain(
        self, key: AccountKey, operation: Operation
    ) -> LedgerError | None:
        """Return what the chain refuses an operation with, or None."""
        try:
            await self.stage.act(key, operation)
        except LedgerError as error:
            return error
        return None

    def waits(self, vault: VaultId) -> bool:
        """Tell whether a deal that the vault holds is not refunded."""
        return any(not deal.refunded for deal in self.book.state.deals_held(vault))

    @rule(epochs=st.sampled_from([1, 2]))
    def pass_time(self, epochs: int) -> None:
        for _ in range(epochs):
            super().pass_time(1)
            self.stage.jump_to(self.epoch)

    def check_invariants(self, *arguments: Any, **options: Any) -> None:
        super().check_invariants(*arguments, **options)
        self.runner.run(self.stage.evm.refresh())
        mine, chain = self.book.state, self.stage.evm.state
        for account in mine.accounts():
            assert chain.account(account.id).balance == account.balance
        assert bare(chain.vaults()) == bare(mine.vaults())
        assert {row.deal for row in chain.deals()} == {row.deal for row in mine.deals()}
        assert replace(chain.books, minted=0) == replace(mine.books, minted=0)

    def teardown(self) -> None:
        self.runner.run(self.open.aclose())
        self.runner.close()


def bare(rows: Any) -> list[Any]:
    """Return registry rows without what counts entries, in order of number."""
    found = [replace(row, changed=0) for row in rows]
    return sorted(found, key=lambda row: row.number)


class TokensOnAnvil(TokensOnBoth):
    """The same on a real node."""

    @classmethod
    def make_chain(cls, seconds: int, chain_id: int) -> AnvilChain:
        assert ANVIL is not None
        options = ("--chain-id", str(chain_id))
        return cls.running.enter_context(running_anvil(ANVIL, seconds, *options))


def teardown_module() -> None:
    TokensOnBoth.running.close()


def played(machine: type[TokensOnBoth], examples: int, steps: int) -> Any:
    """Return the test that plays a machine so often, with so many steps each."""
    case: Any = type("TestCase", (machine.TestCase,), {})
    quiet = [HealthCheck.too_slow, HealthCheck.filter_too_much]
    case.settings = settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        suppress_health_check=quiet,
    )
    return case


if ANVIL is None:
    TestTokensOnBoth = played(TokensOnBoth, 1, 6)
TestTokensOnBothForLong = pytest.mark.long(played(TokensOnBoth, 3, 25))
if ANVIL is not None:
    TestTokensOnAnvil = played(TokensOnAnvil, 1, 15)
    TestTokensOnAnvilForLong = pytest.mark.long(played(TokensOnAnvil, 10, 40))
