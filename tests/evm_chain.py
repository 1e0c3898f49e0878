"""A chain for tests in this process, with its clock in our hands."""

from typing import Any

import rlp
from eth_tester import EthereumTester, PyEVMBackend
from web3 import EthereumTesterProvider, Web3
from web3.types import Wei

import evm_precompiles

START = 1_900_000_000


class TestChain:
    """py-evm behind eth-tester, with its clock in our hands."""

    __test__ = False

    def __init__(self) -> None:
        evm_precompiles.install()
        genesis = PyEVMBackend.generate_genesis_params(
            {"gas_limit": 100_000_000, "timestamp": START}
        )
        self.tester = EthereumTester(PyEVMBackend(genesis_parameters=genesis))
        self.web3 = Web3(EthereumTesterProvider(self.tester))

    @property
    def chain_id(self) -> int:
        return self.web3.eth.chain_id

    @property
    def accounts(self) -> list[str]:
        return list(self.web3.eth.accounts)

    @property
    def now(self) -> int:
        return int(self.web3.eth.get_block("latest")["timestamp"])

    def wait_until(self, seconds: int) -> None:
        """Make a block at this time."""
        if seconds > self.now:
            self.tester.time_travel(seconds)
        self.tester.mine_block()

    def remember(self) -> Any:
        return self.tester.take_snapshot()

    def return_to(self, snapshot: Any) -> None:
        self.tester.revert_to_snapshot(snapshot)

    def fund(self, account: str) -> None:
        rich = self.accounts[0]
        self.web3.eth.send_transaction(
            {"from": rich, "to": account, "value": Wei(10**18)}
        )

    def header(self, number: int) -> bytes:
        """Return a block's header; eth-tester's JSON misreports two of its fields."""
        chain = self.tester.backend.chain
        return bytes(rlp.encode(chain.get_canonical_block_header_by_number(number)))
