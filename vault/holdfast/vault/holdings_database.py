"""The vault's database of holdings: one SQLite file, WAL, every commit on the disk."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from holdfast.protocol.errors import HoldfastError
from holdfast.protocol.units import ChunkId, DealId
from holdfast.vault.holdings_schema import LATER, SCHEMA, VERSION


class JournalError(HoldfastError):
    """The vault's database cannot be read or written; look at its disk."""


class JournalFullError(JournalError):
    """The disk is full, so nothing new can be promised; free some of it."""


class HoldingsDatabase:
    """The open file; one thread at a time uses it."""

    def __init__(self, path: Path) -> None:
        with translated():
            self.sql = sqlite3.connect(
                path, isolation_level=None, check_same_thread=False
            )
            self.sql.execute("PRAGMA journal_mode = WAL")
            self.sql.execute("PRAGMA synchronous = FULL")
            self.sql.execute("PRAGMA foreign_keys = ON")
            (version,) = self.sql.execute("PRAGMA user_version").fetchone()
        if version not in {0, VERSION}:
            raise JournalError(f"{path} has version {version}, not {VERSION}")
        if version == 0:
            with translated():
                self.sql.executescript(
                    f"BEGIN; {SCHEMA} PRAGMA user_version = {VERSION}; COMMIT;"
                )
        with translated():
            self.sql.executescript(LATER)

    def close(self) -> None:
        """Let go of the file."""
        self.sql.close()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Commit what is done inside, or nothing of it; raises JournalError."""
        with translated():
            self.sql.execute("BEGIN IMMEDIATE")
            try:
                yield self.sql
                self.sql.execute("COMMIT")
            except BaseException:
                if self.sql.in_transaction:
                    self.sql.execute("ROLLBACK")
                raise

    def row(self, deal: DealId) -> int:
        """Return the row of a deal that was recorded."""
        row = self.find(deal)
        assert row, "a deal that was never recorded"
        return row

    def find(self, deal: DealId) -> int | None:
        """Return the row of a deal, or None."""
        found = self.sql.execute("SELECT id FROM deals WHERE deal = ?", (deal,))
        row = found.fetchone()
        return row[0] if row else None

    def held(self, row: int, chunk: ChunkId) -> bool:
        """Tell whether any retained head of a deal contains a chunk."""
        found = self.sql.execute(
            "SELECT 1 FROM places WHERE deal = ? AND chunk = ? "
            "UNION ALL SELECT 1 FROM arrivals WHERE deal = ? AND chunk = ? LIMIT 1",
            (row, chunk, row, chunk),
        )
        return found.fetchone() is not None


@contextmanager
def translated() -> Iterator[None]:
    """Raise sqlite3's errors as JournalError."""
    try:
        yield
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
            raise JournalFullError("this vault's disk is full") from error
        raise JournalError("this vault cannot use its database") from error
