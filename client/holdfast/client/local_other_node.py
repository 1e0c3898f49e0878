"""A local network whose chain is behind somebody else's node: who pays for its gas.

web3 is imported only when there is such a node.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from holdfast.client.local_layout import LocalNetworkError, LocalPlan
from holdfast.ledger.chain_errors import ChainExtraMissingError
from holdfast.ledger.core.account_key import AccountKey
from holdfast.ledger.core.address import address_from
from holdfast.protocol.frozen import frozen

WEI_PER_ETHER: Final = 10**18
WEI_DEFAULT: Final = 10 * WEI_PER_ETHER
VAULTS_SHARE: Final = 4
"""Vaults get one part in this many of it all; contracts and beacons get half."""
_VAULTS_USUAL: Final = 12
_NAME: Final = "local"


@frozen
class OtherNode:
    """A node that is there already, and what its network may spend there, in wei.

    Without a payer, one of the accounts pays that the node keeps unlocked.
    """

    url: str
    payer: AccountKey | None = None
    wei: int = WEI_DEFAULT

    def wei_for_each(self, vaults: int | None) -> int:
        """Return what each of so many vaults gets for its gas."""
        return self.wei // VAULTS_SHARE // (vaults or _VAULTS_USUAL)


async def prepare(directory: Path, plan: LocalPlan, node: OtherNode) -> None:
    """Make the ledger's directory for a chain that is there; it costs ether.

    Raises PrecompilesMissingError, PayerMissingError, EtherMissingError,
    LedgerUnreachableError.
    """
    try:
        from holdfast.ledger.evm.local_chain import ChainSettings  # noqa: PLC0415
        from holdfast.ledger.evm.other_node import prepare_on  # noqa: PLC0415
    except ImportError as error:
        raise ChainExtraMissingError(str(error.name)) from error
    depth = plan.finality_blocks
    settings = ChainSettings(
        _NAME,
        plan.epoch_seconds,
        "",
        0,
        "",
        depth,
        accounts_certify=plan.accounts_certify,
    )
    await prepare_on(directory, node.url, settings, node.payer, node.wei)


async def give_gas(directory: Path, accounts: Sequence[str], wei: int) -> None:
    """Send ether from the network's purse to each of these addresses.

    Raises EtherMissingError, AddressTextError; LocalNetworkError where gas is free.
    """
    if not (directory / "chain.json").exists():
        raise LocalNetworkError(
            "this network's ledger is on no chain: no gas is needed"
        )
    from holdfast.ledger.evm.other_node import give_from_purse  # noqa: PLC0415

    await give_from_purse(directory, [address_from(one) for one in accounts], wei)
