"""What the client keeps on its own disk about deals and vaults, in one SQLite file.

Only the nonces of deals being opened are worth something, and only until the ledger
has the deal: without this file everything is read again from the ledger, the
holders and the network.
"""

import contextlib
import sqlite3
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from holdfast.protocol.encoding import Reader
from holdfast.protocol.errors import DecodingError, HoldfastError
from holdfast.protocol.frozen import frozen
from holdfast.protocol.manifest import ManifestEntry
from holdfast.protocol.receipt import FULL_RECEIPT, FullReceipt
from holdfast.protocol.record import VAULT_RECORD, SignedRecord
from holdfast.protocol.units import ChunkId, DealId, Digest, VaultId

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS openings (
    nonce BLOB PRIMARY KEY, deal BLOB NOT NULL, epoch INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS heads (
    deal BLOB PRIMARY KEY, full_receipt BLOB NOT NULL, digest BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS manifests (
    deal BLOB PRIMARY KEY, digest BLOB NOT NULL, entries BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS laggards (
    vault BLOB PRIMARY KEY, epoch INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS records (
    vault BLOB PRIMARY KEY, record BLOB NOT NULL);
PRAGMA user_version = 2;
"""
_VERSION: Final = 2
_ENTRY_BYTES: Final = 36


class JournalError(HoldfastError):
    """The client's cache cannot be read or written."""


@frozen
class Opening:
    """A deal that was about to be opened in `epoch`."""

    nonce: bytes
    deal: DealId
    epoch: int


class Journal:
    """The client's cache; safe to call from any thread."""

    def __init__(self, path: Path) -> None:
        """Open or create the file, or raise JournalError."""
        self._lock = threading.Lock()
        with _translated(path):
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._path = path
            self._rows = self._open()

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._rows.close()

    def begin_opening(self, opening: Opening) -> None:
        """Note a deal before it is opened; durable when this returns."""
        self._write(
            "INSERT OR REPLACE INTO openings VALUES (?, ?, ?)",
            (opening.nonce, opening.deal, opening.epoch),
        )

    def end_opening(self, nonce: bytes) -> None:
        """Forget a deal that the ledger has, or refused for good."""
        self._write("DELETE FROM openings WHERE nonce = ?", (nonce,))

    def openings(self) -> tuple[Opening, ...]:
        """Return the deals of which it is unknown whether they were opened."""
        rows = self._read("SELECT nonce, deal, epoch FROM openings ORDER BY epoch")
        return tuple(
            Opening(nonce, DealId(deal), int(epoch)) for nonce, deal, epoch in rows
        )

    def keep_head(self, full: FullReceipt) -> None:
        """Keep the newest full receipt of a deal."""
        head = full.head.value
        self._cache(
            "INSERT OR REPLACE INTO heads VALUES (?, ?, ?)",
            (head.deal, FULL_RECEIPT.encode(full), head.digest()),
        )

    def head(self, deal: DealId) -> FullReceipt | None:
        """Return the newest full receipt that this client has seen of a deal."""
        for (data,) in self._read(
            "SELECT full_receipt FROM heads WHERE deal = ?", (deal,)
        ):
            try:
                return FULL_RECEIPT.decode(data)
            except DecodingError:
                return None
        return None

    def keep_manifest(
        self, deal: DealId, digest: Digest, entries: Iterable[ManifestEntry]
    ) -> None:
        """Keep the entries under the head with this digest."""
        packed = b"".join(
            entry.chunk + entry.length.to_bytes(4, "big") for entry in entries
        )
        self._cache(
            "INSERT OR REPLACE INTO manifests VALUES (?, ?, ?)", (deal, digest, packed)
        )

    def manifest(
        self, deal: DealId, digest: Digest
    ) -> tuple[ManifestEntry, ...] | None:
        """Return the entries under a head, if they are kept; not verified."""
        for (packed,) in self._read(
            "SELECT entries FROM manifests WHERE deal = ? AND digest = ?",
            (deal, digest),
        ):
            return unpacked_entries(packed)
        return None

    def keep_records(self, records: Iterable[SignedRecord]) -> None:
        """Keep vault records."""
        rows = [(record.value.vault, VAULT_RECORD.encode(record)) for record in records]
        self._cache("INSERT OR REPLACE INTO records VALUES (?, ?)", *rows)

    def keep_laggard(self, vault: VaultId, epoch: int) -> None:
        """Keep the epoch in which a vault was left behind."""
        self._cache("INSERT OR REPLACE INTO laggards VALUES (?, ?)", (vault, epoch))

    def laggards(self) -> dict[VaultId, int]:
        """Return when vaults were last left behind."""
        rows = self._read("SELECT vault, epoch FROM laggards")
        return {VaultId(vault): int(epoch) for vault, epoch in rows}

    def records(self) -> dict[VaultId, SignedRecord]:
        """Return the vault records kept; not verified."""
        found: dict[VaultId, SignedRecord] = {}
        for vault, data in self._read("SELECT vault, record FROM records"):
            try:
                found[VaultId(vault)] = VAULT_RECORD.decode(data)
            except DecodingError:
                continue
        return found

    def _open(self) -> sqlite3.Connection:
        rows = self._connect()
        try:
            (version,) = rows.execute("PRAGMA user_version").fetchone()
        except sqlite3.DatabaseError:
            version = None
        if version not in {0, _VERSION}:
            # Everything in it can be read again from elsewhere.
            rows.close()
            self._path.unlink()
            rows = self._connect()
        rows.executescript(_SCHEMA)
        return rows

    def _connect(self) -> sqlite3.Connection:
        rows = sqlite3.connect(self._path, timeout=30, check_same_thread=False)
        rows.execute("PRAGMA busy_timeout = 30000")
        try:
            rows.execute("PRAGMA journal_mode = WAL")
            rows.execute("PRAGMA synchronous = FULL")
        except sqlite3.DatabaseError:
            pass  # not a database: `_open` finds out and begins a new one
        return rows

    def _write(self, statement: str, values: tuple[object, ...]) -> None:
        with self._lock, _translated(self._path), self._rows:
            self._rows.execute(statement, values)

    def _cache(self, statement: str, *rows: tuple[object, ...]) -> None:
        """Keep what can be read again elsewhere; on a full disk it is not kept."""
        with (
            contextlib.suppress(JournalError),
            self._lock,
            _translated(self._path),
            self._rows,
        ):
            self._rows.executemany(statement, rows)

    def _read(
        self, statement: str, values: tuple[object, ...] = ()
    ) -> list[tuple[Any, ...]]:
        with self._lock, _translated(self._path):
            return self._rows.execute(statement, values).fetchall()


def unpacked_entries(packed: bytes) -> tuple[ManifestEntry, ...]:
    """Return the entries in their 36-byte form, or raise DecodingError."""
    if len(packed) % _ENTRY_BYTES:
        raise DecodingError("a manifest ends within an entry")
    reader = Reader(packed)
    return tuple(
        ManifestEntry(ChunkId(reader.take(32)), int.from_bytes(reader.take(4), "big"))
        for _ in range(len(packed) // _ENTRY_BYTES)
    )


@contextlib.contextmanager
def _translated(path: Path) -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise JournalError(
            f"the cache {path} cannot be used ({error}); free some space or make it "
            "writable, or delete it: it is made again"
        ) from error
