"""The way out: tells the ledger that the vault unbonds.

The running vault notices: it takes no new deals, serves and proves until other
vaults have taken over the deals it holds, and then takes its whole stake back.
"""

import contextlib
from pathlib import Path
from typing import Any

from holdfast.ledger.core.account_key import AccountKey
from holdfast.ledger.core.errors import hold
from holdfast.ledger.core.operations import Unbond
from holdfast.ledger.core.values import Listing, RegisteredVault
from holdfast.ledger.errors import VaultLeftError
from holdfast.ledger.joining import join
from holdfast.ledger.port import Ledger
from holdfast.ledger.reading import whole_registry
from holdfast.protocol.frozen import frozen
from holdfast.protocol.units import VaultId
from holdfast.vault.config import ConfigError, VaultDirectory


@frozen
class Left:
    """Where the vault stands after it was told to leave."""

    row: RegisteredVault

    def as_json(self) -> dict[str, Any]:
        """Return it for machines."""
        return {
            "vault": self.row.vault.hex(),
            "standing": self.row.listing.name.lower(),
            "left_epoch": self.row.left_epoch,
            "stake_grains": self.row.stake,
        }

    def as_text(self) -> str:
        """Return it for people."""
        if self.row.listing is not Listing.UNBONDING:
            return f"this vault has left: it is {self.row.listing.name.lower()}"
        return (
            f"unbonding since epoch {self.row.left_epoch}: keep it running until other "
            "vaults have taken over its deals; then it takes its stake of "
            f"{hold(self.row.stake)} back"
        )


async def unbond(path: Path) -> Left:
    """Take the vault out of the registry; repeating it changes nothing.

    Raises ConfigError when it is not registered, LedgerError.
    """
    directory = VaultDirectory(path)
    keys = directory.keys_with_account()
    ledger = await join(directory.network())
    try:
        row = await _row(ledger, keys.vault_id)
        if row.listing is Listing.ACTIVE:
            key = AccountKey.from_secret(keys.account_secret)
            # Another `exit` may have been faster.
            with contextlib.suppress(VaultLeftError):
                await ledger.open_account(key).submit(Unbond(keys.vault_id))
            row = await _row(ledger, keys.vault_id)
        return Left(row)
    finally:
        await ledger.close()


async def _row(ledger: Ledger, vault: VaultId) -> RegisteredVault:
    rows = await whole_registry(ledger)
    found = next((row for row in rows if row.vault == vault), None)
    if found is None:
        raise ConfigError("this vault is not registered, so there is nothing to leave")
    return found
