"""What an audit found, laid out once: for a table, for a page and for programs."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from typing import Final

from holdfast.client import wording
from holdfast.client.audit_documents import (
    audit_document,
    deal_document,
    settlement_document,
)
from holdfast.client.core.auditing import AuditFinding, Verdict
from holdfast.client.core.auditing_deal import DealFinding, TermFinding
from holdfast.client.core.auditing_settlement import SettlementFinding
from holdfast.ledger.core.values import Listing, RegisteredVault
from holdfast.protocol.frozen import frozen
from holdfast.protocol.network import NetworkParams

Row = tuple[str, ...]


@frozen
class Table:
    """Rows under headings; a heading that starts with ">" leans right."""

    title: str
    columns: Row
    rows: tuple[Row, ...]


@frozen
class Cell:
    """One square of a grid: its verdict, and what is said when one points at it."""

    verdict: Verdict
    text: str


@frozen
class Grid:
    """Verdicts side by side: a row for each vault, a column for each epoch."""

    title: str
    columns: tuple[int, ...]
    rows: tuple[tuple[str, tuple[Cell | None, ...]], ...]


@frozen
class Bar:
    """One bar of a chart, with its value in words; of a verdict's colour, or plain."""

    label: str
    value: int
    text: str
    verdict: Verdict | None = None


@frozen
class Bars:
    """Bars of one measure: lying, a name beside each, or upright, over time."""

    title: str
    bars: tuple[Bar, ...]
    upright: bool = False


@frozen
class Report:
    """A finding as it is shown; `document` is what `--json` prints."""

    title: str
    holds: bool
    summary: str
    facts: tuple[tuple[str, str], ...]
    tables: tuple[Table, ...]
    charts: tuple[Grid | Bars, ...]
    document: Mapping[str, object] = field(default_factory=dict)


_AUDIT_COLUMNS: Final = ("verdict", ">votes", ">leaves", ">holds", "why")


def vault_report(
    params: NetworkParams, row: RegisteredVault, audits: Sequence[AuditFinding]
) -> Report:
    """Return the report on one vault's epochs, the newest first."""
    vault = row.vault
    rows = tuple((str(a.epoch), *audit_cells(a)) for a in audits)
    oldest_first = list(reversed(audits))
    shown = [audit for audit in oldest_first if audit.checkpoint]
    charts = (
        grid_of("Epochs", [(wording.short(vault), audits)]),
        Bars(
            "Bytes proved in each epoch",
            tuple(_bytes_bar(a) for a in shown),
            upright=True,
        ),
        Bars("Votes of its neighbours in each epoch", _vote_bars(shown), upright=True),
    )
    holds = all(audit.verdict.holds for audit in audits)
    return Report(
        f"Vault {wording.short(vault)}",
        holds,
        counts(audits),
        (*network_facts(params), ("Vault", vault.hex()), ("Listed", _listing(row))),
        (Table("", (">epoch", *_AUDIT_COLUMNS), rows),),
        charts,
        {
            "vault": vault,
            "listing": row.listing.name.lower(),
            "left_epoch": row.left_epoch,
            "holds": holds,
            "epochs": [audit_document(audit) for audit in audits],
        },
    )


def _listing(row: RegisteredVault) -> str:
    match row.listing:
        case Listing.ACTIVE:
            return f"active, since epoch {row.joined_epoch}"
        case Listing.UNBONDING:
            return f"leaving, since epoch {row.left_epoch}"
        case Listing.WITHDRAWN:
            return f"left, in epoch {row.left_epoch}"
        case Listing.EJECTED:
            how = f"`holdfast audit case --vault {wording.short(row.vault)}` shows why"
            return f"ejected, in epoch {row.left_epoch}; {how}"


def epoch_report(
    params: NetworkParams,
    epoch: int,
    audits: Sequence[AuditFinding],
    settlement: SettlementFinding | None,
) -> Report:
    """Return the report on all vaults in one epoch, and on the newest settlement."""
    rows = tuple((wording.short(a.vault), *audit_cells(a)) for a in audits)
    holds = all(audit.verdict.holds for audit in audits) and (
        settlement is None or settlement.holds
    )
    tables = [Table("", ("vault", *_AUDIT_COLUMNS), rows)]
    charts: list[Grid | Bars] = [
        Bars("Verdicts", _verdict_bars(audits)),
        Bars(
            "Bytes proved by each vault",
            tuple(
                Bar(wording.short(a.vault), _present(a), wording.size(_present(a)))
                for a in audits
                if a.verdict.is_proof
            ),
        ),
    ]
    document: dict[str, object] = {
        "epoch": epoch,
        "holds": holds,
        "vaults": [audit_document(audit) for audit in audits],
        "settlement": None,
    }
    if settlement is not None:
        tables.append(settlement_table(settlement))
        document["settlement"] = settlement_document(settlement)
    return Report(
        f"Epoch {epoch}",
        holds,
        counts(audits),
        (*network_facts(params), ("Vaults audited", f"{len(audits):,}")),
        tuple(tables),
        tuple(charts),
        document,
    )


def deal_report(params: NetworkParams, finding: DealFinding) -> Report:
    """Return the report on one deal and its holders."""
    deal = finding.deal
    spent = "not shown" if finding.spent is None else wording.hold(finding.spent)
    ended = deal.last_epoch(params)
    facts = (
        *network_facts(params),
        ("Deal", deal.id.hex()),
        ("Policy", f"any {deal.k} of {deal.n} holders bring everything back"),
        ("Capacity", f"{wording.size(deal.capacity)} for each holder"),
        ("Paid", f"from epoch {deal.opened_epoch} until before epoch {ended}"),
        ("Escrow", wording.hold(deal.escrow)),
        ("Spent", f"{spent}, settled up to period {finding.settled_period}"),
    )
    columns = (
        ">index",
        "vault",
        "held",
        ">certified",
        ">bytes",
        ">price per GiB",
        ">proved worth",
        "newest",
    )
    rows = tuple(_term_row(term) for term in finding.terms)
    grid = grid_of(
        "Its holders, epoch by epoch",
        [
            (f"{t.term.index} {wording.short(t.term.vault)}", t.audits)
            for t in finding.terms
        ],
    )
    now = [term for term in finding.terms if term.term.until_epoch is None]
    summary = [counts(audit for term in now for audit in term.audits)]
    if len(now) < len(finding.terms):
        summary.append(f"{len(finding.terms) - len(now)} replaced before")
    due = tuple(
        Bar(wording.short(t.term.vault), t.due, wording.hold(t.due))
        for t in finding.terms
    )
    return Report(
        f"Deal {wording.short(deal.id)}",
        finding.holds,
        "; ".join((*summary, *finding.faults)),
        facts,
        (Table("", columns, rows),),
        (grid, Bars("What the epochs looked at were worth", due)),
        deal_document(finding, ended),
    )


def grid_of(title: str, rows: Iterable[tuple[str, Sequence[AuditFinding]]]) -> Grid:
    """Return a grid of verdicts; its columns are the epochs, ascending."""
    listed = list(rows)
    epochs = sorted({audit.epoch for _, audits in listed for audit in audits})
    lines = []
    for label, audits in listed:
        found = {audit.epoch: audit for audit in audits}
        cells = tuple(_cell(found.get(epoch)) for epoch in epochs)
        lines.append((label, cells))
    return Grid(title, tuple(epochs), tuple(lines))


def counts(audits: Iterable[AuditFinding]) -> str:
    """Return "10 proved, 2 missed", the most frequent verdict first."""
    found = Counter(audit.verdict for audit in audits)
    said = [f"{number} {verdict.value}" for verdict, number in found.most_common()]
    return ", ".join(said) or "nothing to look at"


def audit_cells(audit: AuditFinding) -> Row:
    """Return a finding's part of a table row."""
    group, checkpoint = len(audit.group), audit.checkpoint
    return (
        audit.verdict.value,
        f"{len(audit.voters)} of {group}" if group else "",
        str(audit.leaves) if checkpoint else "",
        wording.size(checkpoint.present_bytes) if checkpoint else "",
        audit.reason,
    )


def settlement_table(finding: SettlementFinding) -> Table:
    """Return what is known of a settlement as rows of two."""
    statement = finding.statement
    totals = (
        f"{len(finding.leaves):,}, which make the signed root"
        if finding.leaves is not None
        else "no vault shows them"
    )
    rows = [
        ("signed by", f"{len(finding.signers)} of a committee of {finding.committee}"),
        ("totals", totals),
        ("vaults earned", wording.hold(statement.earned_total)),
        ("deals spent", wording.hold(statement.spent_total)),
        ("stakes lost", wording.hold(finding.slashed)),
        ("ejections", str(len(statement.ejections))),
        ("holds", "yes" if finding.holds else "NO: " + "; ".join(finding.faults)),
    ]
    title = f"Newest settlement, up to period {statement.period}"
    return Table(title, ("of it", "what the auditor found"), tuple(rows))


def network_facts(params: NetworkParams) -> tuple[tuple[str, str], ...]:
    """Return which network a report is about."""
    named = f"{params.name} ({params.network_id.hex()[:16]})"
    return (("Network", named), ("Epochs", f"of {wording.span(params.epoch_seconds)}"))


def _term_row(found: TermFinding) -> Row:
    term, entry = found.term, found.entry
    until = "now" if term.until_epoch is None else f"before {term.until_epoch}"
    newest = found.audits[0] if found.audits else None
    return (
        str(term.index),
        wording.short(term.vault),
        f"{term.since_epoch} to {until}",
        f"{found.certified} of {len(found.audits)}",
        wording.size(entry.present_bytes) if entry else "not shown",
        wording.hold(term.price),
        wording.hold(found.due),
        newest.verdict.value if newest else "",
    )


def _cell(audit: AuditFinding | None) -> Cell | None:
    if audit is None:
        return None
    text = f"epoch {audit.epoch}: {audit.verdict.value}. {audit.reason}"
    return Cell(audit.verdict, text)


def _present(audit: AuditFinding) -> int:
    return audit.checkpoint.present_bytes if audit.checkpoint else 0


def _bytes_bar(audit: AuditFinding) -> Bar:
    present = _present(audit)
    return Bar(str(audit.epoch), present, wording.size(present))


def _vote_bars(audits: Iterable[AuditFinding]) -> tuple[Bar, ...]:
    return tuple(
        Bar(str(a.epoch), len(a.voters), f"{len(a.voters)} of {len(a.group)}")
        for a in audits
    )


def _verdict_bars(audits: Iterable[AuditFinding]) -> tuple[Bar, ...]:
    found = Counter(audit.verdict for audit in audits)
    return tuple(
        Bar(
            verdict.value,
            found[verdict],
            wording.count(found[verdict], "vault"),
            verdict,
        )
        for verdict in Verdict
        if found[verdict]
    )
