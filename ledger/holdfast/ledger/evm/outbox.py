"""What was sent and whose fate nobody was told: kept, so that nothing is sent twice.

A transaction is written down before a node sees it, every later attempt too, and
crossed out when its sender was told what became of it. Who asks for the same thing
after an outage, or after a restart of the program, goes on with that transaction. A
day later the same wish is a new one. One SQLite file, or memory; nothing is sent here.
"""

import hashlib
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from holdfast.ledger.errors import LedgerFileError
from holdfast.ledger.evm.transaction import SignedTransaction, parse
from holdfast.ledger.evm.wishes import Wish
from holdfast.protocol.errors import DecodingError
from holdfast.protocol.units import AccountId

DOUBT_SECONDS: Final = 86_400
DOUBTS_MAX: Final = 64
_WAIT_SECONDS: Final = 5.0
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS sent (
    name BLOB, attempt INTEGER, account BLOB, label BLOB, raw BLOB, seconds INTEGER,
    PRIMARY KEY (name, attempt)
) WITHOUT ROWID;
"""
_BOUNDED: Final = """
DELETE FROM sent WHERE account = ? AND name NOT IN (
    SELECT name FROM sent WHERE account = ? AND attempt = 0
    ORDER BY seconds DESC LIMIT ?
)
"""

Attempts = tuple[SignedTransaction, ...]


class Outbox:
    """The transactions of some accounts in doubt; the first attempt's hash names one.

    Every method raises LedgerFileError when the file cannot be used.
    """

    def __init__(
        self, path: Path | None = None, clock: Callable[[], float] = time.time
    ) -> None:
        """Open or make the file; None keeps everything in memory."""
        self._path = ":memory:" if path is None else str(path)
        self._clock = clock
        # What somebody in this process is waiting for right now is not in doubt.
        self._waiting: set[bytes] = set()
        try:
            self._db = sqlite3.connect(self._path, _WAIT_SECONDS, isolation_level=None)
            self._db.executescript(_SCHEMA)
        except sqlite3.Error as error:
            raise self._unusable(error) from error

    def keep(self, account: AccountId, label: bytes, attempts: Attempts) -> None:
        """Write down a transaction with all its attempts; its sender waits for it."""
        name = attempts[0].hash
        seconds = int(self._clock())
        rows = [
            (name, number, account, label, one.raw, seconds)
            for number, one in enumerate(attempts)
        ]
        try:
            with self._db:
                self._db.execute("BEGIN IMMEDIATE")
                self._db.executemany(
                    "INSERT OR REPLACE INTO sent VALUES (?, ?, ?, ?, ?, ?)", rows
                )
                self._db.execute(_BOUNDED, (account, account, DOUBTS_MAX))
        except sqlite3.Error as error:
            raise self._unusable(error) from error
        self._waiting.add(name)

    def add(self, name: bytes, attempt: SignedTransaction) -> None:
        """Write down one more attempt of a transaction that is still there."""
        try:
            self._db.execute(
                "INSERT OR IGNORE INTO sent SELECT name, "
                "(SELECT MAX(attempt) + 1 FROM sent WHERE name = ?), "
                "account, label, ?, seconds FROM sent WHERE name = ? AND attempt = 0",
                (name, attempt.raw, name),
            )
        except sqlite3.Error as error:
            raise self._unusable(error) from error

    def claim(self, account: AccountId, label: bytes) -> Attempts | None:
        """Return the oldest doubtful transaction with a label, for whoever waits."""
        try:
            self._db.execute(
                "DELETE FROM sent WHERE seconds < ?", (self._clock() - DOUBT_SECONDS,)
            )
            rows = self._db.execute(
                "SELECT name, raw FROM sent WHERE account = ? AND label = ? "
                "ORDER BY seconds, name, attempt",
                (account, label),
            ).fetchall()
            found = [(bytes(name), parse(bytes(raw))) for name, raw in rows]
        except (sqlite3.Error, DecodingError, TypeError) as error:
            raise self._unusable(error) from error
        names = (name for name, _ in found if name not in self._waiting)
        first = next(names, None)
        if first is None:
            return None
        self._waiting.add(first)
        return tuple(one for name, one in found if name == first)

    def numbered(self, account: AccountId) -> dict[int, Attempts]:
        """Return the account's transactions by their numbers."""
        try:
            rows = self._db.execute(
                "SELECT raw FROM sent WHERE account = ? "
                "ORDER BY seconds, name, attempt",
                (account,),
            ).fetchall()
            found = [parse(bytes(raw)) for (raw,) in rows]
        except (sqlite3.Error, DecodingError, TypeError) as error:
            raise self._unusable(error) from error
        kept: dict[int, Attempts] = {}
        for one in found:
            nonce = one.transaction.nonce
            kept[nonce] = (*kept.get(nonce, ()), one)
        return kept

    def leave(self, name: bytes) -> None:
        """Nobody waits for the transaction any longer: it is in doubt."""
        self._waiting.discard(name)

    def forget(self, name: bytes) -> None:
        """Cross out a transaction whose sender knows what became of it."""
        self._waiting.discard(name)
        try:
            self._db.execute("DELETE FROM sent WHERE name = ?", (name,))
        except sqlite3.Error as error:
            raise self._unusable(error) from error

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    def _unusable(self, error: Exception) -> LedgerFileError:
        reason = (
            f"{error}; it has the transactions whose fate is unknown: move it away "
            "only after you looked whether they took effect"
        )
        return LedgerFileError(self._path, reason)


def label_of(wish: Wish) -> bytes:
    """Return what a call is known by that is no operation."""
    return hashlib.sha256(b"call" + (wish.to or b"") + wish.data).digest()
