"""The stage for ledgers with a chain in this process behind the port."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, Protocol

from web3 import Web3

from holdfast.ledger.core.account_certificates import sign_settlement
from holdfast.ledger.core.account_key import AccountKey
from holdfast.ledger.core.chain import Allocation, Genesis
from holdfast.ledger.core.countersigning import countersign
from holdfast.ledger.core.invariants import broken_invariants
from holdfast.ledger.core.operations import (
    Extend,
    Open,
    Operation,
    Settle,
    SignedOperation,
)
from holdfast.ledger.evm.abi import call_data
from holdfast.ledger.evm.chain import ChainAddresses, contract_text
from holdfast.ledger.evm.deploying import deploy
from holdfast.ledger.evm.follower import Finality
from holdfast.ledger.evm.ledger import EvmLedger
from holdfast.ledger.evm.node import Node
from holdfast.ledger.evm.wishes import Wish
from holdfast.ledger.port import Applied
from holdfast.protocol import bls
from holdfast.protocol.account_certificate import AccountCertificate
from holdfast.protocol.deal import SignedQuote
from holdfast.protocol.network import NetworkParams
from holdfast.protocol.settlement import Certificate
from holdfast.protocol.units import AccountId, VaultId
from ledger_stage import (
    GENESIS_SECONDS,
    HandClock,
    Stage,
    account_key,
    node_keys,
    vault_key,
)

AT_ONCE = Finality(0)
OPERATOR = account_key(1 << 64)
LEAD_SECONDS = 1000
NUMBERS_MAX = 64
POLL_SECONDS = 0.02
CALL_GAS = 1_000_000


class Chain(Protocol):
    """What a stage needs of py-evm and of anvil.

    `identity` is an Ed25519 verifier that the chain has from the beginning.
    """

    web3: Web3
    identity: AccountId | None

    @property
    def rich(self) -> str: ...

    def wait_until(self, seconds: int) -> None: ...

    def remember(self) -> Any: ...

    def return_to(self, snapshot: Any) -> None: ...

    def fund_account(self, account: AccountId) -> None: ...

    def header(self, number: int) -> bytes: ...

    def node(self) -> Node: ...


MakeChain = Callable[[int, int], Chain]
"""A new chain that begins at a time and has an id."""


@dataclass
class EvmStage(Stage):
    """A stage whose time is the chain's; the operator's accounts are eth-tester's."""

    chain: Chain = field(kw_only=True)
    evm: EvmLedger = field(kw_only=True)
    funded: set[AccountId] = field(default_factory=set)

    async def act(self, key: AccountKey, operation: Operation) -> Applied:
        self.fund(key)
        if isinstance(operation, Open | Extend):
            quotes = tuple(self.countersigned(one) for one in operation.quotes)
            operation = replace(operation, quotes=quotes)
        if isinstance(operation, Settle) and self.evm.addresses.accounts_certify:
            certificate = await self.by_accounts(operation.certificate)
            operation = Settle(certificate)
        return await super().act(key, operation)

    async def by_accounts(self, certificate: Certificate) -> Certificate:
        """Return the certificate as the accounts of its signers make it.

        Accounts sign what its signature by BLS is good for. Else, and for who is not
        in the committee, somebody signs in vain with an account of his own.
        """
        statement = certificate.statement
        members = await self.ledger.committee(statement.period + 1)
        numbers = [
            _numbers()[members[rank]] if rank < len(members) else None
            for rank in certificate.ranks()
        ]
        keys = [node_keys(one).bls_public for one in numbers if one is not None]
        good = bls.aggregate_verify_same(
            keys, statement.digest(), certificate.signature
        )
        signers = [vault_key(one) if one and good else OPERATOR for one in numbers]
        signed = [sign_settlement(self.params, statement, key) for key in signers]
        return AccountCertificate(
            statement, certificate.signers, account_signatures=tuple(signed)
        )

    def countersigned(self, signed: SignedQuote) -> SignedQuote:
        """Return the quote as its vault gives it: with its account's signature."""
        number = _numbers().get(signed.value.vault)
        if number is None:
            return signed
        return countersign(self.params, signed, vault_key(number))

    def fund(self, key: AccountKey) -> None:
        """Give an account ether, once."""
        if key.id not in self.funded:
            self.chain.fund_account(key.id)
            self.funded.add(key.id)

    def jump_to(self, epoch: int) -> None:
        self.clock.seconds = self.params.epoch_start(epoch)
        begin_epoch(self.chain, self.params, self.evm.addresses, epoch)

    def check(self) -> None:
        assert broken_invariants(self.evm.state) == ()


def begin_epoch(
    chain: Chain, params: NetworkParams, addresses: ChainAddresses, epoch: int
) -> None:
    """Let an epoch begin, and have its beacon recorded."""
    start = params.epoch_start(epoch)
    chain.wait_until(start)
    number = int(chain.web3.eth.block_number)
    while chain.web3.eth.get_block(number - 1)["timestamp"] >= start:
        number -= 1
    headers = (chain.header(number), chain.header(number - 1))
    send(chain, addresses.network, call_data("Network", "record", *headers))


def send(chain: Chain, to: AccountId, data: bytes) -> None:
    """Have an account of the chain's own call a contract, and wait until it did."""
    what = {"to": contract_text(to), "data": data, "gas": CALL_GAS}
    sent = chain.web3.eth.send_transaction({"from": chain.rich, **what})  # type: ignore[typeddict-item] # web3 takes bytes too
    receipt = chain.web3.eth.wait_for_transaction_receipt(sent, poll_latency=0.01)
    assert receipt["status"] == 1, receipt


@cache
def _numbers() -> dict[VaultId, int]:
    return {node_keys(number).vault_id: number for number in range(1, NUMBERS_MAX)}


@dataclass
class ChainStage:
    """A network just deployed, to which every scenario comes as the first."""

    chain: Chain
    addresses: ChainAddresses
    genesis: Genesis
    snapshot: Any

    @classmethod
    async def build(
        cls, genesis: Genesis, make: MakeChain, *, accounts_certify: bool = False
    ) -> "ChainStage":
        """Deploy a network on a chain of its own."""
        params = genesis.params
        before = min(params.genesis_seconds, GENESIS_SECONDS) - LEAD_SECONDS
        chain = make(before, params.chain_id)
        chain.fund_account(OPERATOR.id)
        node = chain.node()
        deployed = await deploy(
            node,
            OPERATOR,
            params,
            identity=chain.identity,
            accounts_certify=accounts_certify,
            finality=AT_ONCE,
            pause_seconds=0.0,
        )
        await node.close()
        made = cls(chain, deployed.addresses, genesis, None)
        await made.allocate(genesis.allocations)
        made.snapshot = chain.remember()
        return made

    async def allocate(self, allocations: tuple[Allocation, ...]) -> None:
        ledger = await self.connect(HandClock())
        operator = ledger.open_account(OPERATOR)
        for allocation in allocations:
            what = (allocation.account, allocation.amount)
            data = call_data("Token", "transfer", *what)
            await operator.call(Wish(self.addresses.token, data))
        await ledger.close()

    async def connect(self, clock: HandClock) -> EvmLedger:
        return await EvmLedger.connect(
            self.chain.node(),
            self.genesis.params,
            self.addresses,
            finality=AT_ONCE,
            poll_seconds=POLL_SECONDS,
            clock=clock,
        )

    @asynccontextmanager
    async def stage(self) -> AsyncIterator[EvmStage]:
        """Return to the beginning, in epoch 0 or before it."""
        self.chain.return_to(self.snapshot)
        self.snapshot = self.chain.remember()
        clock = HandClock()
        ledger = await self.connect(clock)

        async def send_signed(signed: SignedOperation) -> Applied:
            raise NotImplementedError("a chain has transactions, and no such thing")

        nothing: Any = None
        stage = EvmStage(
            ledger,
            nothing,
            nothing,
            clock,
            ledger.open_account,
            send_signed,
            chain=self.chain,
            evm=ledger,
        )
        try:
            if ledger.params.epoch_at(clock()) >= 0:
                stage.jump_to(0)
            yield stage
        finally:
            await ledger.close()
