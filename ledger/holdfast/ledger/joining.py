"""The ledger that a network file names, wherever it is: on a server or on a chain.

web3 is imported only when there is a chain to talk to.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from holdfast.ledger.chain_errors import ChainExtraMissingError
from holdfast.ledger.core.account_key import AccountKey
from holdfast.ledger.health import ChainHealth
from holdfast.ledger.network_file import NetworkFile
from holdfast.ledger.port import Ledger, LedgerAccount
from holdfast.ledger.remote import PATIENCE_SECONDS, RemoteLedger

if TYPE_CHECKING:
    from holdfast.ledger.evm.ledger import EvmLedger


class JoinedLedger(Ledger, Protocol):
    """A ledger that also takes operations."""

    @property
    def health(self) -> ChainHealth | None:
        """How the chain was when it was last asked; None when there is no chain."""
        ...

    def open_account(self, key: AccountKey) -> LedgerAccount:
        """Return the account of a key, ready to write."""
        ...


async def join(
    file: NetworkFile,
    patience_seconds: float = PATIENCE_SECONDS,
    logs: Path | None = None,
    sent: Path | None = None,
) -> JoinedLedger:
    """Return the ledger that a network file names.

    What is followed of a chain is kept at `logs`, or read again every time; what was
    sent there and may have got lost at `sent`, or beside the logs. Raises
    LedgerUnreachableError, WrongNetworkError, ChainExtraMissingError, LedgerFileError.
    """
    if file.chain is None:
        return await RemoteLedger.join(file, patience_seconds)
    return await _chain_ledger().join(file, patience_seconds, logs, sent)


def prepare_to_join(file: NetworkFile) -> None:
    """Import what this network's ledger needs, which may take seconds.

    For those who then ask under a short deadline. Raises ChainExtraMissingError.
    """
    if file.chain is not None:
        _chain_ledger()


def open_keystore(path: Path, passphrase: str) -> AccountKey:
    """Return the account in an encrypted keystore file of any Ethereum wallet.

    Raises LedgerFileError, ChainExtraMissingError.
    """
    try:
        from holdfast.ledger.evm.keystore import read_keystore  # noqa: PLC0415
    except ImportError as error:
        raise ChainExtraMissingError(str(error.name)) from error
    return read_keystore(path, passphrase)


def save_keystore(path: Path, secret: bytes, passphrase: str) -> None:
    """Write an account's secret into a keystore; a file that is there stays.

    Raises LedgerFileError, ChainExtraMissingError.
    """
    try:
        from holdfast.ledger.evm.keystore import write_keystore  # noqa: PLC0415
    except ImportError as error:
        raise ChainExtraMissingError(str(error.name)) from error
    write_keystore(path, secret, passphrase)


def _chain_ledger() -> "type[EvmLedger]":
    try:
        from holdfast.ledger.evm.ledger import EvmLedger  # noqa: PLC0415
    except ImportError as error:
        raise ChainExtraMissingError(str(error.name)) from error
    return EvmLedger
