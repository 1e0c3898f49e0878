"""A chain for tests in this process, with its clock in our hands."""

from typing import Any

from holdfast.ledger.evm import precompiles
from holdfast.ledger.evm.in_process import InProcessChain
from holdfast.protocol.units import AccountId

START = 1_900_000_000


class TestChain(InProcessChain):
    """py-evm behind eth-tester, which can go back to where it was."""

    __test__ = False
    identity: AccountId | None = AccountId(precompiles.IDENTITY)

    def __init__(self, seconds: int = START, chain_id: int | None = None) -> None:
        super().__init__(seconds, chain_id)

    def remember(self) -> Any:
        return self.tester.take_snapshot()

    def return_to(self, snapshot: Any) -> None:
        self.tester.revert_to_snapshot(snapshot)
