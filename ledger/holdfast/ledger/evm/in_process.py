"""An EVM inside this process, with its clock in the caller's hands: for tests.

py-evm behind eth-tester, every block final at once. The pairing of BLS12-381 and the
Ed25519 verifier are computed natively (`precompiles`); everything else is the EVM's.
"""

from typing import Any, Final

import eth_tester.exceptions
import rlp
from eth_tester import EthereumTester, PyEVMBackend
from eth_utils.exceptions import ValidationError
from web3 import AsyncEthereumTesterProvider, AsyncWeb3, EthereumTesterProvider, Web3
from web3.providers.eth_tester.defaults import API_ENDPOINTS
from web3.types import Wei

from holdfast.ledger.core.address import address_text
from holdfast.ledger.evm import precompiles
from holdfast.ledger.evm.node import Node
from holdfast.protocol.units import AccountId

BLOCK_GAS: Final = 100_000_000
TRANSACTION_GAS: Final = 16_000_000
WEI: Final = 10**18
RICH: Final = 9
TRANSFER_GAS: Final = 21_000
# Something must be there, or contracts would not call it.
_CODE: Final = b"\xfe"


class InProcessChain:
    """A new chain whose first block is timed at `seconds`.

    `chain_id` is another id than eth-tester's usual one.
    """

    def __init__(self, seconds: int, chain_id: int | None = None) -> None:
        precompiles.install()
        genesis = PyEVMBackend.generate_genesis_params(
            {"gas_limit": BLOCK_GAS, "timestamp": seconds}
        )
        state = PyEVMBackend.generate_genesis_state()
        empty = {"balance": 0, "nonce": 1, "code": _CODE, "storage": {}}
        state[precompiles.IDENTITY] = empty
        backend = PyEVMBackend(genesis_parameters=genesis, genesis_state=state)
        if chain_id is not None:
            # py-evm is told by its class, which is this chain's own.
            type(backend.chain).chain_id = chain_id
        self.tester = EthereumTester(backend)
        self.web3 = Web3(EthereumTesterProvider(self.tester))
        self.chain_id = chain_id or int(self.web3.eth.chain_id)

    @property
    def accounts(self) -> list[str]:
        """Accounts with ether."""
        return list(self.web3.eth.accounts)

    @property
    def rich(self) -> str:
        """The account that gives ether away."""
        return self.accounts[RICH]

    @property
    def now(self) -> int:
        """The newest block's time."""
        return int(self.web3.eth.get_block("latest")["timestamp"])

    def wait_until(self, seconds: int) -> None:
        """Make a block at this time."""
        if seconds > self.now:
            self.tester.time_travel(seconds)
        self.tester.mine_block()

    def fund(self, account: str) -> None:
        """Give an account an ether."""
        # Estimating is slow: it runs a transaction many times.
        self.web3.eth.send_transaction(
            {"from": self.rich, "to": account, "value": Wei(WEI), "gas": TRANSFER_GAS}
        )

    def fund_account(self, account: AccountId) -> None:
        """Give an account an ether."""
        self.fund(address_text(account))

    def header(self, number: int) -> bytes:
        """Return a block's header; eth-tester's JSON misreports two of its fields."""
        chain: Any = self.tester.backend.chain
        return bytes(rlp.encode(chain.get_canonical_block_header_by_number(number)))

    def node(self) -> Node:
        """Return the node that the adapter talks to."""
        provider = AsyncEthereumTesterProvider()
        provider.ethereum_tester = self.tester
        ours = {**API_ENDPOINTS["eth"], "chainId": lambda *_: hex(self.chain_id)}
        provider.api_endpoints = {**API_ENDPOINTS, "eth": ours}
        return Node(
            AsyncWeb3(provider),
            "in this process",
            header_source=self.header,
            gas=TRANSACTION_GAS,
            raised=(eth_tester.exceptions.TransactionFailed,),
            invalid=(ValidationError, eth_tester.exceptions.ValidationError),
        )
