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

    Of `wanted` the name, the epochs and the finality count. Without a payer one of the
    node's own accounts pays. Raises PrecompilesMissingError, PayerMissingError,
    EtherMissingError, LedgerUnreachableError, LedgerFileError.
    """
    purse, deployer = secrets.token_bytes(32), secrets.token_bytes(32)
    purse_key, deployer_key = map(AccountKey.from_secret, (purse, deployer))
    node = Node.at(rpc)
    try:
        await require_precompiles(node)
        settings = replace(wanted, rpc=rpc, secret=deployer.hex(), purse=purse.hex())
        # Written down first: what a purse got must not be lost with its key.
        save_settings(directory, settings)
        if payer is None:
            await give_unlocked(node, purse_key.id, wei)
        else:
            await give(node, payer, [purse_key.id], wei)
        await give(node, purse_key, [deployer_key.id], wei // 2)
    finally:
        await node.close()


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
        payer = AccountKey.from_secret(bytes.fromhex(settings.purse))
        await give(node, payer, takers, wei)
    finally:
        await node.close()
