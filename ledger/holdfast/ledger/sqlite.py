"""The ledger in one SQLite file: journal and tables, in one transaction an entry.

WAL with synchronous=FULL: when `append` returns, the entry survives a crash of the
machine. One process writes; others may read the file meanwhile.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlite_utils import Database

from holdfast.ledger.book import Book
from holdfast.ledger.core.chain import (
    Entry,
    Genesis,
    encode_content,
)
from holdfast.ledger.core.memory import MemoryState
from holdfast.ledger.core.values import Applied, Changes
from holdfast.ledger.errors import LedgerFileError
from holdfast.ledger.journal import newest_head, read_genesis
from holdfast.ledger.schema import migrations
from holdfast.ledger.tables import TABLES, load
from holdfast.protocol.errors import ProtocolError
from holdfast.protocol.units import Digest

BUSY_SECONDS = 5.0

_INSERT_ENTRY = (
    "INSERT INTO journal (sequence, seconds, kind, payload, previous, hash, digest) "
    "VALUES (?, ?, ?, ?, ?, ?, ?)"
)
_FIND_APPLIED = (
    "SELECT sequence, (SELECT max(epoch) FROM beacons WHERE changed <= sequence) "
    "FROM journal WHERE digest = ?"
)


class SqliteStore:
    """A store in one file."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self._path = path
        self._connection = connection
        self._upserts = [(table, table.upsert) for table in TABLES]

    def append(self, entry: Entry, changes: Changes, digest: Digest | None) -> None:
        """Commit an entry with its rows, or raise LedgerFileError and keep nothing."""
        kind, payload = encode_content(entry.content)
        row = (
            *(entry.sequence, entry.seconds, kind.value, payload),
            *(entry.previous, entry.hash, digest),
        )
        with _translated(self._path), self._transaction():
            self._connection.execute(_INSERT_ENTRY, row)
            for table, upsert in self._upserts:
                self._connection.executemany(upsert, table.written(changes))

    def applied(self, digest: Digest) -> Applied | None:
        """Return when the operation of that name took effect."""
        with _translated(self._path):
            found = self._connection.execute(_FIND_APPLIED, (digest,)).fetchone()
        return None if found is None else Applied(*found)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise


def create_book(path: Path, genesis: Genesis, seconds: int) -> Book:
    """Return the book of a new network, or raise LedgerFileError if the file exists."""
    with _translated(path):
        if path.exists():
            raise LedgerFileError(str(path), "there is a ledger already; use another")
        connection = _connect(path)
        try:
            migrations.apply(Database(connection))
        except BaseException:
            connection.close()
            raise
    book = Book(MemoryState(genesis.params), SqliteStore(path, connection))
    book.begin(genesis, seconds)
    return book


def open_book(path: Path) -> Book:
    """Return the book that a file keeps, or raise LedgerFileError."""
    if not path.is_file():
        raise LedgerFileError(str(path), "no ledger is here; make one with init")
    with _translated(path):
        connection = _connect(path)
        try:
            migrations.apply(Database(connection))
            state = MemoryState(read_genesis(connection).params)
            load(connection, state, newest_head(connection))
        except BaseException:
            connection.close()
            raise
    return Book(state, SqliteStore(path, connection))


def _connect(path: Path) -> sqlite3.Connection:
    # Autocommit mode: every transaction is begun and ended by hand. The store may be
    # opened in one thread and used in another, never in two at once.
    connection = sqlite3.connect(
        path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
    )
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    return connection


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    """Turn what SQLite or a decoder says into a LedgerFileError."""
    try:
        yield
    except sqlite3.Error as error:
        name = getattr(error, "sqlite_errorname", type(error).__name__)
        reason = f"{error} ({name}); check the disk, then run verify"
        raise LedgerFileError(str(path), reason) from error
    except (ProtocolError, ValueError, TypeError) as error:
        reason = f"its tables cannot be read ({error}); run verify"
        raise LedgerFileError(str(path), reason) from error
