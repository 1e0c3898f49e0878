"""`ledger deploy` and `ledger beacons`: a network's contracts, and its beacons."""

import asyncio
import time
from dataclasses import replace
from pathlib import Path

from holdfast.ledger.chain_errors import (
    DeploymentPendingError,
    TransactionPendingError,
)
from holdfast.ledger.core.account_key import AccountKey
from holdfast.ledger.core.address import address_text
from holdfast.ledger.errors import LedgerUnreachableError
from holdfast.ledger.evm.beacons import BeaconKeeper
from holdfast.ledger.evm.deploying import Deployed, Deployment, begin_deployment
from holdfast.ledger.evm.follower import Finality
from holdfast.ledger.evm.ledger import EvmLedger
from holdfast.ledger.evm.node import Node
from holdfast.ledger.evm.sender import FINAL_SECONDS
from holdfast.ledger.main import network_params
from holdfast.ledger.network_file import ChainPlace, NetworkFile
from holdfast.protocol.frozen import frozen
from holdfast.protocol.network import NetworkParams

WEI_PER_ETHER = 10**18
START_SECONDS = 60
NOT_FINAL = ".not-final"
REORGANISED_BLOCKS = 256
"""So much earlier a reorganisation might put the first contract. Reading too much is
only slower."""


@frozen
class NewNetwork:
    """What a network on a chain is to be; epochs have the usual length or this.

    Where `accounts_certify`, certificates are signatures of accounts, not of BLS.
    """

    name: str
    development: bool
    epoch_seconds: int | None
    genesis_seconds: int | None
    finality_blocks: int | None
    accounts_certify: bool = False


def deploy_network(
    url: str, key: AccountKey, wish: NewNetwork, path: Path
) -> tuple[NetworkFile, Deployed]:
    """Deploy a network through the node at `url` and write its network file."""
    return asyncio.run(deploy_on(url, key, wish, path))


def keep_beacons(path: Path, key: AccountKey) -> None:
    """Record the beacons of a network file's network until told to stop."""
    asyncio.run(_keep(NetworkFile.load(path), key))


def deployed_text(file: NetworkFile, deployed: Deployed) -> str:
    """Return what was deployed, for people."""
    ether = deployed.wei / WEI_PER_ETHER
    where = address_text(deployed.addresses.settlement)
    kind = "accounts" if file.accounts_certify else "BLS keys"
    return (
        f"network {file.name} {file.network_id.hex()} is on chain "
        f"{file.params.chain_id}, its settlements at {where}, certified by {kind}; "
        f"{deployed.gas:,} gas, "
        f"{ether:.6f} ether"
    )


async def deploy_on(
    url: str,
    key: AccountKey,
    wish: NewNetwork,
    path: Path,
    final_seconds: int = FINAL_SECONDS,
) -> tuple[NetworkFile, Deployed]:
    """Do so from inside a running loop, waiting so long for each to become final.

    Raises DeploymentPendingError then, and those of `begin_deployment`.
    """
    node = Node.at(url)
    try:
        chain_id = await node.chain_id()
        genesis = wish.genesis_seconds or int(time.time()) + START_SECONDS
        params = network_params(
            wish.name,
            genesis,
            wish.epoch_seconds,
            development=wish.development,
            chain_id=chain_id,
        )
        begun = await begin_deployment(
            node,
            key,
            params,
            finality=Finality(wish.finality_blocks),
            accounts_certify=wish.accounts_certify,
            final_seconds=final_seconds,
        )
        return await _final_file(begun, params, url, wish.finality_blocks, path)
    finally:
        await node.close()


async def _final_file(
    begun: Deployment,
    params: NetworkParams,
    url: str,
    finality_blocks: int | None,
    path: Path,
) -> tuple[NetworkFile, Deployed]:
    """Write the network file when the contracts are final, beside it what is so far."""

    def file_of(first_block: int) -> NetworkFile:
        addresses = replace(begun.deployed.addresses, first_block=first_block)
        place = ChainPlace(addresses, finality_blocks)
        return NetworkFile(params, url, b"", chain=place)

    so_far = path.with_name(f"{path.name}{NOT_FINAL}")
    early = max(begun.deployed.addresses.first_block - REORGANISED_BLOCKS, 0)
    file_of(early).save(so_far)
    try:
        deployed = await begun.make_final()
    except (TransactionPendingError, LedgerUnreachableError) as error:
        raise DeploymentPendingError(str(so_far), str(error)) from error
    file = file_of(deployed.addresses.first_block)
    file.save(path)
    so_far.unlink(missing_ok=True)
    return file, deployed


async def _keep(file: NetworkFile, key: AccountKey) -> None:
    ledger = await EvmLedger.join(file)
    try:
        keeper = BeaconKeeper(
            ledger.node, ledger.params, ledger.addresses, ledger.open_account(key)
        )
        await keeper.run()
    finally:
        await ledger.close()
