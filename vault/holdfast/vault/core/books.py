"""The settlement that comes next: what it starts from and what it would state."""

from collections.abc import Iterable, Sequence
from typing import Final

from holdfast.ledger.core.replacing import with_replacements
from holdfast.protocol.earnings import summed
from holdfast.protocol.settlement import Ejection, Statement, Totals
from holdfast.protocol.takeover import SignedTakeover
from holdfast.protocol.units import Digest, Grains
from holdfast.vault.core.effects import Effect, Save
from holdfast.vault.core.myself import Myself
from holdfast.vault.core.proof_store import Proof, ProofStore
from holdfast.vault.core.takeover_book import TakeoverBook
from holdfast.vault.core.takeover_messages import Listed
from holdfast.vault.core.totals_book import ProvenTotals, TotalsBook

CANDIDATES_MAX: Final = 16


class Books:
    """Proofs, settled totals, and totals computed for statements not yet settled."""

    def __init__(
        self,
        me: Myself,
        proofs: ProofStore,
        settled: TotalsBook,
        claims: Iterable[SignedTakeover] = (),
    ) -> None:
        self._me = me
        self.proofs = proofs
        self.settled = settled
        self.takeovers = TakeoverBook(me, claims)
        self._candidates: dict[Digest, Totals] = {}

    def period_due(self, now: float) -> int:
        """Return the period that the current committee settles."""
        return self._me.params.period_of(self._me.epoch_at(now)) - 1

    def is_settled(self, period: int) -> bool:
        """Return whether the ledger has the settlement of a period, or a later one."""
        return self._me.ledger.settled_period >= period

    def base(self) -> ProvenTotals | None:
        """Return the newest settlement's totals; None while they are not known."""
        newest = self._me.ledger.settled_period
        if newest < 0:
            return ProvenTotals(newest, Totals({}, {}))
        return self.settled.get(newest)

    def open_epochs(self, period: int) -> tuple[int, int]:
        """Return the epochs [first, end) that the settlement of `period` adds."""
        params = self._me.params
        first = params.first_epoch(self._me.ledger.settled_period + 1)
        return first, params.first_epoch(period + 1)

    def due_proofs(self, period: int) -> list[Proof]:
        """Return the proofs known that the settlement of `period` adds."""
        first, end = self.open_epochs(period)
        return self.proofs.between(first, end)

    def state(
        self,
        period: int,
        counted: Iterable[Proof],
        ejections: tuple[Ejection, ...] = (),
        listed: tuple[Listed, ...] = (),
    ) -> Statement | None:
        """Return the statement that counts these proofs; None without a base."""
        base = self.base()
        if base is None:
            return None
        proved = [proof.proved for proof in counted]
        ledger = self._me.ledger
        totals = summed(base.totals, proved, ledger.deal, self._me.params)
        carried = [one.replacement for one in listed if one.claim is None]
        rebuilt, slashed = self.takeovers.rebuilt(listed), self._slashed(ejections)
        totals = with_replacements(
            totals, base.totals, carried, rebuilt, ledger, slashed
        )
        return self._stated(period, totals, ejections)

    def adopt(self) -> list[Effect]:
        """Keep the totals of the newest settlement, if we computed them."""
        certificate = self._me.ledger.settlement
        if certificate is None or self.base() is not None:
            return []
        totals = self._candidates.get(certificate.statement.root)
        return [] if totals is None else self.take(totals)

    def take(self, totals: Totals) -> list[Effect]:
        """Keep totals if they are those of the newest settlement."""
        certificate = self._me.ledger.settlement
        if certificate is None:
            return []
        settled = self.settled.adopt(certificate, totals)
        return [] if settled is None else [Save(settled)]

    def forget_settled(self) -> None:
        """Drop the proofs of settled epochs."""
        first, _ = self.open_epochs(self._me.ledger.settled_period)
        self.proofs.drop_before(first)

    def _slashed(self, ejections: tuple[Ejection, ...]) -> Grains:
        """Return what the ledger will take of these vaults' stakes."""
        rows = ((self._me.ledger.row(one.vault), one.slashed) for one in ejections)
        return sum(min(row.stake, slashed) for row, slashed in rows if row)

    def _stated(
        self, period: int, totals: Totals, ejections: tuple[Ejection, ...]
    ) -> Statement:
        proven = ProvenTotals(period, totals)
        self._candidates[proven.root] = totals
        while len(self._candidates) > CANDIDATES_MAX:
            del self._candidates[next(iter(self._candidates))]
        return Statement(
            self._me.network,
            period,
            proven.root,
            len(proven.leaves),
            sum(totals.earned.values()),
            sum(totals.spent.values()),
            ejections,
        )


def known_for(proofs: Sequence[Proof], now: float, seconds: float) -> Iterable[Proof]:
    """Yield the proofs that have been known for at least so long."""
    return (proof for proof in proofs if proof.since_seconds <= now - seconds)
