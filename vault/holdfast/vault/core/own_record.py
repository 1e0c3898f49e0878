"""A vault's own record: its audits, what is certified against it, and how it stands.

Nothing in it is secret: whoever asks its neighbours finds the same. Here it is put
together for its operator, who wants to know what is wrong before others act on it.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from holdfast.ledger.core.court import suspicion_of
from holdfast.ledger.core.values import Listing
from holdfast.protocol.answer import Answer
from holdfast.protocol.cases import Case, CaseFile
from holdfast.protocol.faults import MissCertificate
from holdfast.protocol.frozen import frozen
from holdfast.protocol.network import NetworkParams
from holdfast.protocol.placement import majority
from holdfast.protocol.settlement import Certificate
from holdfast.protocol.signing import Signed
from holdfast.protocol.units import Digest, Grains, VaultId
from holdfast.vault.core.saved import (
    AuditEnded,
    CaseAnswered,
    CaseKept,
    CaseUpheld,
    Outcome,
)


@frozen
class Accusation:
    """A case against the vault, judged in `period`, and how it ended so far."""

    case: Case
    period: int
    upheld: Certificate | None = None
    answer: Signed[Answer] | None = None

    def slashed(self) -> Grains:
        """Return what of the stake it cost."""
        ejections = self.upheld.statement.ejections if self.upheld else ()
        digest = self.case.digest()
        return sum(e.slashed for e in ejections if e.case_digest == digest)


@frozen
class Earned:
    """What the vault earned up to a settled period, and since the one before."""

    period: int
    total: Grains
    grains: Grains


@frozen
class Standing:
    """How a vault stands, in one word, and the reason in one sentence."""

    word: str
    reason: str


@dataclass(frozen=True)
class OwnRecord:
    """Everything a vault keeps about itself, as of `epoch`; the newest comes first.

    `listing` is what the ledger says of it, None while nobody asked.
    """

    vault: VaultId
    params: NetworkParams
    epoch: int
    audits: tuple[AuditEnded, ...]
    misses: tuple[MissCertificate, ...]
    accusations: tuple[Accusation, ...]
    earned: tuple[Earned, ...]
    listing: Listing | None = None

    def standing(self) -> Standing:
        """Return how it stands, by the ledger if that was asked, else by itself."""
        for accusation in self.accusations:
            if accusation.upheld is not None:
                period = accusation.upheld.statement.period + 1
                text = f"the committee of period {period} upheld a case against it"
                return Standing("ejected", text)
        if self.listing not in {None, Listing.ACTIVE}:
            assert self.listing
            return Standing(self.listing.name.lower(), "so the ledger lists it")
        reason = self._suspicion()
        if reason is not None:
            return Standing("suspect", reason)
        recent = self.recent()
        if not recent:
            ends = (
                f"ends in epoch {self.audits[0].epoch}" if self.audits else "is empty"
            )
            return Standing("unknown", f"its journal {ends}")
        proved = sum(audit.outcome is Outcome.CERTIFIED for audit in recent)
        return Standing(
            "active", f"it proved {proved} of its last {len(recent)} audits"
        )

    def recent(self) -> tuple[AuditEnded, ...]:
        """Return the audits within the window of missed epochs, without void ones."""
        oldest = self.epoch - self.params.window_reachable
        return tuple(
            audit
            for audit in self.audits
            if audit.epoch >= oldest and audit.outcome is not Outcome.VOID
        )

    def was_reached(self, miss: MissCertificate) -> bool:
        """Return whether a majority of its neighbours could reach it in that epoch."""
        reached = sum(witness.reachable for witness in miss.witnesses)
        # A small network's groups are smaller; then all of the witnesses must say so.
        return reached >= min(majority(self.params.group_size), len(miss.witnesses))

    def _suspicion(self) -> str | None:
        params = self.params
        reached = [miss for miss in self.misses if self.was_reached(miss)]
        reason = suspicion_of(params, self.misses, reached, self.epoch)
        if reason is not None:
            return reason
        missed = [a for a in self.recent() if a.outcome is Outcome.MISSED]
        if len(missed) >= params.missed_reachable:
            window = params.window_reachable
            return f"{len(missed)} of the last {window} epochs were missed, as it says"
        return None


def convicted(record: OwnRecord, file: CaseFile) -> OwnRecord:
    """Return a record with a case that others keep, and the misses in it.

    `file` was judged guilty; without the settlement that upheld it, nothing changes.
    """
    if file.certificate is None:
        return record
    period = file.certificate.statement.period + 1
    accusation = Accusation(file.case, period, file.certificate, file.answer)
    known = {miss.epoch: miss for miss in (*file.case.misses, *record.misses)}
    misses = tuple(known[epoch] for epoch in sorted(known, reverse=True))
    others = (one for one in record.accusations if one.case != file.case)
    return replace(record, accusations=(accusation, *others), misses=misses)


def accusations_of(
    vault: VaultId, kept: Iterable[CaseKept | CaseUpheld | CaseAnswered]
) -> tuple[Accusation, ...]:
    """Return the cases against a vault, the newest first, each with how it ended."""
    opened: dict[Digest, CaseKept] = {}
    upheld: dict[Digest, Certificate] = {}
    answered: dict[Digest, Signed[Answer]] = {}
    for item in kept:
        match item:
            case CaseKept(case, _) if case.vault == vault:
                opened[case.digest()] = item
            case CaseUpheld(digest, certificate):
                upheld[digest] = certificate
            case CaseAnswered(digest, answer):
                answered[digest] = answer
            case _:
                pass
    return tuple(
        Accusation(one.case, one.period, upheld.get(digest), answered.get(digest))
        for digest, one in reversed(opened.items())
    )


def earned_of(totals: Iterable[tuple[int, Grains]]) -> tuple[Earned, ...]:
    """Return earnings of (period, total so far) pairs, the newest period first."""
    found: list[Earned] = []
    before = 0
    for period, total in sorted(totals):
        found.append(Earned(period, total, total - before))
        before = total
    return tuple(reversed(found))
