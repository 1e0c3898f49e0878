"""What a watch has seen so far: a line for each epoch, and all of it on one page."""

from collections.abc import Sequence
from dataclasses import asdict

from holdfast.client import wording
from holdfast.client.audit_documents import audit_document, settlement_document
from holdfast.client.audit_report import (
    Bar,
    Bars,
    Report,
    Table,
    counts,
    grid_of,
    network_facts,
    settlement_table,
)
from holdfast.client.audit_watch import WatchedEpoch
from holdfast.client.core.auditing import AuditFinding
from holdfast.client.core.auditing_recount import RecountFinding
from holdfast.protocol.network import NetworkParams
from holdfast.protocol.units import VaultId


def epoch_line(watched: WatchedEpoch) -> tuple[str, dict[str, object]]:
    """Return an epoch as one line for people and as a document for programs."""
    finding, settlement = watched.finding, watched.settlement
    mark = "✓" if watched.holds else "✗"
    proved = sum(_present(audit) for audit in finding.audits)
    line = f"{mark} epoch {finding.epoch}: {counts(finding.audits)}"
    line += f"; {wording.size(proved)} proved"
    if settlement is not None:
        statement = settlement.statement
        line += (
            f"; period {statement.period} settled by {len(settlement.signers)} of "
            f"{settlement.committee}: {wording.hold(statement.earned_total)} earned"
        )
    if watched.recount is not None:
        line += f", {recount_words(watched.recount)}"
    for fault in _faults(watched):
        line += f"\n    {fault}"
    document: dict[str, object] = {
        "epoch": finding.epoch,
        "holds": watched.holds,
        "proved_bytes": proved,
        "vaults": [audit_document(audit) for audit in finding.audits],
        "settlement": settlement_document(settlement) if settlement else None,
        "recount": asdict(watched.recount) if watched.recount else None,
    }
    return line, document


def recount_words(recount: RecountFinding) -> str:
    """Return how a settlement compares with what was seen proved, in a few words."""
    said = [f"{recount.exact} paid exactly"]
    if recount.less:
        said.append(f"{recount.less} less than proved")
    if recount.unknown:
        said.append(f"{recount.unknown} not recountable")
    return ", ".join(said)


def watch_report(params: NetworkParams, seen: Sequence[WatchedEpoch]) -> Report:
    """Return the report on everything that a watch has seen."""
    first, last = seen[0].finding.epoch, seen[-1].finding.epoch
    by_vault: dict[VaultId, list[AuditFinding]] = {}
    for watched in seen:
        for audit in watched.finding.audits:
            by_vault.setdefault(audit.vault, []).append(audit)
    rows = tuple(
        (
            str(watched.finding.epoch),
            counts(watched.finding.audits),
            "; ".join(_faults(watched)),
        )
        for watched in reversed(seen)
    )
    settled = [watched.settlement for watched in seen if watched.settlement]
    tables = [Table("", (">epoch", "verdicts", "what does not hold"), rows)]
    if settled:
        tables.append(settlement_table(settled[-1]))
    lines = [(wording.short(vault), audits) for vault, audits in by_vault.items()]
    every = [audit for audits in by_vault.values() for audit in audits]
    return Report(
        f"Epochs {first} to {last}",
        all(watched.holds for watched in seen),
        counts(every),
        network_facts(params),
        tuple(tables),
        (
            grid_of("Every vault, epoch by epoch", lines),
            Bars("Bytes proved in each epoch", _proved(seen), upright=True),
        ),
    )


def _proved(seen: Sequence[WatchedEpoch]) -> tuple[Bar, ...]:
    bars = []
    for watched in seen:
        proved = sum(_present(audit) for audit in watched.finding.audits)
        bars.append(Bar(str(watched.finding.epoch), proved, wording.size(proved)))
    return tuple(bars)


def _present(audit: AuditFinding) -> int:
    if audit.checkpoint is None or not audit.verdict.is_proof:
        return 0
    return audit.checkpoint.present_bytes


def _faults(watched: WatchedEpoch) -> list[str]:
    faults = [
        f"vault {wording.short(audit.vault)} {audit.verdict.value}: {audit.reason}"
        for audit in watched.finding.audits
        if not audit.verdict.holds
    ]
    faults += watched.settlement.faults if watched.settlement else ()
    faults += watched.recount.faults if watched.recount else ()
    return faults
