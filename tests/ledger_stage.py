"""A stage for ledgers: any adapter, a clock set by hand, people, vaults, committees."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from holdfast.ledger.book import Book, memory_book
from holdfast.ledger.core.account_key import AccountKey
from holdfast.ledger.core.chain import Allocation, Genesis
from holdfast.ledger.core.invariants import broken_invariants
from holdfast.ledger.core.operations import (
    Faucet,
    Open,
    Operation,
    Register,
    Settle,
    SignedOperation,
)
from holdfast.ledger.core.registry import registration
from holdfast.ledger.directory import LedgerDirectory
from holdfast.ledger.embedded import EmbeddedLedger
from holdfast.ledger.identity import tls_identity
from holdfast.ledger.port import Applied, Ledger, LedgerAccount
from holdfast.ledger.remote import RemoteLedger
from holdfast.ledger.server import running
from holdfast.ledger.sqlite import create_book
from holdfast.protocol import bls
from holdfast.protocol.deal import QUOTE, Deal, Quote, SignedQuote, deal_id
from holdfast.protocol.keys import NodeKeys
from holdfast.protocol.network import NetworkParams, development_params
from holdfast.protocol.settlement import (
    Certificate,
    Ejection,
    Statement,
    Totals,
    signers_bitmap,
)
from holdfast.protocol.units import (
    GIB,
    GRAINS_PER_HOLD,
    AccountId,
    DealId,
    Digest,
    Grains,
    VaultId,
)

GENESIS_SECONDS = 1_800_000_000
DEVELOPMENT = development_params("stage", GENESIS_SECONDS)
# On a chain every transaction takes a second of its time or more.
HOURLY = replace(DEVELOPMENT, name="hourly", epoch_seconds=3600)
STRICT = replace(HOURLY, name="strict", faucet_grains=0)
STAKE = 100 * GRAINS_PER_HOLD


@dataclass
class HandClock:
    """A clock that only moves when told."""

    seconds: float = GENESIS_SECONDS

    def __call__(self) -> float:
        return self.seconds


def account_key(number: int) -> AccountKey:
    return AccountKey.from_secret(number.to_bytes(32, "big"))


@cache
def node_keys(number: int) -> NodeKeys:
    return NodeKeys(number.to_bytes(32, "big"))


def vault_key(number: int) -> AccountKey:
    return AccountKey.from_secret(node_keys(number).account_secret)


@cache
def cached_registration(
    number: int, params: NetworkParams, payout: AccountId, stake: Grains
) -> Register:
    account = vault_key(number).id
    return registration(node_keys(number), params.network_id, account, payout, stake)


@dataclass
class Stage:
    """One ledger behind its port, and hands to move everything around it."""

    ledger: Ledger
    book: Book
    embedded: EmbeddedLedger
    clock: HandClock
    open_account: Callable[[AccountKey], LedgerAccount]
    send: Callable[[SignedOperation], Awaitable[Applied]]
    accounts: dict[AccountId, LedgerAccount] = field(default_factory=dict)

    @property
    def params(self) -> NetworkParams:
        return self.ledger.params

    async def act(self, key: AccountKey, operation: Operation) -> Applied:
        account = self.accounts.setdefault(key.id, self.open_account(key))
        return await account.submit(operation)

    async def advance(self, epochs: int = 1) -> int:
        """Begin that many epochs, each at its time; return the current one."""
        for _ in range(epochs):
            epoch = (await self.ledger.tip()).epoch + 1
            self.jump_to(epoch)
        return (await self.ledger.tip()).epoch

    async def advance_to(self, epoch: int) -> None:
        await self.advance(epoch - (await self.ledger.tip()).epoch)

    def jump_to(self, epoch: int) -> None:
        """Begin an epoch; those skipped stay void."""
        self.clock.seconds = self.params.epoch_start(epoch)
        assert self.embedded.begin_epoch()

    async def balance(self, account: AccountId) -> Grains:
        return (await self.ledger.account(account)).balance

    async def fed(self, number: int) -> AccountKey:
        """Return an account that the faucet has given to."""
        key = account_key(number)
        await self.act(key, Faucet())
        return key

    async def vaults(
        self, numbers: Sequence[int], stake: Grains = STAKE
    ) -> list[NodeKeys]:
        """Register vaults; on a development network the faucet pays their stakes."""
        for number in numbers:
            key = vault_key(number)
            if self.params.development:
                await self.act(key, Faucet())
            await self.act(key, cached_registration(number, self.params, key.id, stake))
        return [node_keys(number) for number in numbers]

    async def opening(self, owner: AccountKey, **terms: Any) -> Open:
        epoch = (await self.ledger.tip()).epoch
        return opening(self.params, owner.id, epoch, **terms)

    async def deal(self, deal: DealId) -> Deal:
        (found,) = await self.ledger.deals((deal,))
        return found

    async def settle(
        self,
        by: AccountKey,
        totals: Totals,
        numbers: Sequence[int],
        ejections: tuple[Ejection, ...] = (),
    ) -> Certificate:
        """Advance to the next period and settle the one before."""
        tip = await self.ledger.tip()
        period = self.params.period_of(tip.epoch)
        await self.advance_to(self.params.first_epoch(period + 1))
        made = statement(self.params, period, totals, ejections)
        certificate = await self.certify(made, numbers)
        await self.act(by, Settle(certificate))
        return certificate

    async def certify(
        self, made: Statement, numbers: Sequence[int], signers: int | None = None
    ) -> Certificate:
        """Return a certificate by the first `signers` of the committee, or all."""
        committee = await self.ledger.committee(made.period + 1)
        keys = {node_keys(number).vault_id: node_keys(number) for number in numbers}
        ranks = range(len(committee) if signers is None else signers)
        digest = made.digest()
        signatures = [
            bls.sign(keys[committee[rank]].bls_secret, digest) for rank in ranks
        ]
        bitmap = signers_bitmap(ranks, len(committee))
        return Certificate(made, bitmap, bls.aggregate(signatures))

    def check(self) -> None:
        assert broken_invariants(self.book.state) == ()


def statement(
    params: NetworkParams,
    period: int,
    totals: Totals,
    ejections: tuple[Ejection, ...] = (),
) -> Statement:
    tree = totals.tree()
    return Statement(
        network=params.network_id,
        period=period,
        root=Digest(tree.root),
        count=len(tree),
        earned_total=sum(totals.earned.values()),
        spent_total=sum(totals.spent.values()),
        ejections=ejections,
    )


def quote(
    params: NetworkParams, number: int, deal: DealId, epoch: int, **terms: Any
) -> SignedQuote:
    keys = node_keys(number)
    values = {"price": 1000, "capacity": GIB, "end_epoch": epoch + 8} | terms
    made = Quote(
        deal=deal,
        vault=values.pop("vault", keys.vault_id),
        valid_epoch=values.pop("valid_epoch", epoch + 2),
        **values,
    )
    return QUOTE.sign(made, params.network_id, keys.identity)


def opening(
    params: NetworkParams,
    owner: AccountId,
    epoch: int,
    *,
    numbers: Sequence[int],
    nonce: int = 1,
    k: int = 1,
    **terms: Any,
) -> Open:
    """Return the operation that opens a deal with these vaults."""
    nonce_bytes = nonce.to_bytes(32, "big")
    deal = deal_id(owner, nonce_bytes)
    capacity = terms.get("capacity", GIB)
    end_epoch = terms.get("end_epoch", epoch + 8)
    quotes = tuple(quote(params, number, deal, epoch, **terms) for number in numbers)
    return Open(nonce_bytes, bytes(31) + b"\7", k, capacity, end_epoch, quotes)


def opened(owner: AccountKey, operation: Open) -> DealId:
    return deal_id(owner.id, operation.nonce)


def allocation(key: AccountKey, hold: int) -> Allocation:
    return Allocation(key.id, hold * GRAINS_PER_HOLD)


@asynccontextmanager
async def memory_stage(genesis: Genesis, _path: Path) -> AsyncIterator[Stage]:
    async with _embedded(memory_book(genesis, GENESIS_SECONDS)) as stage:
        yield stage


@asynccontextmanager
async def sqlite_stage(genesis: Genesis, path: Path) -> AsyncIterator[Stage]:
    book = create_book(path / "ledger.db", genesis, GENESIS_SECONDS)
    async with _embedded(book) as stage:
        yield stage


@asynccontextmanager
async def grpc_stage(genesis: Genesis, path: Path) -> AsyncIterator[Stage]:
    directory = LedgerDirectory(path / "grpc")
    directory.create(genesis, GENESIS_SECONDS)
    async with (
        _embedded(directory.open()) as inner,
        running(inner.embedded, directory, None) as endpoint,
    ):
        certificate = tls_identity(directory).certificate_pem
        remote = await RemoteLedger.connect(endpoint, certificate)

        try:
            yield replace(
                inner,
                ledger=remote,
                open_account=remote.open_account,
                send=remote.submit_signed,
            )
        finally:
            await remote.close()


Adapter = Callable[[Genesis, Path], AbstractAsyncContextManager[Stage]]
ADAPTERS: dict[str, Adapter] = {
    "memory": memory_stage,
    "sqlite": sqlite_stage,
    "grpc": grpc_stage,
}


@asynccontextmanager
async def _embedded(book: Book) -> AsyncIterator[Stage]:
    clock = HandClock()
    embedded = EmbeddedLedger(book, clock)
    embedded.begin_epoch()

    async def send(signed: SignedOperation) -> Applied:
        return embedded.submit_signed(signed)

    try:
        yield Stage(embedded, book, embedded, clock, embedded.open_account, send)
    finally:
        await embedded.close()


Scenario = Callable[[Stage], Awaitable[None]]
PLAYS: dict[str, tuple[Scenario, Genesis]] = {}
"""Every scenario and its network, for whoever has another adapter to try."""


def conforms(scenario: Scenario) -> Callable[[str, Path], None]:
    """Make a test of a scenario that must go alike on every adapter."""
    return conforms_on(HOURLY)(scenario)


def conforms_on(
    params: NetworkParams, *allocations: Allocation
) -> Callable[[Scenario], Callable[[str, Path], None]]:
    """Do so for another network than the usual development network."""

    def make(scenario: Scenario) -> Callable[[str, Path], None]:
        @pytest.mark.parametrize("adapter", ADAPTERS)
        def test(adapter: str, tmp_path: Path) -> None:
            asyncio.run(
                _play(scenario, adapter, Genesis(params, allocations), tmp_path)
            )

        test.__name__ = getattr(scenario, "__name__", "test_scenario")
        test.__module__ = scenario.__module__
        PLAYS[f"{test.__module__}.{test.__name__}"] = (
            scenario,
            Genesis(params, allocations),
        )
        return test

    return make


async def _play(scenario: Scenario, adapter: str, genesis: Genesis, path: Path) -> None:
    async with ADAPTERS[adapter](genesis, path) as stage:
        await scenario(stage)
        stage.check()


@contextlib.contextmanager
def refused(error: type[Exception], **data: Any) -> Any:
    """Expect a refusal with this data, and a sentence in its text."""
    with pytest.raises(error) as caught:
        yield
    assert {name: getattr(caught.value, name) for name in data} == data
    assert " " in str(caught.value)


def vault_ids(numbers: Sequence[int]) -> tuple[VaultId, ...]:
    return tuple(node_keys(number).vault_id for number in numbers)
