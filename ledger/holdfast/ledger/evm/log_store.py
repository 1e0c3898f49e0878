"""The logs that were followed, kept so that a restart need not ask for them again.

One SQLite file (or memory), one transaction for each stretch of blocks. `marks` are
the blocks at which stretches ended, with their hashes: where following goes on, and
how far back a chain that changed its mind is still the same.
"""

import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from holdfast.ledger.errors import LedgerFileError
from holdfast.ledger.evm.chain import Log
from holdfast.ledger.evm.folding import Told
from holdfast.protocol.frozen import frozen
from holdfast.protocol.units import AccountId

MARKS_MAX: Final = 512
TOPIC_BYTES: Final = 32
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS logs (
    block INTEGER, place INTEGER, block_hash BLOB, tx INTEGER, address BLOB,
    topics BLOB, data BLOB, seconds INTEGER, PRIMARY KEY (block, place)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS marks (
    block INTEGER PRIMARY KEY, hash BLOB, seconds INTEGER
);
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value BLOB);
"""


@frozen
class Mark:
    """A block up to which everything was followed."""

    block: int
    hash: bytes
    seconds: int


class LogStore:
    """The followed logs of one network: `network` is what the file is for."""

    def __init__(self, path: Path | None, network: bytes) -> None:
        """Open or make the file; None keeps everything in memory.

        Raises LedgerFileError when the file cannot be used, or is another network's.
        """
        self._path = str(path) if path is not None else ":memory:"
        try:
            self._db = sqlite3.connect(self._path, isolation_level=None)
            self._db.executescript(_SCHEMA)
            self._own(network)
        except sqlite3.Error as error:
            raise LedgerFileError(self._path, str(error)) from error

    @property
    def offset(self) -> int:
        """What is added to sequences, since the chain took something back."""
        found = self._fact("offset")
        return 0 if found is None else int.from_bytes(found, "big")

    def marks(self) -> tuple[Mark, ...]:
        """Return the marks, the newest first."""
        rows = self._db.execute(
            "SELECT block, hash, seconds FROM marks ORDER BY block DESC"
        )
        return tuple(Mark(*row) for row in rows)

    def append(self, logs: Iterable[Told], mark: Mark) -> None:
        """Keep a stretch of logs and the block it ends with, both or neither.

        Raises LedgerFileError when they cannot be kept.
        """
        try:
            with self._db:
                self._db.execute("BEGIN")
                self._insert(logs, mark)
        except sqlite3.Error as error:
            raise LedgerFileError(self._path, str(error)) from error

    def logs(self) -> Iterator[Told]:
        """Return every log, in the order of the chain."""
        for row in self._db.execute("SELECT * FROM logs ORDER BY block, place"):
            yield _told(row)

    def forget_after(self, block: int, offset: int) -> None:
        """Drop what was followed after a block, and remember the new offset."""
        with self._db:
            self._db.execute("BEGIN")
            self._db.execute("DELETE FROM logs WHERE block > ?", (block,))
            self._db.execute("DELETE FROM marks WHERE block > ?", (block,))
            value = offset.to_bytes(8, "big")
            self._db.execute(
                "INSERT OR REPLACE INTO facts VALUES ('offset', ?)", (value,)
            )

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    def _insert(self, logs: Iterable[Told], mark: Mark) -> None:
        self._db.executemany(
            "INSERT INTO logs VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (_row(one) for one in logs),
        )
        self._db.execute(
            "INSERT OR REPLACE INTO marks VALUES (?, ?, ?)",
            (mark.block, mark.hash, mark.seconds),
        )
        self._db.execute(
            "DELETE FROM marks WHERE block NOT IN "
            "(SELECT block FROM marks ORDER BY block DESC LIMIT ?)",
            (MARKS_MAX,),
        )

    def _own(self, network: bytes) -> None:
        found = self._fact("network")
        if found is None:
            self._db.execute("INSERT INTO facts VALUES ('network', ?)", (network,))
        elif found != network:
            reason = "it follows another network; name another file"
            raise LedgerFileError(self._path, reason)

    def _fact(self, name: str) -> bytes | None:
        rows = self._db.execute("SELECT value FROM facts WHERE name = ?", (name,))
        found = rows.fetchone()
        return None if found is None else bytes(found[0])


def _row(told: Told) -> tuple[object, ...]:
    log = told.log
    topics = b"".join(log.topics)
    where = (log.block, log.index, log.block_hash, log.transaction)
    return (*where, log.address, topics, log.data, told.seconds)


def _told(row: tuple[int, int, bytes, int, bytes, bytes, bytes, int]) -> Told:
    block, index, block_hash, transaction, address, topics, data, seconds = row
    starts = range(0, len(topics), TOPIC_BYTES)
    split = tuple(topics[at : at + TOPIC_BYTES] for at in starts)
    where = (block, block_hash, transaction, index)
    return Told(Log(*where, AccountId(address), split, data), seconds)
