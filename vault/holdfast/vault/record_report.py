"""What `holdfast vault record` shows: the record, by whose word, and the case."""

from pathlib import Path
from typing import Any

from holdfast.ledger.core.values import Listing
from holdfast.vault.case_export import export_case, with_conviction
from holdfast.vault.neighbours_word import hear
from holdfast.vault.record import AUDITS_SHOWN, as_json, as_text, record_of


async def shown_record(
    path: Path, *, every: bool, offline: bool, case_file: Path | None
) -> tuple[str, dict[str, Any]]:
    """Return the record of the vault in `path` as text and as a document.

    With `case_file` the case against it is written there. Raises what reading the
    directory raises, and with a case NoCaseError and LedgerError.
    """
    record, answered = record_of(path), 0
    if offline:
        source = "from its journal alone"
    else:
        heard = await hear(path, record)
        record, answered = heard.record, heard.answered
        source = f"from its journal, the ledger and {answered} other vaults"
        if record.listing is Listing.EJECTED and not record.accusations:
            record = await with_conviction(path, record)
        if not heard.ledger_reached:
            source = "from its journal alone: the ledger cannot be reached"
    text = as_text(record, None if every else AUDITS_SHOWN)
    lines = [text, "", f"({source})"]
    document = as_json(record) | {"neighbours_answered": answered}
    if record.standing().word == "ejected" and case_file is None:
        lines.append("`--case FILE` writes the case, which anybody can judge again")
    if case_file is not None:
        verdict = await export_case(path, case_file)
        lines.append(f"case written to {case_file}: {verdict.finding.value}")
        document |= {"case_file": str(case_file), "finding": verdict.finding.value}
    return "\n".join(lines), document
