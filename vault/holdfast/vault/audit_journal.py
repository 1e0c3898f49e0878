"""What the audit side keeps on disk: one SQLite file, WAL, every commit durable.

Entries of checkpoints are kept once for each root, so that an idle epoch writes
little. One thread at a time uses the journal.
"""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from holdfast.protocol.account_certificate import ANY_CERTIFICATE
from holdfast.protocol.checkpoint import (
    CHECKPOINT,
    ENTRIES,
    ENTRIES_MAX,
    STANDING,
    STORAGE_CERTIFICATE,
    Entries,
    StorageCertificate,
)
from holdfast.protocol.encoding import Reader, sequence
from holdfast.protocol.manifest import HEAD
from holdfast.protocol.network import NetworkParams
from holdfast.protocol.record import VAULT_RECORD
from holdfast.protocol.settlement import (
    REPLACEMENT,
    REPLACEMENT_LEAF,
    TOTAL,
    VAULT_LEAF,
    Totals,
)
from holdfast.protocol.units import DealId, Digest, VaultId
from holdfast.vault.audit_schema import SCHEMA, VERSION
from holdfast.vault.core.declared import Declared, Stood
from holdfast.vault.core.saved import (
    AcknowledgementGiven,
    AuditEnded,
    CertificateCollected,
    CertificateKept,
    CheckpointSigned,
    CheckpointStands,
    Outcome,
    RecordKnown,
    Restored,
    Saved,
    TotalsSettled,
    VoteGiven,
)
from holdfast.vault.fault_journal import (
    FAULT_SCHEMA,
    given_misses,
    kept_cases,
    kept_claims,
    kept_misses,
    prune_faults,
    save_fault,
)
from holdfast.vault.holdings_database import JournalError, translated

KEPT_EPOCHS: Final = 24
KEPT_PERIODS: Final = 30
KEPT_EPOCHS_MAX: Final = 720
AUDITS_KEPT: Final = 1 << 18

_HEADS: Final = sequence(HEAD.nested(), ENTRIES_MAX)
_TOTALS: Final = sequence(TOTAL.bare(), 1 << 24)
_REPLACED: Final = sequence(REPLACEMENT.bare(), 1 << 24)


class AuditJournal:
    """The open journal of one vault."""

    def __init__(self, path: Path, vault: VaultId, params: NetworkParams) -> None:
        self._vault = vault
        self._params = params
        with translated():
            self._sql = sqlite3.connect(
                path, isolation_level=None, check_same_thread=False
            )
            self._sql.execute("PRAGMA journal_mode = WAL")
            self._sql.execute("PRAGMA synchronous = FULL")
            (version,) = self._sql.execute("PRAGMA user_version").fetchone()
            if version == 0:
                self._sql.executescript(
                    f"BEGIN; {SCHEMA} PRAGMA user_version = {VERSION}; COMMIT;"
                )
        if version not in {0, VERSION}:
            raise JournalError(f"{path} has version {version}, not {VERSION}")
        with translated():
            self._sql.executescript(FAULT_SCHEMA)
        self._roots: dict[bytes, bool] = {}
        self._learn_roots()

    def close(self) -> None:
        """Let go of the file."""
        self._sql.close()

    def save(self, batch: Iterable[Saved]) -> None:
        """Make everything in the batch durable, or nothing; raises JournalError."""
        with self._transaction():
            for saved in batch:
                self._save(saved)

    def restore(self) -> Restored:
        """Return what was saved."""
        checkpoints = self._rows(
            "SELECT checkpoint, root, standing FROM checkpoints ORDER BY epoch"
        )
        signed = [
            (CheckpointSigned(CHECKPOINT.decode(c), self._declared(root)), standing)
            for c, root, standing in checkpoints[-4:]
        ]
        stood = [Stood(STANDING.decode(s), c.declared) for c, s in signed if s]
        own = self._rows(
            "SELECT certificate FROM certificates WHERE vault = ?", self._vault
        )
        certificates = tuple(STORAGE_CERTIFICATE.decode(c) for (c,) in own)
        roots = {c.checkpoint.value.root for c in certificates}
        return Restored(
            signed=signed[-1][0] if signed else None,
            stood=tuple(stood[-3:]),
            acknowledged=self._acknowledged(),
            votes=tuple(
                VoteGiven(VaultId(vault), epoch, Digest(checkpoint), Digest(answer))
                for vault, epoch, checkpoint, answer in self._rows(
                    "SELECT * FROM votes"
                )
            ),
            audits=self.audits(256),
            certificates=certificates,
            entries={root: self._entries(root) for root in roots & self._roots.keys()},
            collected=self._collected(),
            settled=self._settled(),
            certified_epochs=self._count(Outcome.CERTIFIED),
            records=tuple(
                VAULT_RECORD.decode(record)
                for (record,) in self._rows("SELECT record FROM records")
            ),
            misses_given=given_misses(self._rows),
            misses=kept_misses(self._rows),
            cases=kept_cases(self._rows),
            claims=kept_claims(self._rows),
        )

    def audits(self, count: int) -> tuple[AuditEnded, ...]:
        """Return our newest audits, oldest first."""
        rows = self._rows("SELECT * FROM audits ORDER BY epoch DESC LIMIT ?", count)
        found = (AuditEnded(e, Outcome(outcome), why) for e, outcome, why in rows)
        return tuple(reversed(list(found)))

    def certificate(self, vault: VaultId, epoch: int) -> StorageCertificate | None:
        """Return the certificate of one audit, if it is kept."""
        text = "SELECT certificate FROM certificates WHERE vault = ? AND epoch = ?"
        rows = self._rows(text, vault, epoch)
        return STORAGE_CERTIFICATE.decode(rows[0][0]) if rows else None

    def totals(self, period: int) -> Totals | None:
        """Return the totals of a settlement, if they are kept."""
        rows = self._rows("SELECT totals FROM settlements WHERE period = ?", period)
        return read_totals(rows[0][0]) if rows else None

    def prune(self, epoch: int, settled_epochs: int) -> None:
        """Drop what is too old at `epoch`; epochs before `settled_epochs` are paid."""
        old, period = epoch - KEPT_EPOCHS, self._params.period_of(epoch)
        with self._transaction():
            run = self._sql.execute
            unpaid = max(min(old, settled_epochs), epoch - KEPT_EPOCHS_MAX)
            run("DELETE FROM checkpoints WHERE epoch < ? - 8", (unpaid,))
            run("DELETE FROM votes WHERE epoch < ? - 2", (epoch,))
            run("DELETE FROM audits WHERE epoch < ?", (epoch - AUDITS_KEPT,))
            ours = (unpaid, self._vault)
            run("DELETE FROM certificates WHERE epoch < ? AND vault = ?", ours)
            theirs = (old, self._vault)
            run("DELETE FROM certificates WHERE epoch < ? AND vault <> ?", theirs)
            run("DELETE FROM collected WHERE epoch < ?", (settled_epochs,))
            kept = period - KEPT_PERIODS
            run("DELETE FROM settlements WHERE period < ?", (kept,))
            params = self._params
            window = params.window_unreachable + params.period_epochs
            prune_faults(run, epoch, window, kept)
            run(
                "DELETE FROM entries WHERE root NOT IN (SELECT root FROM checkpoints"
                " UNION SELECT root FROM acknowledged UNION SELECT root FROM collected)"
            )
        self._learn_roots()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with translated():
            self._sql.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._sql.execute("COMMIT")
            except BaseException:
                if self._sql.in_transaction:
                    self._sql.execute("ROLLBACK")
                self._learn_roots()
                raise

    def _learn_roots(self) -> None:
        roots = self._rows("SELECT root, heads IS NOT NULL FROM entries")
        self._roots = {root: bool(heads) for root, heads in roots}

    def _save(self, saved: Saved) -> None:
        run = self._sql.execute
        row: tuple[object, ...]
        match saved:
            case CheckpointSigned(checkpoint, declared):
                self._keep(declared.root, declared.entries, declared)
                row = (checkpoint.value.epoch, CHECKPOINT.encode(checkpoint))
                run(
                    "INSERT INTO checkpoints VALUES (?, ?, ?, NULL)",
                    (*row, declared.root),
                )
            case CheckpointStands(standing):
                epoch = standing.checkpoint.value.epoch
                text = "UPDATE checkpoints SET standing = ? WHERE epoch = ?"
                run(text, (STANDING.encode(standing), epoch))
            case AcknowledgementGiven(checkpoint, entries):
                value = checkpoint.value
                self._keep(value.root, entries)
                signed = CHECKPOINT.encode(checkpoint)
                run(
                    "REPLACE INTO acknowledged VALUES (?, ?, ?, ?)",
                    (value.vault, value.epoch, signed, value.root),
                )
            case VoteGiven(vault, epoch, digest, answer):
                row = (vault, epoch, digest, answer)
                run("REPLACE INTO votes VALUES (?, ?, ?, ?)", row)
            case AuditEnded(epoch, outcome, reason):
                row = (epoch, outcome.value, reason)
                run("REPLACE INTO audits VALUES (?, ?, ?)", row)
            case CertificateKept(certificate):
                vault = certificate.checkpoint.value.vault
                encoded = STORAGE_CERTIFICATE.encode(certificate)
                row = (vault, certificate.epoch, encoded)
                run("REPLACE INTO certificates VALUES (?, ?, ?)", row)
            case CertificateCollected():
                self._collect(saved)
            case TotalsSettled(certificate, totals):
                period = certificate.statement.period
                paid = [x for x in totals.leaves() if x.party != REPLACEMENT_LEAF]
                encoded = _TOTALS.write(paid) + _REPLACED.write(totals.replaced)
                row = (period, ANY_CERTIFICATE.encode(certificate), encoded)
                run("REPLACE INTO settlements VALUES (?, ?, ?)", row)
            case RecordKnown(record):
                row = (record.value.vault, VAULT_RECORD.encode(record))
                run("REPLACE INTO records VALUES (?, ?)", row)
            case _:
                save_fault(run, saved)

    def _collect(self, saved: CertificateCollected) -> None:
        certificate = saved.certificate
        value = certificate.checkpoint.value
        self._keep(value.root, saved.entries)
        self._sql.execute(
            "REPLACE INTO collected VALUES (?, ?, ?, ?, ?, ?)",
            (
                value.vault,
                certificate.epoch,
                value.digest(),
                STORAGE_CERTIFICATE.encode(certificate),
                value.root,
                saved.seconds,
            ),
        )

    def _keep(
        self, root: Digest, entries: Entries, declared: Declared | None = None
    ) -> None:
        if self._roots.get(root) or (declared is None and root in self._roots):
            return
        heads = None
        if declared is not None:
            heads = _HEADS.write(tuple(declared.heads.values()))
        row = (root, ENTRIES.encode(entries), heads)
        self._sql.execute("REPLACE INTO entries VALUES (?, ?, ?)", row)
        self._roots[root] = declared is not None

    def _entries(self, root: bytes) -> Entries:
        ((encoded,),) = self._rows("SELECT entries FROM entries WHERE root = ?", root)
        return ENTRIES.decode(encoded)

    def _declared(self, root: bytes) -> Declared:
        text = "SELECT entries, heads FROM entries WHERE root = ?"
        ((encoded, heads),) = self._rows(text, root)
        signed = _HEADS.read(Reader(heads))
        by_deal = {DealId(head.value.deal): head for head in signed}
        return Declared(ENTRIES.decode(encoded), by_deal)

    def _acknowledged(self) -> tuple[AcknowledgementGiven, ...]:
        rows = self._rows("SELECT checkpoint, root FROM acknowledged ORDER BY epoch")
        return tuple(
            AcknowledgementGiven(CHECKPOINT.decode(c), self._entries(root))
            for c, root in rows
        )

    def _count(self, outcome: Outcome) -> int:
        text = "SELECT count(*) FROM audits WHERE outcome = ?"
        ((found,),) = self._rows(text, outcome.value)
        return int(found)

    def _collected(self) -> tuple[CertificateCollected, ...]:
        rows = self._rows("SELECT certificate, root, seconds FROM collected")
        return tuple(
            CertificateCollected(
                STORAGE_CERTIFICATE.decode(c), self._entries(root), seconds
            )
            for c, root, seconds in sorted(rows, key=lambda row: row[2])
        )

    def _settled(self) -> tuple[TotalsSettled, ...]:
        text = (
            "SELECT certificate, totals FROM settlements ORDER BY period DESC LIMIT 2"
        )
        found = (
            TotalsSettled(ANY_CERTIFICATE.decode(c), read_totals(totals))
            for c, totals in self._rows(text)
        )
        return tuple(reversed(list(found)))

    def _rows(self, text: str, *values: object) -> list[tuple]:  # type: ignore[type-arg]
        with translated():
            return self._sql.execute(text, values).fetchall()


def read_totals(encoded: bytes) -> Totals:
    """Return the totals of one row of settlements."""
    earned: dict[VaultId, int] = {}
    spent: dict[DealId, int] = {}
    reader = Reader(encoded)
    for leaf in _TOTALS.read(reader):
        if leaf.party == VAULT_LEAF:
            earned[VaultId(leaf.id)] = leaf.grains
        else:
            spent[DealId(leaf.id)] = leaf.grains
    replaced = _REPLACED.read(reader)
    reader.finish()
    return Totals(earned, spent, replaced)
