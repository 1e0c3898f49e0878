"""For which vaults a local network that is started waits."""

import asyncio
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest

from holdfast.client.local_waiting import in_their_place
from holdfast.ledger.core.values import Listing

VAULT = b"\1" * 32


@dataclass
class OneVault:
    """A ledger in epoch 9 that lists one vault."""

    listing: Listing
    joined_epoch: int

    async def tip(self) -> Any:
        return SimpleNamespace(epoch=9)

    async def registry(self, after: int) -> Any:
        row = SimpleNamespace(
            vault=VAULT, listing=self.listing, joined_epoch=self.joined_epoch
        )
        return SimpleNamespace(upto=1, vaults=(row,) if after < 1 else ())


@pytest.mark.parametrize(
    ("listing", "joined_epoch", "waited_for"),
    [
        (Listing.ACTIVE, 8, True),
        (Listing.ACTIVE, 7, False),
        (Listing.UNBONDING, 7, False),
        (Listing.WITHDRAWN, 7, False),
        (Listing.EJECTED, 7, False),
    ],
)
def test_only_a_vault_that_is_yet_to_be_listed_is_waited_for(
    listing: Listing, joined_epoch: int, *, waited_for: bool
) -> None:
    ledger: Any = OneVault(listing, joined_epoch)
    placed = asyncio.run(in_their_place(ledger))
    assert (VAULT not in placed) is waited_for
