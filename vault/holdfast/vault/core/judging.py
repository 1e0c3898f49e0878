"""Which ejections a member of the committee proposes, and which it signs.

It refuses what is invalid and what its own court contradicts; it never refuses a
statement because a case is left out.
"""

from collections.abc import Iterable

from holdfast.ledger.core import court
from holdfast.ledger.core.court import CaseError, judge_case
from holdfast.ledger.core.values import Listing
from holdfast.protocol.cases import Case
from holdfast.protocol.frozen import frozen
from holdfast.protocol.settlement import EJECTIONS_MAX, Ejection
from holdfast.protocol.units import Digest, VaultId
from holdfast.vault.core.case_book import CaseBook, Kept
from holdfast.vault.core.effects import Effect, Log
from holdfast.vault.core.fault_messages import OpenCase
from holdfast.vault.core.myself import Myself
from holdfast.vault.core.refusals import Refusal, RefusedError
from holdfast.vault.core.sittings import Court

Counted = Iterable[tuple[VaultId, int]]
"""The vault and the epoch of each certificate that a settlement counts."""


@frozen
class Review:
    """What keeps us from signing ejections: cases not seen, and cases objected to."""

    lacking: tuple[Digest, ...] = ()
    objected: tuple[Digest, ...] = ()


@frozen
class Weighed:
    """A case that convicts, with the ejection that it makes."""

    lying: bool
    lost_bytes: int
    ejection: Ejection

    @property
    def rank(self) -> tuple[bool, int, Digest]:
        """The higher, the sooner it is dealt with."""
        return self.lying, self.lost_bytes, self.ejection.case_digest


class Judging:
    """The machine of a member's verdicts."""

    def __init__(self, me: Myself, cases: CaseBook, sittings: Court) -> None:
        self._me = me
        self._cases = cases
        self._court = sittings
        self._period = -1
        self._lost: dict[Digest, int | None] = {}

    def brought(self, request: OpenCase, now: float) -> list[Effect]:
        """Take a case for this period's committee, or against ourselves.

        Raises RefusedError when it is not for us, or does not hold.
        """
        case, period = request.case, self._period_at(now)
        members = self._me.ledger.committee(period)
        if not members:
            raise RefusedError(Refusal.UNREADY, "the committee is not drawn yet")
        if self._me.id not in members and case.vault != self._me.id:
            raise RefusedError(Refusal.DENIED, "this vault is not in the committee")
        if self._cases.get(case.digest()) is not None:
            return []
        try:
            judge_case(case, self._me.ledger, self._me.epoch_at(now))
        except CaseError as error:
            raise RefusedError(Refusal.DENIED, str(error)) from error
        effects = self._cases.add(case, period)
        if case.vault == self._me.id:
            text = "a case was opened against this vault"
            effects.append(Log(text, {"fault": case.fault}, warning=True))
        return effects + self._court.step(now)

    def case(self, digest: Digest) -> Case | None:
        """Return a case for a member that lacks it."""
        kept = self._cases.get(digest)
        return kept.case if kept else None

    def in_session(self) -> bool:
        """Return whether our court is not done yet with everybody accused."""
        return self._court.in_session()

    def accuses(self, vault: VaultId, now: float) -> bool:
        """Return whether a case convicts a vault here: it must not leave itself out."""
        return any(
            kept.case.vault == vault
            and (kept.lying or self._court.convicts(vault))
            and self._weigh(kept, now) is not None
            for kept in self._cases.of_period(self._period_at(now))
        )

    def verdicts(self, now: float, counted: Counted) -> tuple[Ejection, ...]:
        """Return the ejections that we would sign: lying first, then the worst."""
        period = self._period_at(now)
        calm = court.is_calm(self._me.ledger, period - 1, counted)
        found: dict[VaultId, Weighed] = {}
        for kept in self._cases.of_period(period):
            vault = kept.case.vault
            if not kept.lying and not (calm and self._court.convicts(vault)):
                continue
            weighed = self._weigh(kept, now)
            known = found.get(vault)
            if weighed and (known is None or known.rank < weighed.rank):
                found[vault] = weighed
        worst = sorted(found.values(), key=lambda item: item.rank, reverse=True)
        lying = [item for item in worst if item.lying]
        missing = [item for item in worst if not item.lying]
        most = court.ejections_max(self._me.ledger, period)
        chosen = [*lying, *missing[:most]][:EJECTIONS_MAX]
        ejections = (item.ejection for item in chosen)
        return tuple(sorted(ejections, key=lambda ejection: ejection.vault))

    def review(
        self, now: float, ejections: tuple[Ejection, ...], counted: Counted
    ) -> Review:
        """Return what keeps us from signing; RefusedError says what is invalid."""
        vaults = [ejection.vault for ejection in ejections]
        if vaults != sorted(set(vaults)):
            raise RefusedError(Refusal.INVALID, "ejections must ascend by vault")
        found = {e.case_digest: self._cases.get(e.case_digest) for e in ejections}
        if lacking := tuple(digest for digest, kept in found.items() if kept is None):
            return Review(lacking=lacking)
        cases = {digest: kept for digest, kept in found.items() if kept}
        missing = [k.case for k in cases.values() if not k.lying]
        self._check_limits(now, len(missing), counted)
        for ejection in ejections:
            weighed = self._weigh(cases[ejection.case_digest], now)
            if weighed is None or weighed.ejection != ejection:
                text = "an ejection does not follow from its case"
                raise RefusedError(Refusal.DENIED, text)
        if not all(self._court.is_heard(case.vault) for case in missing):
            raise RefusedError(Refusal.UNREADY, "the court is still sitting here")
        free = (case for case in missing if not self._court.convicts(case.vault))
        return Review(objected=tuple(case.digest() for case in free))

    def _check_limits(self, now: float, missing: int, counted: Counted) -> None:
        period = self._period_at(now)
        if missing > court.ejections_max(self._me.ledger, period):
            raise RefusedError(Refusal.DENIED, "that is too many ejections at once")
        if missing and not court.is_calm(self._me.ledger, period - 1, counted):
            text = "too few vaults are certified for anybody to be ejected"
            raise RefusedError(Refusal.DENIED, text)

    def _weigh(self, kept: Kept, now: float) -> Weighed | None:
        """Return the ejection that a case makes now, if its evidence holds."""
        case, ledger = kept.case, self._me.ledger
        row, lost = ledger.row(case.vault), self._lost_bytes(case, now)
        listed = row and row.listing in {Listing.ACTIVE, Listing.UNBONDING}
        if lost is None or row is None or not listed:
            return None
        slashed = court.slashed(case, lost, row.stake, ledger)
        return Weighed(kept.lying, lost, Ejection(case.vault, slashed, case.digest()))

    def _lost_bytes(self, case: Case, now: float) -> int | None:
        """Judge a case once a period."""
        period, digest = self._period_at(now), case.digest()
        if period != self._period:
            self._period, self._lost = period, {}
        if digest not in self._lost:
            try:
                lost = judge_case(case, self._me.ledger, self._me.epoch_at(now))
            except CaseError:
                self._lost[digest] = None
            else:
                self._lost[digest] = lost
        return self._lost[digest]

    def _period_at(self, now: float) -> int:
        return self._me.params.period_of(self._me.epoch_at(now))
