"""The cases known to this vault, with how they ended: what case files are made of."""

from dataclasses import dataclass
from functools import cached_property
from typing import Final

from holdfast.ledger.core.case_files import extract_of
from holdfast.ledger.core.court import LYING
from holdfast.protocol.answer import Answer
from holdfast.protocol.cases import Case, CaseFile, Fault
from holdfast.protocol.settlement import Certificate
from holdfast.protocol.signing import Signed
from holdfast.protocol.units import Digest, VaultId
from holdfast.vault.core.effects import Effect, Save
from holdfast.vault.core.myself import Myself
from holdfast.vault.core.saved import CaseAnswered, CaseKept, CaseUpheld, Restored

CASES_MAX: Final = 1024
VARIANTS_MAX: Final = 8
"""Neighbours open cases apart from each other, so one vault may have several."""


@dataclass
class Kept:
    """One case, the period in which it is judged, and how that ended."""

    case: Case
    period: int
    certificate: Certificate | None = None
    answer: Signed[Answer] | None = None

    @cached_property
    def lying(self) -> bool:
        """Whether it accuses of lying, which needs no court."""
        return self.case.fault in {fault.value for fault in LYING}


class CaseBook:
    """The kept cases by digest; the oldest make room."""

    def __init__(self, me: Myself, restored: Restored) -> None:
        self._me = me
        self._kept: dict[Digest, Kept] = {}
        self._settled = -1
        self._listed: tuple[int, list[Kept]] | None = None
        for saved in restored.cases:
            match saved:
                case CaseKept(case, period):
                    self._put(Kept(case, period))
                case CaseUpheld(digest, certificate) if digest in self._kept:
                    self._kept[digest].certificate = certificate
                case CaseAnswered(digest, answer) if digest in self._kept:
                    self._kept[digest].answer = answer
                case _:
                    pass

    def get(self, digest: Digest) -> Kept | None:
        """Return a case by its digest."""
        return self._kept.get(digest)

    def of_period(self, period: int) -> list[Kept]:
        """Return the cases to judge in a period: those of lying can wait for ever."""
        if self._listed is None or self._listed[0] != period:
            known = self._kept.values()
            found = [one for one in known if one.period == period or one.lying]
            self._listed = period, found
        return self._listed[1]

    def lying(self) -> list[Case]:
        """Return the cases of lying."""
        return [kept.case for kept in self._kept.values() if kept.lying]

    def has_lying(self, vault: VaultId, fault: Fault) -> bool:
        """Return whether a vault is accused of this kind of lying already."""
        named = (vault, fault.value)
        return any((case.vault, case.fault) == named for case in self.lying())

    def add(self, case: Case, period: int) -> list[Effect]:
        """Keep a case that holds."""
        digest = case.digest()
        known = self._kept.get(digest)
        if known is not None:
            return []
        self._put(Kept(case, period))
        return [Save(CaseKept(case, period))]

    def step(self) -> list[Effect]:
        """Note which cases the newest settlement upholds."""
        settlement = self._me.ledger.settlement
        if settlement is None or settlement.statement.period <= self._settled:
            return []
        self._settled = settlement.statement.period
        effects: list[Effect] = []
        for ejection in settlement.statement.ejections:
            kept = self._kept.get(ejection.case_digest)
            if kept is not None and kept.certificate is None:
                kept.certificate = settlement
                effects.append(Save(CaseUpheld(ejection.case_digest, settlement)))
        return effects

    def answered(
        self, vault: VaultId, period: int, answer: Signed[Answer]
    ) -> list[Effect]:
        """Keep the right answer of an accused with its cases of a period."""
        effects: list[Effect] = []
        for digest, kept in self._kept.items():
            if (kept.case.vault, kept.period, kept.answer) != (vault, period, None):
                continue
            if not kept.lying:
                kept.answer = answer
                effects.append(Save(CaseAnswered(digest, answer)))
        return effects

    def file(self, vault: VaultId) -> CaseFile | None:
        """Return the newest case against a vault as a file; one upheld goes first."""
        ours = [kept for kept in self._kept.values() if kept.case.vault == vault]
        if not ours:
            return None
        best = max(
            ours,
            key=lambda kept: (
                kept.certificate is not None,
                kept.answer is not None,
                kept.period,
            ),
        )
        answer = None if best.certificate else best.answer
        extract = extract_of(self._me.ledger, best.case, answer)
        return CaseFile(extract, best.case, best.certificate, answer)

    def _put(self, kept: Kept) -> None:
        self._listed = None
        digest, vault = kept.case.digest(), kept.case.vault
        same = [
            known
            for known, other in self._kept.items()
            if other.case.vault == vault and other.certificate is None
        ]
        if len(same) >= VARIANTS_MAX:
            del self._kept[same[0]]
        if len(self._kept) >= CASES_MAX:
            del self._kept[next(iter(self._kept))]
        self._kept[digest] = kept
