"""The journal of what a vault holds: it records events before their effects leave.

Nothing here decides anything.
"""

from collections.abc import Iterable, Sequence

from holdfast.protocol.manifest import (
    HEAD,
    MANIFEST_CHANGE,
    Manifest,
    ManifestChange,
    ManifestEntry,
)
from holdfast.protocol.receipt import (
    FULL_RECEIPT,
    RECEIPT,
    FullReceipt,
    SignedReceipt,
)
from holdfast.protocol.units import ChunkId, DealId, Digest
from holdfast.vault.core.admission import Promise
from holdfast.vault.core.deal_state import DealState
from holdfast.vault.core.holding_events import Countersigned
from holdfast.vault.holdings_database import HoldingsDatabase
from holdfast.vault.holdings_queries import Scrubbed


class HoldingsJournal:
    """Writes the database; every method is one transaction, raises JournalError."""

    def __init__(self, database: HoldingsDatabase) -> None:
        self._base = database
        self._db = database.sql

    def countersign(
        self,
        holding: DealState,
        head: Countersigned,
        base: Digest,
        change: ManifestChange,
    ) -> None:
        """Record a head that this holder is about to countersign."""
        with self._base.transaction():
            self._open(holding)
            row = self._base.row(holding.deal)
            self._db.execute(
                "INSERT INTO heads VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    row,
                    head.digest,
                    head.sequence,
                    HEAD.encode(head.head),
                    RECEIPT.encode(head.receipt),
                    base,
                    MANIFEST_CHANGE.encode(change),
                ),
            )
            self._db.executemany(
                "INSERT INTO arrivals VALUES (?, ?, ?, ?)",
                ((row, head.digest, e.chunk, e.length) for e in change.added),
            )

    def acknowledge(
        self,
        deal: DealId,
        digest: Digest,
        full: FullReceipt,
        before: Manifest,
        after: Manifest,
    ) -> None:
        """Record a full receipt; `before` is the newest acknowledged manifest."""
        with self._base.transaction():
            row = self._base.row(deal)
            self._move_trunk(row, full.head.value.sequence, before, after)
            self._db.execute(
                "UPDATE heads SET base = NULL, change = NULL "
                "WHERE deal = ? AND digest = ?",
                (row, digest),
            )
            self._db.execute(
                "DELETE FROM arrivals WHERE deal = ? AND digest = ?", (row, digest)
            )
            self._keep_receipt(row, full)

    def adopt(
        self,
        holding: DealState,
        head: Countersigned,
        full: FullReceipt,
        before: Manifest,
        after: Manifest,
    ) -> dict[ChunkId, int]:
        """Record an acknowledged head that was never proposed here.

        Its chunks that no head had before are recorded as lost, and returned.
        """
        deal = holding.deal
        with self._base.transaction():
            self._open(holding)
            row = self._base.row(deal)
            added = {
                entry.chunk: entry.length
                for entry in after.entries
                if not self._base.held(row, entry.chunk)
            }
            self._move_trunk(row, head.sequence, before, after)
            self._db.execute(
                "INSERT INTO heads VALUES (?, ?, ?, ?, ?, NULL, NULL)",
                (
                    row,
                    head.digest,
                    head.sequence,
                    HEAD.encode(head.head),
                    RECEIPT.encode(head.receipt),
                ),
            )
            self._keep_receipt(row, full)
            self._db.executemany(
                "INSERT OR IGNORE INTO missing VALUES (?, ?)",
                ((row, chunk) for chunk in added),
            )
        return added

    def sign_adopted(
        self, deal: DealId, digest: Digest, receipt: SignedReceipt
    ) -> None:
        """Record the receipt that this holder is about to give for an adopted head."""
        with self._base.transaction():
            self._db.execute(
                "UPDATE heads SET receipt = ? WHERE deal = ? AND digest = ?",
                (RECEIPT.encode(receipt), self._base.row(deal), digest),
            )

    def renew(self, deal: DealId, full: FullReceipt) -> None:
        """Record a full receipt in place of the one for the same head."""
        with self._base.transaction():
            self._keep_receipt(self._base.row(deal), full)

    def forget(self, deal: DealId, digests: Sequence[Digest]) -> dict[ChunkId, int]:
        """Record that heads are gone; return the chunks that none left contains."""
        with self._base.transaction():
            row = self._base.row(deal)
            loose: dict[ChunkId, int] = {}
            for digest in digests:
                loose |= self._db.execute(
                    "DELETE FROM arrivals WHERE deal = ? AND digest = ? "
                    "RETURNING chunk, length",
                    (row, digest),
                )
                self._db.execute(
                    "DELETE FROM heads WHERE deal = ? AND digest = ?", (row, digest)
                )
            loose |= self._db.execute(
                "DELETE FROM places WHERE deal = ? AND removed <= (SELECT "
                "min(sequence) FROM heads WHERE deal = ? AND base IS NULL) "
                "RETURNING chunk, length",
                (row, row),
            )
            gone = {c: n for c, n in loose.items() if not self._base.held(row, c)}
            for table in ("missing", "void"):
                self._db.executemany(
                    f"DELETE FROM {table} WHERE deal = ? AND chunk = ?",  # noqa: S608 # our names
                    ((row, chunk) for chunk in gone),
                )
        return gone

    def collect(self, deal: DealId) -> None:
        """Record that nothing is held of a deal any more."""
        with self._base.transaction():
            if row := self._base.find(deal):
                for table in ("void", "missing", "arrivals", "places", "heads"):
                    self._db.execute(f"DELETE FROM {table} WHERE deal = ?", (row,))  # noqa: S608 # our names
                self._db.execute("DELETE FROM deals WHERE id = ?", (row,))

    def mark_missing(
        self, deal: DealId, chunks: Iterable[ChunkId]
    ) -> tuple[ChunkId, ...]:
        """Record lost shards; return those that some head contains."""
        with self._base.transaction():
            row = self._base.find(deal)
            held = tuple(c for c in chunks if row and self._base.held(row, c))
            self._db.executemany(
                "INSERT OR IGNORE INTO missing VALUES (?, ?)",
                ((row, chunk) for chunk in held),
            )
        return held

    def unmark_missing(self, deal: DealId, chunks: Iterable[ChunkId]) -> None:
        """Record that lost shards are durable again."""
        with self._base.transaction():
            row = self._base.row(deal)
            self._db.executemany(
                "DELETE FROM missing WHERE deal = ? AND chunk = ?",
                ((row, chunk) for chunk in chunks),
            )

    def void(self, deal: DealId, chunk: ChunkId) -> bool:
        """Record a malformed chunk, lost for good; False when no head contains it."""
        with self._base.transaction():
            row = self._base.find(deal)
            if not row or not self._base.held(row, chunk):
                return False
            for table in ("missing", "void"):
                text = f"INSERT OR IGNORE INTO {table} VALUES (?, ?)"  # noqa: S608 # our names
                self._db.execute(text, (row, chunk))
        return True

    def promise(self, deal: DealId, promise: Promise) -> None:
        """Record what a quote binds."""
        with self._base.transaction():
            self._db.execute(
                "INSERT OR REPLACE INTO promises VALUES (?, ?, ?, ?)",
                (deal, promise.capacity, promise.valid_epoch, promise.asker),
            )

    def drop_promises(self, deals: Iterable[DealId]) -> None:
        """Record that quotes of these deals bind no more."""
        with self._base.transaction():
            self._db.executemany(
                "DELETE FROM promises WHERE deal = ?", ((deal,) for deal in deals)
            )

    def scrubbed(self, upto: Scrubbed) -> None:
        """Record how far scrubbing has come."""
        with self._base.transaction():
            self._db.execute(
                "INSERT OR REPLACE INTO scrubbed VALUES (0, ?, ?)",
                (upto.deal, upto.chunk),
            )

    def _open(self, holding: DealState) -> None:
        self._db.execute(
            "INSERT INTO deals (deal, holder_index, k, n) VALUES (?, ?, ?, ?) "
            "ON CONFLICT (deal) DO NOTHING",
            (holding.deal, holding.index, holding.k, holding.n),
        )

    def _keep_receipt(self, row: int, full: FullReceipt) -> None:
        self._db.execute(
            "UPDATE deals SET full_receipt = ? WHERE id = ?",
            (FULL_RECEIPT.encode(full), row),
        )

    def _move_trunk(
        self, row: int, sequence: int, before: Manifest, after: Manifest
    ) -> None:
        removed, added = trunk_change(before, after)
        self._db.executemany(
            "UPDATE places SET removed = ? "
            "WHERE deal = ? AND chunk = ? AND removed IS NULL",
            ((sequence, row, entry.chunk) for entry in removed),
        )
        (first,) = self._db.execute(
            "SELECT coalesce(max(number) + 1, 0) FROM places WHERE deal = ?", (row,)
        ).fetchone()
        self._db.executemany(
            "INSERT INTO places VALUES (?, ?, ?, ?, ?, NULL)",
            (
                (row, number, entry.chunk, entry.length, sequence)
                for number, entry in enumerate(added, first)
            ),
        )


def trunk_change(
    before: Manifest, after: Manifest
) -> tuple[Sequence[ManifestEntry], Sequence[ManifestEntry]]:
    """Return the entries removed from `before` and appended to it to make `after`.

    When `after` has another order, everything is removed and appended again.
    """
    kept = [e for e in before.entries if e.chunk in after.positions]
    if tuple(kept) != after.entries[: len(kept)]:
        return before.entries, after.entries
    removed = [e for e in before.entries if e.chunk not in after.positions]
    return removed, after.entries[len(kept) :]
