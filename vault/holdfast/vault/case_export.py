"""Exporting the case against a vault's operator: his own copy, or what others keep.

Whether the vault runs does not matter. The rows of the ledger that the case is judged
with are read from the ledger itself, whoever showed the case.
"""

from pathlib import Path

from holdfast.ledger.core.case_files import Verdict, extract_of, judge_file
from holdfast.ledger.core.court import CaseError
from holdfast.ledger.core.followed import LedgerState
from holdfast.ledger.network_file import write_whole
from holdfast.ledger.port import Ledger
from holdfast.protocol.cases import CASE_FILE, CaseFile
from holdfast.protocol.errors import HoldfastError
from holdfast.vault.core.own_record import Accusation, OwnRecord, convicted
from holdfast.vault.neighbours_word import cases_of, followed, know_deals
from holdfast.vault.record import record_of


class NoCaseError(HoldfastError):
    """No case against the vault is known."""


async def export_case(path: Path, output: Path) -> Verdict:
    """Write the newest case against the vault in `path`, one that convicts first.

    Returns what the file says to whoever judges it. Raises NoCaseError, LedgerError,
    and what reading the directory raises.
    """
    record = record_of(path)
    best = await _best(path, record)
    if best is None:
        raise NoCaseError("nobody who answers has a case against this vault")
    write_whole(output, CASE_FILE.encode(best[0]), 0o644)
    return best[1]


async def with_conviction(path: Path, record: OwnRecord) -> OwnRecord:
    """Return the record of an ejected vault with the case that others keep.

    It was away when it was accused, so its journal has none. Raises LedgerError.
    """
    best = await _best(path, record)
    return convicted(record, best[0]) if best and best[1].guilty else record


async def _best(path: Path, record: OwnRecord) -> tuple[CaseFile, Verdict] | None:
    """Return the newest case against the vault, one that convicts first."""
    best: tuple[CaseFile, Verdict] | None = None
    async with followed(path) as (state, ledger):
        for kept in _own(record):
            best = best or await _judged(kept, state, ledger)
        if best is None or not best[1].guilty:
            async for shown in cases_of(path, state, record.vault):
                found = await _judged(shown, state, ledger)
                if found and (best is None or found[1].guilty):
                    best = found
                if best and best[1].guilty:
                    break
    return best


def _own(record: OwnRecord) -> list[Accusation]:
    """Return the cases in the journal, those that were upheld and the newest first."""
    return sorted(record.accusations, key=lambda one: (one.upheld is None, -one.period))


async def _judged(
    shown: CaseFile | Accusation, state: LedgerState, ledger: Ledger
) -> tuple[CaseFile, Verdict] | None:
    """Return a case with the ledger's own rows, and its verdict; None if it fails."""
    case, answer = shown.case, shown.answer
    upheld = shown.upheld if isinstance(shown, Accusation) else shown.certificate
    await know_deals(state, ledger, (case.answer, answer))
    try:
        made = CaseFile(extract_of(state, case, answer), case, upheld, answer)
        return made, judge_file(made)
    except CaseError:
        return None
