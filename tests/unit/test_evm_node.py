"""What a node says, or does not say, becomes one of our errors where it enters."""

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import aiohttp
import eth_tester.exceptions
import pytest
from eth_utils.exceptions import ValidationError
from web3.exceptions import (
    BlockNotFound,
    ContractLogicError,
    ProviderConnectionError,
    RequestTimedOut,
    TooManyRequests,
    TransactionNotFound,
    Web3RPCError,
    Web3ValueError,
)

from holdfast.ledger.errors import (
    LedgerAnswerError,
    LedgerUnreachableError,
    RandomnessMissingError,
)
from holdfast.ledger.evm.node import LIMIT_EXCEEDED, Node
from holdfast.ledger.evm.node_errors import (
    NodeFault,
    NodeRefusedError,
    RevertedError,
)
from holdfast.ledger.evm.probe import require_randomness
from holdfast.protocol.units import AccountId

SOMEBODY = AccountId(b"\x01" * 20)
PATIENCE = 5.0


def rpc_error(message: str, code: int = -32000) -> Web3RPCError:
    answer: Any = {"error": {"code": code, "message": message}}
    return Web3RPCError(message, rpc_response=answer)


def http_error(status: int) -> aiohttp.ClientResponseError:
    request: Any = SimpleNamespace(real_url="http://node")
    return aiohttp.ClientResponseError(request, (), status=status)


class Faulty:
    """A provider's `eth`: each call raises the next fault, and answers after the last.

    With `forever` the first stays.
    """

    def __init__(self, *faults: Exception, forever: bool = False) -> None:
        self.faults = list(faults)
        self.forever = forever
        self.asked = 0

    async def get_balance(self, *_: object) -> int:
        self.asked += 1
        if self.faults:
            raise self.faults[0] if self.forever else self.faults.pop(0)
        return 7

    call = send_raw_transaction = get_balance

    async def get_block(self, _: object) -> None:
        raise BlockNotFound("none")

    async def get_transaction_receipt(self, _: bytes) -> None:
        raise TransactionNotFound("none")


def node(eth: Any, patience: float = PATIENCE) -> Node:
    return Node(
        SimpleNamespace(eth=eth),
        "the node",
        patience_seconds=patience,
        raised=(eth_tester.exceptions.TransactionFailed,),
        invalid=(ValidationError, eth_tester.exceptions.ValidationError),
    )


@pytest.mark.parametrize(
    "fault",
    [
        ConnectionRefusedError(),
        aiohttp.ServerDisconnectedError(),
        aiohttp.ClientPayloadError(),
        ProviderConnectionError("away"),
        RequestTimedOut("slow"),
        TooManyRequests("later"),
        TimeoutError(),
        http_error(429),
        http_error(503),
        rpc_error("too many requests", LIMIT_EXCEEDED),
    ],
    ids=lambda fault: f"{type(fault).__name__}-{getattr(fault, 'status', '')}",
)
def test_a_node_that_is_away_for_a_moment_is_asked_again(fault: Exception) -> None:
    eth = Faulty(fault, fault)
    assert asyncio.run(node(eth).ether(SOMEBODY)) == 7
    assert eth.asked == 3


def test_a_node_that_stays_away_is_unreachable_and_not_asked_for_ever() -> None:
    eth = Faulty(ConnectionRefusedError(), forever=True)
    with pytest.raises(LedgerUnreachableError):
        asyncio.run(node(eth, patience=0.35).ether(SOMEBODY))
    assert eth.asked <= 3


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (http_error(401), LedgerAnswerError),
        (http_error(404), LedgerAnswerError),
        (Web3ValueError("no such thing"), LedgerAnswerError),
        (rpc_error("no such method", -32601), NodeRefusedError),
        (ContractLogicError("execution reverted: stake locked"), RevertedError),
        (eth_tester.exceptions.TransactionFailed("stake locked"), RevertedError),
        (ValidationError("Invalid transaction nonce"), NodeRefusedError),
    ],
    ids=lambda value: getattr(value, "__name__", type(value).__name__),
)
def test_an_answer_that_is_a_no_is_not_asked_for_again(
    fault: Exception, error: type[Exception]
) -> None:
    eth = Faulty(fault)
    with pytest.raises(error):
        asyncio.run(node(eth).ether(SOMEBODY))
    assert eth.asked == 1


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (rpc_error("nonce too low: next nonce 5, tx nonce 4"), NodeFault.NONCE_LOW),
        (rpc_error("already known"), NodeFault.KNOWN),
        (rpc_error("replacement transaction underpriced"), NodeFault.FEES_LOW),
        (rpc_error("insufficient funds for gas * price + value"), NodeFault.NO_ETHER),
        (rpc_error("something else"), NodeFault.OTHER),
        (ValidationError("Invalid transaction nonce: 3"), NodeFault.NONCE_LOW),
        (
            eth_tester.exceptions.ValidationError(
                "Sender does not have enough balance"
            ),
            NodeFault.NO_ETHER,
        ),
    ],
    ids=lambda value: str(value)[:20],
)
def test_the_same_refusal_is_the_same_error_whoever_says_it(
    fault: Exception, expected: NodeFault
) -> None:
    with pytest.raises(NodeRefusedError) as caught:
        asyncio.run(node(Faulty(fault)).send(b"raw"))
    assert caught.value.fault is expected


@pytest.mark.parametrize(
    "fault",
    [
        ContractLogicError("execution reverted: deal ended"),
        eth_tester.exceptions.TransactionFailed("deal ended"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_contracts_reason_is_the_same_on_every_chain(fault: Exception) -> None:
    with pytest.raises(RevertedError) as caught:
        asyncio.run(node(Faulty(fault)).call(SOMEBODY, b""))
    assert caught.value.reason == "deal ended"


@pytest.mark.parametrize(
    "ask", [lambda one: one.block(5), lambda one: one.receipt(b"")]
)
def test_what_is_not_there_is_none(ask: Callable[[Node], Any]) -> None:
    assert asyncio.run(ask(node(Faulty()))) is None


@pytest.mark.parametrize(
    ("randomness", "refused"),
    [(b"", True), (bytes(31) + b"\1", True), (bytes(range(32)), False)],
)
@pytest.mark.parametrize("number", [0, 5])
def test_a_chain_whose_blocks_have_no_randomness_is_refused(
    randomness: bytes, refused: bool, number: int
) -> None:
    class Blocks:
        async def get_block(self, _: object) -> dict[str, Any]:
            hashes = {"hash": bytes(32), "parentHash": bytes(32), "mixHash": randomness}
            return {"number": number, "timestamp": 1, **hashes}

    probe = require_randomness(node(Blocks()))
    # The first block of a chain has none anywhere, and says nothing.
    if refused and number > 0:
        with pytest.raises(RandomnessMissingError, match="nothing was deployed"):
            asyncio.run(probe)
    else:
        asyncio.run(probe)


def test_a_bug_of_ours_is_no_trouble_of_the_node() -> None:
    with pytest.raises(ZeroDivisionError):
        asyncio.run(node(Faulty(ZeroDivisionError())).ether(SOMEBODY))
