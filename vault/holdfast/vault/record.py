"""The record of the vault in a directory, read from its journal, running or not.

The journal is opened for reading only, so a running vault is not disturbed.
"""

import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from holdfast.ledger.core.errors import hold
from holdfast.protocol.record import VAULT_RECORD, VaultRecord
from holdfast.protocol.units import VaultId
from holdfast.vault.audit_journal import read_totals
from holdfast.vault.audit_schema import VERSION
from holdfast.vault.config import VaultDirectory
from holdfast.vault.core.own_record import (
    Accusation,
    OwnRecord,
    accusations_of,
    earned_of,
)
from holdfast.vault.core.saved import AuditEnded, Outcome
from holdfast.vault.fault_journal import kept_cases, kept_misses
from holdfast.vault.holdings_database import JournalError, translated

AUDITS_SHOWN: Final = 24
_FAULTS: Final = {1: "missed", 2: "away", 3: "two checkpoints", 4: "false vote"}
Rows = Callable[..., list[Any]]


def record_of(path: Path, now: float | None = None) -> OwnRecord:
    """Return the record of the vault in a directory; its audits are all there are.

    Raises ConfigError, LedgerFileError or JournalError.
    """
    directory = VaultDirectory(path)
    vault = directory.keys().vault_id
    params = directory.network().params
    epoch = params.epoch_at(time.time() if now is None else now)
    with _reading(path / "audits.db") as rows:
        if rows is None:
            return OwnRecord(vault, params, epoch, (), (), (), ())
        audits = rows("SELECT epoch, outcome, reason FROM audits ORDER BY epoch DESC")
        misses = [kept.certificate for kept in _faults(rows, "misses", kept_misses)]
        ours = [miss for miss in misses if miss.vault == vault]
        return OwnRecord(
            vault,
            params,
            epoch,
            tuple(AuditEnded(e, Outcome(how), why) for e, how, why in audits),
            tuple(sorted(ours, key=lambda miss: -miss.epoch)),
            accusations_of(vault, _faults(rows, "cases", kept_cases)),
            earned_of(_totals(rows, vault)),
        )


def peer_records(path: Path) -> dict[VaultId, VaultRecord]:
    """Return the records of other vaults that the journal in a directory has."""
    with _reading(path / "audits.db") as rows:
        found = rows("SELECT record FROM records") if rows else ()
    records = (VAULT_RECORD.decode(record).value for (record,) in found)
    return {record.vault: record for record in records}


def as_json(record: OwnRecord, audits: int | None = None) -> dict[str, Any]:
    """Return a record for machines: the newest `audits`, or all; grains and ids."""
    standing = record.standing()
    return {
        "vault": record.vault.hex(),
        "epoch": record.epoch,
        "standing": standing.word,
        "reason": standing.reason,
        "audits": [
            {"epoch": a.epoch, "outcome": a.outcome.value, "reason": a.reason}
            for a in record.audits[:audits]
        ],
        "demerits": [
            {
                "epoch": miss.epoch,
                "reachable": record.was_reached(miss),
                "witnesses": [
                    {"vault": w.signer.hex(), "reachable": bool(w.reachable)}
                    for w in miss.witnesses
                ],
            }
            for miss in record.misses
        ],
        "cases": [_case_json(accusation) for accusation in record.accusations],
        "earned": [
            {"period": e.period, "grains": e.grains, "total_grains": e.total}
            for e in record.earned
        ],
    }


def as_text(record: OwnRecord, audits: int | None = AUDITS_SHOWN) -> str:
    """Return a record for people: the newest `audits`, or all."""
    standing = record.standing()
    lines = [
        f"vault {record.vault.hex()[:16]}, epoch {record.epoch}",
        f"  {standing.word}: {standing.reason}",
        "",
        "Audits, the newest first",
    ]
    shown = record.audits[:audits]
    rows = [(str(a.epoch), a.outcome.value, a.reason) for a in shown]
    lines += _table(("epoch", "outcome", "why"), rows)
    if len(shown) < len(record.audits):
        lines.append(f"  … and {len(record.audits) - len(shown)} before them (--all)")
    lines += ["", "Missed epochs that a majority of neighbours certified"]
    lines += _table(("epoch", "seen as", "signed by"), _demerits(record))
    lines += ["", "Cases against this vault"]
    cases = [
        (str(a.period), _FAULTS.get(a.case.fault, "unknown"), _ended(a))
        for a in record.accusations
    ]
    lines += _table(("period", "fault", "how it ended"), cases)
    lines += ["", "Earned, by settled period"]
    paid = [(str(e.period), hold(e.grains), hold(e.total)) for e in record.earned]
    return "\n".join(lines + _table(("period", "earned", "so far"), paid))


def _demerits(record: OwnRecord) -> list[tuple[str, ...]]:
    return [
        (
            str(miss.epoch),
            "reachable" if record.was_reached(miss) else "unreachable",
            ", ".join(witness.signer.hex()[:12] for witness in miss.witnesses),
        )
        for miss in record.misses
    ]


def _case_json(accusation: Accusation) -> dict[str, Any]:
    case = accusation.case
    return {
        "digest": case.digest().hex(),
        "period": accusation.period,
        "fault": _FAULTS.get(case.fault, "unknown"),
        "epochs": [miss.epoch for miss in case.misses],
        "ended": _ended(accusation),
        "slashed_grains": accusation.slashed(),
    }


def _ended(accusation: Accusation) -> str:
    if accusation.upheld is not None:
        return f"upheld: ejected, and {hold(accusation.slashed())} of the stake lost"
    if accusation.answer is not None:
        return "dismissed: it proved what it holds in court"
    return "not judged, or not upheld"


def _table(columns: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> list[str]:
    if not rows:
        return ["  none"]
    widths = [max(map(len, cells)) for cells in zip(columns, *rows, strict=True)]
    lines = []
    for cells in (columns, *rows):
        padded = (cell.ljust(w) for cell, w in zip(cells, widths, strict=True))
        lines.append(("  " + "  ".join(padded)).rstrip())
    return lines


def _totals(rows: Rows, vault: VaultId) -> Iterator[tuple[int, int]]:
    for period, encoded in rows("SELECT period, totals FROM settlements"):
        yield period, read_totals(encoded).earned.get(vault, 0)


def _faults(rows: Rows, table: str, read: Callable[[Rows], Any]) -> Any:  # noqa: ANN401 # what `read` gives
    """Return what a table has; a journal of an older release lacks it."""
    found = rows("SELECT 1 FROM sqlite_master WHERE name = ?", table)
    return read(rows) if found else ()


@contextmanager
def _reading(path: Path) -> Iterator[Rows | None]:
    """Give a way to read a journal; None where the vault never ran."""
    if not path.exists():
        yield None
        return
    with translated():
        sql = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)

        def rows(text: str, *values: object) -> list[Any]:
            return sql.execute(text, values).fetchall()

        try:
            ((version,),) = rows("PRAGMA user_version")
            if version != VERSION:
                raise JournalError(f"{path} has version {version}, not {VERSION}")
            yield rows
        finally:
            sql.close()
