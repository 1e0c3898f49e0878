"""Verifying archived settlements without a network, and saying what holds."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from holdfast.client import wording
from holdfast.client.exit_codes import ExitCode
from holdfast.client.output import Output
from holdfast.protocol.errors import ProtocolError

if TYPE_CHECKING:
    from holdfast.client.core.bill_evidence import BillVerdict
    from holdfast.protocol.cases import Extract


def verify_bills(
    output: Output, files: Sequence[Path], ledger: Path | None, prefix: str
) -> int:
    """Tell of each file whether it holds; return the exit code, 0 if all do.

    `ledger` is the extract to judge by, if not the one beside each file. Totals of
    deals whose id does not start with `prefix` are not shown.
    """
    documents = [_verified(output, path, ledger, prefix.lower()) for path in files]
    output.result({"files": documents})
    held = all(document["holds"] for document in documents)
    return ExitCode.OK if held else ExitCode.UNTRUE


def _verified(
    output: Output, path: Path, ledger: Path | None, prefix: str
) -> dict[str, object]:
    from holdfast.client.bill_archive import (  # noqa: PLC0415 # slow to import
        ledger_beside,
        read_extract,
        read_settled,
    )
    from holdfast.client.core.bill_evidence import judge_bill  # noqa: PLC0415

    try:
        extract = read_extract(ledger or ledger_beside(path))
        verdict = judge_bill(read_settled(path), extract)
    except OSError as error:
        reason = f"{error.filename} cannot be read: {error.strerror}"
    except ProtocolError as error:
        reason = str(error)
    else:
        _show(output, path, verdict, extract, prefix)
        return _document(path, verdict, extract)
    output.warn(f"{path} does not hold: {reason}")
    return {"file": path, "holds": False, "faults": [reason]}


def _show(
    output: Output, path: Path, verdict: "BillVerdict", extract: "Extract", prefix: str
) -> None:
    statement = verdict.settled.certificate.statement
    for fault in verdict.faults:
        output.warn(f"{path} does not hold: {fault}")
    if verdict.faults:
        return
    output.say(
        f"{path.name}: period {statement.period:,} of network {extract.params.name}, "
        f"certified by {len(verdict.signers)} of {verdict.committee} drawn members"
    )
    output.say(f"  Settlement {statement.root.hex()}")
    output.say(f"  Judged by the ledger's extract {extract.digest().hex()}")
    for deal, spent in sorted(verdict.settled.spent().items()):
        if deal.hex().startswith(prefix):
            said = wording.hold(spent)
            output.say(f"  Deal {wording.short(deal)} had spent {said} by then")


def _document(
    path: Path, verdict: "BillVerdict", extract: "Extract"
) -> dict[str, object]:
    statement = verdict.settled.certificate.statement
    return {
        "file": path,
        "holds": verdict.holds,
        "faults": list(verdict.faults),
        "period": statement.period,
        "network": statement.network,
        "settlement_root": statement.root,
        "committee": verdict.committee,
        "signers": list(verdict.signers),
        "extract": extract.digest(),
        "spent_grains": {
            deal.hex(): grains for deal, grains in verdict.settled.spent().items()
        },
    }
