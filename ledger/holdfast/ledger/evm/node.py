"""A node, asked patiently: every request has a deadline, every retry a bound.

The only place that calls web3. Its errors become ours here: LedgerUnreachableError
when nobody answers, RevertedError when a contract refuses, NodeRefusedError when the
node does. Nothing is decided here.
"""

import asyncio
import gzip
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, TypeVar

import aiohttp
from web3 import AsyncHTTPProvider, AsyncWeb3
from web3.exceptions import (
    BlockNotFound,
    ContractLogicError,
    ProviderConnectionError,
    RequestTimedOut,
    TooManyRequests,
    TransactionNotFound,
    Web3Exception,
    Web3RPCError,
)

from holdfast.contracts.header import encode_header
from holdfast.ledger.core.address import address_from
from holdfast.ledger.errors import LedgerAnswerError, LedgerUnreachableError
from holdfast.ledger.evm.chain import Block, Fees, Log, Receipt, contract_text
from holdfast.ledger.evm.node_errors import refusal, reverted
from holdfast.protocol.units import AccountId

REQUEST_SECONDS: Final = 20.0
PATIENCE_SECONDS: Final = 15.0
PAUSES_SECONDS: Final = (0.1, 0.2, 0.4, 0.8, 1.6, 3.2)
LIMIT_EXCEEDED: Final = -32005
GAS_MAX: Final = 16_777_216

Value = TypeVar("Value")
BlockName = int | str
HeaderSource = Callable[[int], bytes]

_AWAY: Final = (
    aiohttp.ClientConnectionError,
    aiohttp.ClientPayloadError,
    aiohttp.ServerTimeoutError,
    OSError,
    ProviderConnectionError,
    RequestTimedOut,
    TimeoutError,
    TooManyRequests,
)
_AGAIN_STATUS: Final = frozenset({408, 429, 500, 502, 503, 504})


class Node:
    """One chain's node; `name` is its URL as people know it.

    `header_source` returns the RLP of a header where JSON-RPC does not show all of
    it; `gas` is a limit for every transaction where estimating is too slow. A chain in
    this process raises `raised` when a contract refuses, `invalid` when it does.
    """

    def __init__(
        self,
        web3: Any,  # noqa: ANN401 # AsyncWeb3 of any provider
        name: str,
        *,
        patience_seconds: float = PATIENCE_SECONDS,
        header_source: HeaderSource | None = None,
        gas: int | None = None,
        raised: tuple[type[Exception], ...] = (),
        invalid: tuple[type[Exception], ...] = (),
    ) -> None:
        self.name = name
        self._web3 = web3
        self._patience_seconds = patience_seconds
        self._header_source = header_source
        self._gas = gas
        self._raised = raised
        self._invalid = invalid

    @classmethod
    def at(cls, url: str, patience_seconds: float = PATIENCE_SECONDS) -> "Node":
        """Return the node behind a URL; nothing is asked yet."""
        timeout = aiohttp.ClientTimeout(total=REQUEST_SECONDS)
        provider = AsyncHTTPProvider(
            url, {"timeout": timeout}, exception_retry_configuration=None
        )
        return cls(AsyncWeb3(provider), url, patience_seconds=patience_seconds)

    async def chain_id(self) -> int:
        """Return the chain's id."""
        return int(await self._ask(lambda: self._web3.eth.chain_id))

    async def block(self, which: BlockName) -> Block | None:
        """Return a block by its number, or by "latest", "safe" or "finalized"."""
        try:
            found = await self._ask(lambda: self._web3.eth.get_block(which))
        except BlockNotFound:
            return None
        return Block(
            int(found["number"]),
            bytes(found["hash"]),
            bytes(found["parentHash"]),
            int(found["timestamp"]),
            int(found.get("baseFeePerGas") or 0),
        )

    async def randomness(self, number: int) -> int:
        """Return what the chain gave a block as randomness (EIP-4399), as a number."""
        found = await self._ask(lambda: self._web3.eth.get_block(number))
        return int.from_bytes(bytes(found.get("mixHash") or b""), "big")

    async def header(self, number: int) -> bytes:
        """Return the RLP of a block's header."""
        if self._header_source is not None:
            return self._header_source(number)
        found = await self._ask(lambda: self._web3.eth.get_block(number))
        return encode_header(found)

    async def logs(
        self, addresses: Sequence[AccountId], first: int, last: int
    ) -> tuple[Log, ...]:
        """Return what the contracts said in blocks `first` to `last`, in order."""
        wanted = {
            "address": [contract_text(address) for address in addresses],
            "fromBlock": first,
            "toBlock": last,
        }
        found = await self._ask(lambda: self._web3.eth.get_logs(wanted))
        logs = (_log(one) for one in found)
        return tuple(sorted(logs, key=lambda log: (log.block, log.index)))

    async def call(
        self,
        to: AccountId,
        data: bytes,
        sender: AccountId | None = None,
        block: BlockName = "latest",
    ) -> bytes:
        """Return what a call would return, or raise RevertedError."""
        wanted = {"to": contract_text(to), "data": "0x" + data.hex()}
        if sender is not None:
            wanted["from"] = contract_text(sender)
        return bytes(await self._ask(lambda: self._web3.eth.call(wanted, block)))

    async def gas_for(
        self, sender: AccountId, to: AccountId | None, data: bytes
    ) -> int:
        """Return a gas limit with room to spare, or raise RevertedError."""
        if self._gas is not None:
            return self._gas
        wanted = {"from": contract_text(sender), "data": "0x" + data.hex()}
        if to is not None:
            wanted["to"] = contract_text(to)
        needed = int(await self._ask(lambda: self._web3.eth.estimate_gas(wanted)))
        return min(needed + needed // 4 + 20_000, GAS_MAX)

    async def fees(self) -> Fees:
        """Return fees that last for six blocks, each fuller than the one before."""
        latest = await self.block("latest")
        assert latest is not None
        # What the node suggests in all; every node says that, whatever its age.
        price = int(await self._ask(lambda: self._web3.eth.gas_price))
        tip = max(price - latest.base_fee, 0)
        return Fees(2 * latest.base_fee + tip, tip)

    async def transaction_count(self, account: AccountId, block: BlockName) -> int:
        """Return how many transactions of an account there are up to a block."""
        who = contract_text(account)
        return int(
            await self._ask(lambda: self._web3.eth.get_transaction_count(who, block))
        )

    async def ether(self, account: AccountId) -> int:
        """Return an account's ether, in wei."""
        who = contract_text(account)
        return int(await self._ask(lambda: self._web3.eth.get_balance(who)))

    async def unlocked(self) -> tuple[AccountId, ...]:
        """Return the accounts for which the node itself signs; on most, none."""
        found = await self._ask(lambda: self._web3.eth.accounts)
        return tuple(address_from(one) for one in found)

    async def send_unlocked(self, payer: AccountId, to: AccountId, wei: int) -> bytes:
        """Have the node send ether from an account of its own; return the hash."""
        ends = {"from": contract_text(payer), "to": contract_text(to)}
        wanted = {**ends, "value": wei}
        return bytes(await self._ask(lambda: self._web3.eth.send_transaction(wanted)))

    async def code(self, address: AccountId) -> bytes:
        """Return the code of a contract; none means that there is no contract."""
        where = contract_text(address)
        return bytes(await self._ask(lambda: self._web3.eth.get_code(where)))

    async def send(self, raw: bytes) -> None:
        """Hand over a signed transaction, or raise NodeRefusedError."""
        await self._ask(lambda: self._web3.eth.send_raw_transaction(raw))

    async def receipt(self, transaction: bytes) -> Receipt | None:
        """Return where a transaction stands; None while it is in no block."""
        try:
            found = await self._ask(
                lambda: self._web3.eth.get_transaction_receipt(transaction)
            )
        except TransactionNotFound:
            return None
        return _receipt(found)

    async def receipts(self, block: int) -> tuple[Receipt, ...]:
        """Return what became of all transactions of a block, in their order."""
        found = await self._ask(lambda: self._web3.eth.get_block_receipts(block))
        return tuple(_receipt(one) for one in found)

    async def anvil_state(self) -> bytes:
        """Return the whole state of the chain as anvil loads it; only anvil knows."""
        ask = self._web3.manager.coro_request
        found = await self._ask(lambda: ask("anvil_dumpState", []))
        return gzip.decompress(bytes.fromhex(str(found).removeprefix("0x")))

    async def close(self) -> None:
        """Let go of connections."""
        provider = self._web3.provider
        if isinstance(provider, AsyncHTTPProvider):
            await provider.disconnect()

    async def _ask(self, request: Callable[[], Awaitable[Value]]) -> Value:
        """Return what the node answers, asking again while nobody does."""
        try:
            async with asyncio.timeout(self._patience_seconds):
                return await self._patiently(request)
        except TimeoutError as error:
            raise LedgerUnreachableError(self.name) from error

    async def _patiently(self, request: Callable[[], Awaitable[Value]]) -> Value:
        for pause in (*PAUSES_SECONDS, None):
            try:
                return await request()
            except (BlockNotFound, TransactionNotFound):
                raise
            except Exception as error:
                ours = self._translated(error)
                if ours is not None:
                    raise ours from error
                if pause is None:
                    raise LedgerUnreachableError(self.name) from error
            await asyncio.sleep(pause)
        raise AssertionError  # the last pause is None

    def _translated(self, error: Exception) -> Exception | None:
        """Return the error as ours; None if nobody answered and asking again helps."""
        match error:
            case ContractLogicError():
                return reverted(error.message or "")
            case _ if isinstance(error, self._raised):
                return reverted(str(error))
            case _ if isinstance(error, self._invalid):
                return refusal(str(error))
            case aiohttp.ClientResponseError(status=status):
                again = status in _AGAIN_STATUS
                return None if again else LedgerAnswerError(self.name, str(error))
            # Before those of RPC: a request that timed out is one of them to web3.
            case _ if isinstance(error, _AWAY):
                return None
            case Web3RPCError():
                return None if _crowded(error) else refusal(_said(error))
            case Web3Exception() | aiohttp.ClientError() | ValueError():
                return LedgerAnswerError(self.name, str(error))
            case _:
                return error


def _log(found: Any) -> Log:  # noqa: ANN401 # web3's dictionary
    return Log(
        block=int(found["blockNumber"]),
        block_hash=bytes(found["blockHash"]),
        transaction=int(found["transactionIndex"]),
        index=int(found["logIndex"]),
        address=address_from(found["address"]),
        topics=tuple(bytes(topic) for topic in found["topics"]),
        data=bytes(found["data"]),
    )


def _receipt(found: Any) -> Receipt:  # noqa: ANN401 # web3's dictionary
    created = found.get("contractAddress")
    return Receipt(
        hash=bytes(found["transactionHash"]),
        block=int(found["blockNumber"]),
        block_hash=bytes(found["blockHash"]),
        transaction=int(found["transactionIndex"]),
        succeeded=int(found["status"]) == 1,
        gas=int(found["gasUsed"]),
        price=int(found.get("effectiveGasPrice") or 0),
        created=None if created is None else address_from(created),
    )


def _said(error: Web3RPCError) -> str:
    answer = (error.rpc_response or {}).get("error")
    return str(answer.get("message") if isinstance(answer, dict) else error)


def _crowded(error: Web3RPCError) -> bool:
    answer = (error.rpc_response or {}).get("error")
    return isinstance(answer, dict) and answer.get("code") == LIMIT_EXCEEDED
