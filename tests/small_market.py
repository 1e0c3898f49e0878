"""A market in one process: a ledger in memory, vaults that stand in, one owner."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from holdfast.client.core.owner_keys import OwnerKeys
from holdfast.client.core.upload_terms import (
    UploadLimits,
)
from holdfast.client.deal_book import DealBook
from holdfast.client.journal import Journal
from holdfast.client.network_directory import NetworkDirectory, Seed
from holdfast.client.upload_options import (
    UploadOptions,
)
from holdfast.ledger.book import memory_book
from holdfast.ledger.core.account_key import AccountKey
from holdfast.ledger.core.chain import Genesis
from holdfast.ledger.core.operations import Faucet
from holdfast.ledger.core.registry import registration
from holdfast.ledger.embedded import EmbeddedLedger
from holdfast.protocol.network import development_params
from holdfast.protocol.units import GRAINS_PER_HOLD, MIB, DealId
from vault_stand_in import VaultStandIn

EPOCH_SECONDS = 3600  # long: nothing in these tests waits for an epoch
OWNER = OwnerKeys(b"\7" * 32)
IMPATIENT = UploadLimits(
    head_bytes=MIB,
    window_bytes=MIB,
    patience_seconds=4.0,
    away_seconds=2.0,
    retry_seconds=0.05,
)
PATIENT = replace(IMPATIENT, patience_seconds=120.0, away_seconds=120.0)


@dataclass
class Market:
    ledger: EmbeddedLedger
    vaults: list[VaultStandIn]
    home: Path

    @property
    def seeds(self) -> tuple[Seed, ...]:
        return tuple(Seed(vault.endpoint, vault.certificate) for vault in self.vaults)

    @asynccontextmanager
    async def client(
        self, keys: OwnerKeys = OWNER, name: str = "one"
    ) -> AsyncIterator[DealBook]:
        """An owner's client with a cache of its own."""
        journal = Journal(self.home / f"{name}.db")
        directory = NetworkDirectory(self.ledger, self.seeds, journal)
        try:
            await directory.start()
            account = self.ledger.open_account(
                AccountKey.from_secret(keys.account_secret)
            )
            yield DealBook(directory, account, keys, journal)
        finally:
            await directory.close()
            journal.close()

    def options(self, **changes: object) -> UploadOptions:
        fields = {"k": 2, "n": 4, "epochs": 720, "limits": IMPATIENT} | changes
        return UploadOptions(**fields)  # type: ignore[arg-type] # fields by name

    def holders(self, deal: DealId) -> list[VaultStandIn]:
        """The vaults that hold anything of a deal."""
        return [vault for vault in self.vaults if deal in vault.held]


@asynccontextmanager
async def market(home: Path, count: int = 6) -> AsyncIterator[Market]:
    genesis = int(time.time()) - 4 * EPOCH_SECONDS
    params = development_params("small market", genesis, EPOCH_SECONDS)
    book = memory_book(Genesis(params), genesis)
    ledger = EmbeddedLedger(book)
    ledger.begin_epoch()
    records: dict[object, object] = {}
    vaults = [VaultStandIn(number, ledger, records) for number in range(1, count + 1)]
    for vault in vaults:
        account = ledger.open_account(AccountKey.from_secret(vault.keys.account_secret))
        await account.submit(Faucet())
        stake = 1000 * GRAINS_PER_HOLD
        await account.submit(
            registration(vault.keys, params.network_id, account.id, account.id, stake)
        )
        await vault.start()
    owner = ledger.open_account(AccountKey.from_secret(OWNER.account_secret))
    await owner.submit(Faucet())
    try:
        yield Market(ledger, vaults, home)
    finally:
        for vault in vaults:
            await vault.stop()
        await ledger.close()
