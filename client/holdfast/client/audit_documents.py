"""What an audit found, as `--json` prints it: ids in hexadecimal, tokens in grains."""

from holdfast.client.core.auditing import AuditFinding
from holdfast.client.core.auditing_deal import DealFinding, TermFinding
from holdfast.client.core.auditing_settlement import SettlementFinding


def audit_document(audit: AuditFinding) -> dict[str, object]:
    """Return a finding as `--json` prints it."""
    checkpoint = audit.checkpoint
    return {
        "vault": audit.vault,
        "epoch": audit.epoch,
        "verdict": audit.verdict.value,
        "holds": audit.verdict.holds,
        "reason": audit.reason,
        "group": list(audit.group),
        "voters": list(audit.voters),
        "leaves_verified": audit.leaves,
        "checkpoint": {
            "epoch": checkpoint.epoch,
            "root": checkpoint.root,
            "deals": checkpoint.count,
            "present_bytes": checkpoint.present_bytes,
        }
        if checkpoint
        else None,
    }


def settlement_document(finding: SettlementFinding) -> dict[str, object]:
    """Return a settlement's finding as `--json` prints it."""
    statement = finding.statement
    return {
        "period": statement.period,
        "holds": finding.holds,
        "faults": list(finding.faults),
        "root": statement.root,
        "committee": finding.committee,
        "signers": list(finding.signers),
        "totals": statement.count,
        "totals_verified": finding.leaves is not None,
        "earned_grains": statement.earned_total,
        "spent_grains": statement.spent_total,
        "slashed_grains": finding.slashed,
        "ejections": [
            {"vault": e.vault, "slashed_grains": e.slashed, "case": e.case_digest}
            for e in statement.ejections
        ],
    }


def deal_document(finding: DealFinding, last_epoch: int) -> dict[str, object]:
    """Return a deal's finding as `--json` prints it."""
    deal = finding.deal
    return {
        "deal": deal.id,
        "holds": finding.holds,
        "faults": list(finding.faults),
        "k": deal.k,
        "n": deal.n,
        "capacity": deal.capacity,
        "opened_epoch": deal.opened_epoch,
        "last_epoch": last_epoch,
        "escrow_grains": deal.escrow,
        "spent_grains": finding.spent,
        "settled_period": finding.settled_period,
        "holders": [_term_document(found) for found in finding.terms],
    }


def _term_document(found: TermFinding) -> dict[str, object]:
    entry = found.entry
    return {
        "index": found.term.index,
        "vault": found.term.vault,
        "price": found.term.price,
        "since_epoch": found.term.since_epoch,
        "until_epoch": found.term.until_epoch,
        "certified_epochs": found.certified,
        "due_grains": found.due,
        "due_epochs": found.due_epochs,
        "head_sequence": entry.sequence if entry else None,
        "held_bytes": entry.held_bytes if entry else None,
        "present_bytes": entry.present_bytes if entry else None,
        "epochs": [audit_document(audit) for audit in found.audits],
    }
