"""Puts the vault on the ledger: tokens, stake, registration. All of it may repeat."""

import asyncio
import contextlib
import logging

from holdfast.ledger.core.account_key import AccountKey
from holdfast.ledger.core.address import address_text
from holdfast.ledger.core.errors import hold
from holdfast.ledger.core.operations import Faucet
from holdfast.ledger.core.registry import registration
from holdfast.ledger.core.values import Listing
from holdfast.ledger.errors import FaucetUsedError, LedgerError
from holdfast.ledger.port import LedgerAccount
from holdfast.protocol.keys import NodeKeys
from holdfast.protocol.pricing import stake_needed
from holdfast.protocol.units import AccountId, Grains
from holdfast.vault.ledger_mirror import LedgerMirror

_log = logging.getLogger(__name__)


class Enrolment:
    """Registers the vault with the stake that its quota needs, and tops it up."""

    def __init__(
        self,
        keys: NodeKeys,
        mirror: LedgerMirror,
        quota_bytes: int,
        payout: AccountId | None,
    ) -> None:
        self._keys = keys
        self._mirror = mirror
        self._key = AccountKey.from_secret(keys.account_secret)
        self._payout = payout or self._key.id
        needed = stake_needed(quota_bytes, mirror.params.rebuild_price)
        self._stake = max(needed, mirror.params.least_stake, 1)
        self._account: LedgerAccount | None = None
        self._applied = -1
        self._said = ""

    @property
    def account_id(self) -> AccountId:
        """The vault's own account."""
        return self._key.id

    async def account(self) -> LedgerAccount:
        """Return the account, ready to write; raises LedgerError."""
        if self._account is None:
            ledger = await self._mirror.ledger()
            self._account = ledger.open_account(self._key)
        return self._account

    async def run(self, retry_seconds: float) -> None:
        """Return when the vault is listed with its whole stake; never gives up."""
        while True:
            if await self._try():
                return
            await asyncio.sleep(retry_seconds)

    async def _try(self) -> bool:
        # What was staked a moment ago must be seen before more is.
        if not self._mirror.reachable or self._mirror.state.sequence < self._applied:
            return False
        row = self._mirror.state.row(self._keys.vault_id)
        if row is not None and row.listing is not Listing.ACTIVE:
            return True
        missing = self._stake - (row.stake if row else 0)
        if missing <= 0:
            return True
        try:
            await self._register(missing)
        except LedgerError as error:
            self._say(f"cannot register yet: {error}")
        return False

    async def _register(self, missing: Grains) -> None:
        account = await self.account()
        balance = await self._balance()
        if balance < missing and self._mirror.params.development:
            with contextlib.suppress(FaucetUsedError):
                await account.submit(Faucet())
            balance = await self._balance()
        if balance < missing:
            self._say(
                f"send {hold(missing - balance)} to {address_text(self.account_id)}: "
                f"the stake for this quota is {hold(self._stake)}"
            )
            return
        network = self._mirror.network_id
        # The possession proof takes a while where only py_ecc is there.
        operation = await asyncio.to_thread(
            registration, self._keys, network, account.id, self._payout, missing
        )
        self._applied = (await account.submit(operation)).sequence
        _log.info("registered", extra={"fields": {"stake": hold(missing)}})

    async def _balance(self) -> Grains:
        ledger = await self._mirror.ledger()
        return (await ledger.account(self.account_id)).balance

    def _say(self, text: str) -> None:
        if text != self._said:
            _log.warning(text)
            self._said = text
