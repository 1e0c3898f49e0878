"""An auditor's verdict on a deal: who holds it, what they proved, what was paid."""

from collections.abc import Mapping, Sequence

from holdfast.client.core.auditing import AuditFinding
from holdfast.ledger.core.followed import LedgerState
from holdfast.protocol.checkpoint import Entry
from holdfast.protocol.deal import Deal
from holdfast.protocol.earnings import entry_earned
from holdfast.protocol.frozen import frozen
from holdfast.protocol.pricing import earned
from holdfast.protocol.units import Grains, VaultId


@frozen
class Term:
    """Who holds an index of a deal, or held it; `until_epoch` is None while it does."""

    index: int
    vault: VaultId
    price: Grains
    since_epoch: int
    until_epoch: int | None


@frozen
class TermFinding:
    """One holder's audits while it held the index, newest first.

    `entry` is what it said it holds, as far as an answer shows it; `due` is what the
    certified epochs whose answers show the deal earned, `due_epochs` how many.
    """

    term: Term
    audits: tuple[AuditFinding, ...]
    entry: Entry | None
    due: Grains
    due_epochs: int

    @property
    def certified(self) -> int:
        """How many of the epochs looked at are certified."""
        return sum(audit.verdict.is_proof for audit in self.audits)


@frozen
class DealFinding:
    """What holds of a deal; `spent` is None where nobody proves the settled total."""

    deal: Deal
    terms: tuple[TermFinding, ...]
    settled_period: int
    spent: Grains | None
    faults: tuple[str, ...]

    @property
    def holds(self) -> bool:
        """Whether nothing is wrong with it, nor with its present holders' audits."""
        now = [finding for finding in self.terms if finding.term.until_epoch is None]
        audits = [audit for finding in now for audit in finding.audits]
        return not self.faults and all(audit.verdict.holds for audit in audits)


def terms_of(deal: Deal) -> tuple[Term, ...]:
    """Return everybody who holds or held an index: by index, the newest first."""
    terms = []
    for index, holder in enumerate(deal.holders):
        terms.append(Term(index, holder.vault, holder.price, holder.since_epoch, None))
        terms += [
            Term(index, past.vault, past.price, past.since_epoch, past.until_epoch)
            for past in reversed(deal.past)
            if past.index == index
        ]
    return tuple(terms)


def judge_deal(
    ledger: LedgerState,
    deal: Deal,
    audits: Mapping[VaultId, Sequence[AuditFinding]],
    spent: Grains | None,
) -> DealFinding:
    """Return the finding on a deal whose holders' epochs were audited."""
    terms = tuple(
        _judge_term(ledger, deal, term, audits.get(term.vault, ()))
        for term in terms_of(deal)
    )
    faults = []
    if spent is not None and not deal.refunded:
        if spent > deal.escrow:
            faults.append(f"it spent {spent - deal.escrow} grains more than its escrow")
        most = most_spent(ledger, deal)
        if spent > most:
            faults.append(
                f"it spent {spent - most} grains more than its full capacity would cost"
            )
    return DealFinding(deal, terms, ledger.settled_period, spent, tuple(faults))


def most_spent(ledger: LedgerState, deal: Deal) -> Grains:
    """Return what every holder would have earned so far with a full capacity."""
    params = ledger.params
    end = min(params.first_epoch(ledger.settled_period + 1), deal.last_epoch(params))
    most = 0
    for term in terms_of(deal):
        until = end if term.until_epoch is None else min(term.until_epoch, end)
        epochs = max(until - max(term.since_epoch, deal.opened_epoch), 0)
        most += epochs * earned(deal.capacity, term.price)
    return most


def _judge_term(
    ledger: LedgerState, deal: Deal, term: Term, audits: Sequence[AuditFinding]
) -> TermFinding:
    within = [audit for audit in audits if _is_within(term, audit.epoch)]
    within.sort(key=lambda audit: -audit.epoch)
    shown = [(audit, _entry(audit, deal)) for audit in within]
    due = [
        entry_earned(entry, deal, term.vault, audit.epoch, ledger.params)
        for audit, entry in shown
        if entry and audit.verdict.is_proof
    ]
    newest = next((entry for _, entry in shown if entry), None)
    return TermFinding(term, tuple(within), newest, sum(due), len(due))


def _is_within(term: Term, epoch: int) -> bool:
    ended = term.until_epoch is not None and epoch >= term.until_epoch
    return epoch >= term.since_epoch and not ended


def _entry(audit: AuditFinding, deal: Deal) -> Entry | None:
    found = (entry for entry in audit.entries if entry.deal == deal.id)
    return next(found, None)
