"""Who may do what with a deal here: the ledger's word, and signed grants."""

import asyncio
from collections.abc import Collection
from typing import Final

from holdfast.protocol.deal import GRANT, Deal, Purpose
from holdfast.protocol.errors import HoldfastError
from holdfast.protocol.units import DealId
from holdfast.vault.core.refusals import Refusal, RefusedError
from holdfast.vault.holdings_driver import Holder
from holdfast.vault.ports import LedgerView

LOOKUPS_MAX: Final = 16
LOOKUP_SECONDS: Final = 10
MIRROR_STEPS: Final = 8
MIRROR_STEP_SECONDS: Final = 0.25


class Authority:
    """Looks deals up and checks grants; refuses with RefusedError."""

    def __init__(self, holder: Holder, ledger: LedgerView) -> None:
        self._holder = holder
        self._ledger = ledger
        self._lookups = asyncio.Semaphore(LOOKUPS_MAX)

    def epoch(self) -> int:
        """Return the current epoch."""
        return self._ledger.epoch()

    async def deal(self, deal: DealId) -> Deal:
        """Return a deal that the ledger gives this vault."""
        found = self._ledger.deal(deal) or await self._look_up(deal)
        if found is None:
            raise RefusedError(Refusal.UNKNOWN, "the ledger knows no such deal")
        if found.index_of(self._holder.vault) is None:
            text = "this vault is no holder of that deal"
            raise RefusedError(Refusal.UNKNOWN, text)
        return found

    async def writable(self, deal: DealId) -> Deal:
        """Return a deal of this vault that still takes shards and heads."""
        found = await self.deal(deal)
        if self.epoch() >= found.last_epoch(self._holder.params):
            raise RefusedError(Refusal.UNTIMELY, "the deal has ended; open another")
        return found

    async def granted(self, evidence: bytes, purposes: Collection[Purpose]) -> Deal:
        """Return the deal that a signed grant opens here, now, for such a purpose."""
        if not evidence:
            raise RefusedError(Refusal.UNSIGNED, "show a grant of the deal's owner")
        signed = GRANT.decode(evidence)
        grant = signed.value
        deal = await self.deal(grant.deal)
        GRANT.verify(signed, self._holder.params.network_id, deal.deal_key)
        if grant.vault != self._holder.vault:
            raise RefusedError(Refusal.DENIED, "the grant is for another vault")
        if grant.purpose not in {purpose.value for purpose in purposes}:
            raise RefusedError(Refusal.DENIED, "the grant is for something else")
        if grant.expires_epoch < self.epoch():
            raise RefusedError(Refusal.DENIED, "the grant has expired; sign another")
        return deal

    async def with_capacity(self, deal: Deal, held_bytes: int) -> Deal:
        """Return the deal, given a moment for an extension to be mirrored."""
        for _ in range(MIRROR_STEPS):
            if held_bytes <= deal.capacity:
                break
            await asyncio.sleep(MIRROR_STEP_SECONDS)
            deal = self._ledger.deal(deal.id) or deal
        return deal

    async def _look_up(self, deal: DealId) -> Deal | None:
        try:
            async with asyncio.timeout(LOOKUP_SECONDS), self._lookups:
                return await self._ledger.find_deal(deal)
        except (HoldfastError, TimeoutError) as error:
            text = "this vault cannot reach the ledger just now"
            raise RefusedError(Refusal.UNREADY, text) from error
