"""The SDK on a small market, and files to back up."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from holdfast.client.async_client import AsyncClient
from holdfast.client.core.owner_keys import OwnerKeys
from holdfast.ledger.core.account_key import AccountKey
from small_market import OWNER, Market


@asynccontextmanager
async def client(
    place: Market,
    home: Path,
    keys: OwnerKeys = OWNER,
    kind: type[AsyncClient] = AsyncClient,
) -> AsyncIterator[AsyncClient]:
    account = place.ledger.open_account(AccountKey.from_secret(keys.account_secret))
    ledger: Any = KeptOpen(place.ledger)
    made = await kind.over(ledger, account, place.seeds, keys, home)
    async with made:
        yield made


class KeptOpen:
    """The market's ledger, which outlives its clients."""

    def __init__(self, ledger: object) -> None:
        self._ledger = ledger

    def __getattr__(self, name: str) -> object:
        return getattr(self._ledger, name)

    async def close(self) -> None:
        pass


def files(top: Path, count: int = 30, size: int = 60_000) -> Path:
    for number in range(count):
        path = top / f"folder {number % 3}" / f"file {number}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(os.urandom(size + number))
    (top / "empty").touch()
    (top / "link").symlink_to("folder 0")
    return top
