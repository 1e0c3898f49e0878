"""Questions to the ledger that need no keys, only a network file."""

import asyncio
from dataclasses import dataclass

from holdfast.ledger.joining import join
from holdfast.ledger.network_file import NetworkFile
from holdfast.protocol.units import AccountId, Grains


@dataclass(frozen=True, slots=True)
class Funds:
    """An account's free grains, and those that its deals have in escrow.

    What of the escrow is spent already, only settlements prove. `ended` of it is that
    of deals that are closed or over: what they did not spend comes back.
    """

    balance: Grains
    locked: Grains
    ended: Grains


def funds_of(network: NetworkFile, account: AccountId) -> Funds:
    """Return what an account has, or raise LedgerUnreachableError."""

    async def ask() -> Funds:
        ledger = await join(network)
        try:
            balance = (await ledger.account(account)).balance
            epoch = (await ledger.tip()).epoch
            deals = [d for d in await ledger.deals_of(account) if not d.refunded]
            ended = [
                deal
                for deal in deals
                if deal.closed_epoch is not None
                or epoch >= deal.last_epoch(network.params)
            ]
            locked, back = (sum(d.escrow for d in part) for part in (deals, ended))
            return Funds(balance, locked, back)
        finally:
            await ledger.close()

    return asyncio.run(ask())
