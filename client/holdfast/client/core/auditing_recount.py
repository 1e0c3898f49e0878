"""An auditor's own sums: what the certificates he saw are worth, against what is paid.

A vault's sum is known when every epoch between two settlements is, and when answers
showed all entries of its checkpoints. Where something is missing, nothing is said.
"""

from collections.abc import Iterable

from holdfast.client.core.auditing import AuditFinding, Verdict
from holdfast.client.core.auditing_settlement import SettlementFinding, totals_of
from holdfast.ledger.core.followed import LedgerState
from holdfast.protocol.checkpoint import Checkpoint, Entry
from holdfast.protocol.earnings import entry_earned
from holdfast.protocol.frozen import frozen
from holdfast.protocol.settlement import REPLACEMENT_LEAF, VAULT_LEAF
from holdfast.protocol.units import DealId, Digest, Grains, VaultId

_UNPAID = frozenset({Verdict.IDLE, Verdict.VOID})


@frozen
class RecountFinding:
    """How many vaults were paid exactly, less, or unknowably; `faults` are sentences.

    Less is no fault: a certificate that came too late is not counted.
    """

    period: int
    exact: int
    less: int
    unknown: int
    faults: tuple[str, ...]


class Recount:
    """Remembers audits until they are settled, and compares each settlement."""

    def __init__(self, ledger: LedgerState) -> None:
        self._ledger = ledger
        self._audits: dict[tuple[VaultId, int], AuditFinding] = {}
        self._entries: dict[Digest, dict[DealId, Entry]] = {}
        self._before: SettlementFinding | None = None

    def take(self, audits: Iterable[AuditFinding]) -> None:
        """Remember an epoch's audits."""
        for audit in audits:
            self._audits[audit.vault, audit.epoch] = audit
            if audit.checkpoint is not None:
                known = self._entries.setdefault(audit.checkpoint.root, {})
                known.update((entry.deal, entry) for entry in audit.entries)

    def settled(self, now: SettlementFinding) -> RecountFinding | None:
        """Compare a settlement with the one before; None for the first one seen."""
        before, self._before = self._before, now if now.leaves is not None else None
        if before is None or before.leaves is None or now.leaves is None:
            return None
        finding = self._compare(before, now)
        self._forget(self._ledger.params.first_epoch(now.statement.period + 1))
        return finding

    def _compare(
        self, before: SettlementFinding, now: SettlementFinding
    ) -> RecountFinding:
        params = self._ledger.params
        first = params.first_epoch(before.statement.period + 1)
        end = params.first_epoch(now.statement.period + 1)
        assert before.leaves is not None
        assert now.leaves is not None
        had = totals_of(before.leaves, VAULT_LEAF)
        has = totals_of(now.leaves, VAULT_LEAF)
        # Who took over a lost holder's index is paid a bonus for rebuilding, once.
        bonus = _replacements(now) > _replacements(before)
        exact = less = unknown = 0
        faults = []
        for vault in self._ledger.vaults():
            worth = self._worth(vault, range(first, end))
            paid = has.get(vault, 0) - had.get(vault, 0)
            if worth is None or (paid > worth and bonus):
                unknown += 1
            elif paid > worth:
                over = paid - worth
                faults.append(
                    f"vault {vault.hex()[:12]} is paid {over} grains more than its "
                    f"certificates of epochs {first} to {end - 1} are worth"
                )
            else:
                exact += paid == worth
                less += paid < worth
        return RecountFinding(now.statement.period, exact, less, unknown, tuple(faults))

    def _worth(self, vault: VaultId, epochs: range) -> Grains | None:
        """Return what a vault's epochs are worth; None where that is not known."""
        worth = 0
        for epoch in epochs:
            audit = self._audits.get((vault, epoch))
            if audit is None:
                if self._ledger.is_audited(vault, epoch):
                    return None
                continue
            if audit.verdict in _UNPAID:
                continue
            if not audit.verdict.is_proof or audit.checkpoint is None:
                return None
            entries = self._known(audit.checkpoint)
            if entries is None:
                return None
            for entry in entries:
                deal = self._ledger.deal(entry.deal)
                if deal is None:
                    return None
                worth += entry_earned(entry, deal, vault, epoch, self._ledger.params)
        return worth

    def _known(self, checkpoint: Checkpoint) -> list[Entry] | None:
        known = self._entries.get(checkpoint.root, {})
        whole = len(known) == checkpoint.count
        return list(known.values()) if whole else None

    def _forget(self, before_epoch: int) -> None:
        self._audits = {
            key: audit for key, audit in self._audits.items() if key[1] >= before_epoch
        }
        used = {a.checkpoint.root for a in self._audits.values() if a.checkpoint}
        self._entries = {r: e for r, e in self._entries.items() if r in used}


def _replacements(finding: SettlementFinding) -> int:
    leaves = finding.leaves or ()
    return sum(leaf.party == REPLACEMENT_LEAF for leaf in leaves)
