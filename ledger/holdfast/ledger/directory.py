"""The directory of a ledger: its journal, its TLS identity, its network file."""

from pathlib import Path

from holdfast.ledger import network_file
from holdfast.ledger.book import Book
from holdfast.ledger.core.chain import Genesis
from holdfast.ledger.errors import LedgerFileError
from holdfast.ledger.network_file import NetworkFile
from holdfast.ledger.sqlite import create_book, open_book
from holdfast.protocol.frozen import frozen


@frozen
class LedgerDirectory:
    """Where one ledger keeps its files."""

    path: Path

    @property
    def journal(self) -> Path:
        """The SQLite file."""
        return self.path / "ledger.db"

    @property
    def network(self) -> Path:
        """The file that clients and vaults read."""
        return self.path / network_file.NAME

    def create(self, genesis: Genesis, seconds: int) -> None:
        """Begin a network here, or raise LedgerFileError."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise LedgerFileError(str(self.path), str(error.strerror)) from error
        create_book(self.journal, genesis, seconds).close()

    def open(self) -> Book:
        """Return the book that is kept here, or raise LedgerFileError."""
        return open_book(self.journal)

    def published(self) -> NetworkFile | None:
        """Return the network file that was published last, if any."""
        return NetworkFile.load(self.network) if self.network.exists() else None
