"""A development network's chain behind a node that is there already.

Whoever makes the network names who pays: a keystore's account, or else one that the
node keeps unlocked. The ether goes to a purse of the network's own, which is spent on
the contracts, the beacons, and the gas of the vaults.
"""

import secrets
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from holdfast.ledger.chain_errors import PayerMissingError
from holdfast.ledger.core.account_key import AccountKey
from holdfast.ledger.errors import LedgerFileError
from holdfast.ledger.evm.funding import give, give_unlocked
from holdfast.ledger.evm.local_chain import ChainSettings, load_settings, save_settings
from holdfast.ledger.evm.node import Node
from holdfast.ledger.evm.probe import require_precompiles
from holdfast.protocol.units import AccountId

WEI_PER_ETHER: Final = 10**18


async def prepare_on(
    directory: Path, rpc: str, wanted: ChainSettings, payer: AccountKey | None, wei: int
) -> None:
    """Make the directory of a network whose purse has `wei`; half is for contracts.

    Of `wanted` the name, the epochs, the finality and who certifies count. Without a
    payer one of the node's own accounts pays. What was paid before an earlier try
    failed is not paid again. Raises PrecompilesMissingError, PayerMissingError,
    EtherMissingError, LedgerUnreachableError, LedgerFileError.
    """
    settings = _begun(directory, rpc) or replace(
        wanted, rpc=rpc, secret=secrets.token_hex(32), purse=secrets.token_hex(32)
    )
    settings = replace(settings, accounts_certify=wanted.accounts_certify)
    purse, deployer = map(_key, (settings.purse, settings.secret))
    node = Node.at(rpc)
    try:
        if not settings.accounts_certify:
            await require_precompiles(node)
        # Written down first: what a purse got must not be lost with its key.
        save_settings(directory, settings)
        kept = await node.ether(deployer.id)
        if await node.ether(purse.id) + kept < wei // 2:
            if payer is None:
                await give_unlocked(node, purse.id, wei)
            else:
                await give(node, payer, [purse.id], wei)
        if kept < wei // 4:
            await give(node, purse, [deployer.id], wei // 2)
    finally:
        await node.close()


def _begun(directory: Path, rpc: str) -> ChainSettings | None:
    """Return what was begun here on this chain: its purse may have ether already."""
    try:
        found = load_settings(directory)
    except LedgerFileError:
        return None
    return found if found.rpc == rpc else None


def _key(secret: str) -> AccountKey:
    return AccountKey.from_secret(bytes.fromhex(secret))


async def give_from_purse(
    directory: Path, takers: Sequence[AccountId], wei: int
) -> None:
    """Send ether to each of the accounts from the purse of the network here.

    Raises PayerMissingError when the network has a chain of its own, where gas costs
    nothing, or none; EtherMissingError, LedgerUnreachableError.
    """
    settings = load_settings(directory)
    if not settings.purse:
        raise PayerMissingError(settings.url)
    node = Node.at(settings.url)
    try:
        await give(node, _key(settings.purse), takers, wei)
    finally:
        await node.close()
