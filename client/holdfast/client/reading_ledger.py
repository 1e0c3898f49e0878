"""Questions to the ledger that need no keys, only a network file."""

import asyncio

from holdfast.client.contract_books import ContractBooks
from holdfast.ledger.core.account_key import AccountKey
from holdfast.ledger.core.operations import Transfer
from holdfast.ledger.joining import join, prepare_to_join
from holdfast.ledger.network_file import NetworkFile
from holdfast.protocol.frozen import frozen
from holdfast.protocol.units import AccountId, Grains


@frozen
class Funds:
    """An account's free grains, and those that its deals have in escrow.

    What of the escrow is spent already, only settlements prove. `ended` of it is that
    of deals that are closed or over: what they did not spend comes back.
    """

    balance: Grains
    locked: Grains
    ended: Grains


def ether_of(network: NetworkFile, account: AccountId) -> int | None:
    """Return an account's ether in wei, None where no chain wants gas.

    Raises LedgerUnreachableError, ChainExtraMissingError.
    """
    if network.chain is None:
        return None
    prepare_to_join(network)

    async def ask() -> int:
        async with ContractBooks(network) as books:
            return await books.ether(account)

    return asyncio.run(ask())


async def pay_in(
    network: NetworkFile, payer: AccountKey, to: AccountId, grains: Grains, wei: int
) -> None:
    """Send tokens, and on a chain ether, from an account that a keystore holds.

    Raises LedgerError, among them BalanceTooLowError and EtherMissingError.
    """
    ledger = await join(network)
    try:
        if wei:
            from holdfast.ledger.evm.funding import give  # noqa: PLC0415
            from holdfast.ledger.evm.node import Node  # noqa: PLC0415

            node = Node.at(network.endpoint)
            try:
                await give(node, payer, [to], wei)
            finally:
                await node.close()
        if grains:
            await ledger.open_account(payer).submit(Transfer(to, grains))
    finally:
        await ledger.close()


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
