"""Questions to the ledger that need no keys, only a network file."""

import asyncio

from holdfast.ledger.network_file import NetworkFile
from holdfast.ledger.remote import RemoteLedger
from holdfast.protocol.units import AccountId, Grains


def balance_of(network: NetworkFile, account: AccountId) -> Grains:
    """Return what an account has, or raise LedgerUnreachableError."""

    async def ask() -> Grains:
        ledger = await RemoteLedger.join(network)
        try:
            return (await ledger.account(account)).balance
        finally:
            await ledger.close()

    return asyncio.run(ask())
