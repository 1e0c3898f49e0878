"""What the database of holdings says: machines to restore, manifests, chunks."""

from bisect import bisect_left
from collections.abc import Sequence
from typing import Final

from holdfast.protocol.frozen import frozen
from holdfast.protocol.manifest import (
    HEAD,
    MANIFEST_CHANGE,
    NO_HEAD,
    Manifest,
    ManifestChange,
    ManifestEntry,
)
from holdfast.protocol.receipt import FULL_RECEIPT, RECEIPT
from holdfast.protocol.units import ChunkId, DealId, Digest
from holdfast.vault.core.admission import Promise
from holdfast.vault.core.deal_holding import PendingHead, Phase
from holdfast.vault.core.deal_state import DealState
from holdfast.vault.core.holding_events import Countersigned
from holdfast.vault.holdings_database import HoldingsDatabase, translated

BATCH: Final = 500


@frozen
class Scrubbed:
    """The shard that was scrubbed last; the next one follows it in order."""

    deal: DealId
    chunk: ChunkId


BEFORE_ALL: Final = Scrubbed(DealId(b""), ChunkId(b""))


class HoldingsQueries:
    """Reads the database; raises JournalError."""

    def __init__(self, database: HoldingsDatabase) -> None:
        self._base = database
        self._db = database.sql

    def restore(self) -> dict[DealId, DealState]:
        """Return the machines of all deals, without what only the disk knows.

        Every head is taken as offered, for nobody remembers which ones were.
        """
        with translated():
            rows = self._db.execute(
                "SELECT id, k, n, deal, holder_index, full_receipt FROM deals"
            ).fetchall()
            return {
                DealId(deal): self._restore(
                    row, DealState(DealId(deal), index, k, n), full
                )
                for row, k, n, deal, index, full in rows
            }

    def promises(self) -> dict[DealId, Promise]:
        """Return what quotes bind."""
        with translated():
            rows = self._db.execute("SELECT * FROM promises").fetchall()
        return {DealId(deal): Promise(*rest) for deal, *rest in rows}

    def manifest(self, deal: DealId, digest: Digest) -> Manifest:
        """Return the manifest of a retained head, or of none for NO_HEAD."""
        with translated():
            row, k, n = self._db.execute(
                "SELECT id, k, n FROM deals WHERE deal = ?", (deal,)
            ).fetchone()
            changes: list[ManifestChange] = []
            sequence = 0
            while digest != NO_HEAD:
                sequence, base, change = self._db.execute(
                    "SELECT sequence, base, change FROM heads "
                    "WHERE deal = ? AND digest = ?",
                    (row, digest),
                ).fetchone()
                if base is None:
                    break
                changes.append(MANIFEST_CHANGE.decode(change))
                digest, sequence = base, 0
            rows = self._db.execute(
                "SELECT chunk, length FROM places WHERE deal = ? AND added <= ? "
                "AND (removed IS NULL OR removed > ?) ORDER BY number",
                (row, sequence, sequence),
            )
            entries = tuple(ManifestEntry(ChunkId(c), length) for c, length in rows)
        manifest = Manifest(k, n, entries)
        for change in reversed(changes):
            manifest = manifest.changed(change)
        return manifest

    def lengths(self, deal: DealId, chunks: Sequence[ChunkId]) -> dict[ChunkId, int]:
        """Return the ciphertext lengths of those chunks that some head contains."""
        found: dict[ChunkId, int] = {}
        with translated():
            row = self._base.find(deal)
            for at in range(0, len(chunks) if row else 0, BATCH):
                batch = chunks[at : at + BATCH]
                marks = ",".join("?" * len(batch))
                for table in ("places", "arrivals"):
                    found |= self._db.execute(
                        f"SELECT chunk, length FROM {table} "  # noqa: S608 # our names
                        f"WHERE deal = ? AND chunk IN ({marks})",
                        (row, *batch),
                    )
        return found

    def chunks(self, deal: DealId) -> dict[ChunkId, int]:
        """Return every chunk that some head contains, with its ciphertext length."""
        with translated():
            row = self._base.find(deal)
            return dict(
                self._db.execute(
                    "SELECT chunk, length FROM places WHERE deal = ? "
                    "UNION SELECT chunk, length FROM arrivals WHERE deal = ?",
                    (row, row),
                ).fetchall()
            )

    def scrubbed(self) -> Scrubbed:
        """Return how far scrubbing had come; before the first shard at first."""
        with translated():
            row = self._db.execute("SELECT deal, chunk FROM scrubbed").fetchone()
        return Scrubbed(DealId(row[0]), ChunkId(row[1])) if row else BEFORE_ALL

    def shards(self) -> int:
        """Return how many shards scrubbing goes round through."""
        with translated():
            text = "SELECT count(*) FROM (SELECT DISTINCT deal, chunk FROM places)"
            (found,) = self._db.execute(text).fetchone()
        return int(found)

    def next_to_scrub(
        self, after: Scrubbed, count: int
    ) -> list[tuple[DealId, int, ChunkId]]:
        """Return deal, index and chunk of the next shards, round and round."""
        with translated():
            deals = self._db.execute(
                "SELECT id, deal, holder_index FROM deals ORDER BY deal"
            ).fetchall()
            at = bisect_left([deal for _, deal, _ in deals], after.deal)
            found: list[tuple[DealId, int, ChunkId]] = []
            # Once round, and then what comes before `after` in its own deal.
            around = (*deals[at:], *deals[: at + 1])
            for place, (row, deal, index) in enumerate(around):
                first = place == 0 and deal == after.deal
                rows = self._db.execute(
                    "SELECT DISTINCT chunk FROM places WHERE deal = ? AND chunk > ? "
                    "ORDER BY chunk LIMIT ?",
                    (row, after.chunk if first else b"", count - len(found)),
                )
                found += [(DealId(deal), index, ChunkId(c)) for (c,) in rows]
        return list(dict.fromkeys(found))[:count]

    def _restore(self, row: int, state: DealState, full: bytes | None) -> DealState:
        heads = self._db.execute(
            "SELECT digest, head, receipt, base FROM heads WHERE deal = ? "
            "ORDER BY sequence",
            (row,),
        )
        for digest, head, receipt, base in heads:
            one = Countersigned(HEAD.decode(head), digest, RECEIPT.decode(receipt))
            state.newest = one
            if base is None:
                state.trunk[digest] = one
            else:
                state.pending[digest] = PendingHead(one, base)
        if full:
            state.full = FULL_RECEIPT.decode(full)
            state.full_digest = state.full.head.value.digest()
        state.offered = set(state.trunk)
        if state.newest:
            newest = state.newest.digest
            state.phase = (
                Phase.PENDING if newest in state.pending else Phase.ACKNOWLEDGED
            )
        lost = self._db.execute("SELECT chunk FROM missing WHERE deal = ?", (row,))
        state.missing = {ChunkId(chunk): None for (chunk,) in lost}
        void = self._db.execute("SELECT chunk FROM void WHERE deal = ?", (row,))
        state.void = {ChunkId(chunk) for (chunk,) in void}
        return state
