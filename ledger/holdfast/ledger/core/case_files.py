"""Case files: the rows of the ledger that a case is read with, and the verdict."""

from enum import Enum
from typing import Final

from holdfast.ledger.core import court
from holdfast.ledger.core.court import CaseError
from holdfast.ledger.core.followed import LedgerNews, LedgerState
from holdfast.ledger.core.values import Beacon, Listing, RegisteredVault
from holdfast.protocol.answer import Answer
from holdfast.protocol.cases import (
    BeaconRow,
    Case,
    CaseFile,
    DealKey,
    Extract,
    Fault,
    RegistryRow,
)
from holdfast.protocol.frozen import frozen
from holdfast.protocol.keys import vault_id
from holdfast.protocol.placement import majority
from holdfast.protocol.settlement import Certificate, Ejection
from holdfast.protocol.signing import Signed
from holdfast.protocol.units import AccountId, DealId, Digest, Grains, VaultId

STANDING_EPOCHS: Final = 24
_NOBODY: Final = AccountId(bytes(20))


class Finding(Enum):
    """What a case file says."""

    GUILTY = "guilty"
    ACQUITTED = "acquitted"
    NOT_JUDGED = "accused, not judged"


@frozen
class Verdict:
    """What follows from a case file alone; `slashed` and `period` if it was upheld.

    `extract` is the digest of the ledger rows it was read with: whoever follows the
    ledger compares it with that of his own.
    """

    vault: VaultId
    fault: Fault
    finding: Finding
    reason: str
    lost_bytes: int
    slashed: Grains | None
    period: int | None
    extract: Digest

    @property
    def guilty(self) -> bool:
        """Whether the case convicts."""
        return self.finding is Finding.GUILTY


def judge_file(file: CaseFile) -> Verdict:
    """Judge a case offline; raises CaseError when its evidence does not hold."""
    case, ledger = file.case, ledger_of(file.extract)
    fault = court.fault_named(case)
    period = _period(file, ledger)
    lost = court.judge_case(case, ledger, ledger.params.first_epoch(period))
    ejection = _upheld(file, ledger, lost) if file.certificate else None
    finding, reason = _finding(file, fault, ejection, ledger, period)
    return Verdict(
        case.vault,
        fault,
        finding,
        reason,
        lost,
        ejection.slashed if ejection else None,
        file.certificate.statement.period if file.certificate else None,
        file.extract.digest(),
    )


def extract_of(
    ledger: LedgerState, case: Case, answer: Signed[Answer] | None = None
) -> Extract:
    """Return the rows of the ledger that a case and its answer are read with."""
    epochs = _epochs(case)
    first = min(epochs) - STANDING_EPOCHS - 2 * ledger.params.period_epochs
    beacons = ledger.beacons(max(first, 0))
    return Extract(
        ledger.params,
        max(ledger.epoch, 0),
        tuple(_row(ledger, vault, case) for vault in ledger.numbered()),
        tuple(BeaconRow(epoch, value) for epoch, value in beacons.items()),
        _deal_keys(ledger, case.answer, answer),
        ledger.certifying_accounts(),
    )


def ledger_of(extract: Extract) -> LedgerState:
    """Return a ledger's state that knows nothing but the extract."""
    by_accounts = bool(extract.accounts)
    state = LedgerState(extract.params, accounts_certify=by_accounts)
    accounts = extract.accounts or (_NOBODY,) * len(extract.vaults)
    rows = tuple(
        RegisteredVault(
            vault_id(row.identity_key),
            number,
            row.identity_key,
            row.bls_key,
            account,
            _NOBODY,
            0,
            0,
            _listing(row.listing),
            row.joined_epoch,
            row.left_epoch,
            0,
            0,
        )
        for number, (row, account) in enumerate(
            zip(extract.vaults, accounts, strict=True)
        )
    )
    beacons = tuple(Beacon(row.epoch, row.value) for row in extract.beacons)
    state.absorb(LedgerNews(0, extract.epoch, beacons, rows))
    state.know_keys({item.deal: item.key for item in extract.deals})
    return state


def _period(file: CaseFile, ledger: LedgerState) -> int:
    """Return in which period the case was, or would have been, judged."""
    if file.certificate is not None:
        return file.certificate.statement.period + 1
    return ledger.params.period_of(max(_epochs(file.case))) + 1


def _finding(
    file: CaseFile,
    fault: Fault,
    ejection: Ejection | None,
    ledger: LedgerState,
    period: int,
) -> tuple[Finding, str]:
    if fault is Fault.TWO_CHECKPOINTS:
        return Finding.GUILTY, "it signed two different checkpoints of one epoch"
    if fault is Fault.FALSE_VOTE:
        return Finding.GUILTY, "it voted for an answer that proves nothing"
    missed = f"{len(file.case.misses)} epochs were missed" + (
        " while it could be reached" if fault is Fault.MISSED else ""
    )
    if ejection is not None:
        why = "the committee saw no right answer of it"
        return Finding.GUILTY, f"{missed}, and {why}"
    answer = file.answer
    if answer is not None and answer.value.epoch in court.court_epochs(ledger, period):
        if court.acquits(answer, file.case.vault, ledger):
            text = f"{missed}, but in court it proved what it holds"
            return Finding.ACQUITTED, text
        raise CaseError("the answer that should acquit proves nothing")
    return Finding.NOT_JUDGED, f"{missed}; no settlement names the case"


def _upheld(file: CaseFile, ledger: LedgerState, lost: int) -> Ejection:
    """Return the ejection that names the case, or raise CaseError."""
    certificate, digest = file.certificate, file.case.digest()
    assert certificate
    check_certificate(certificate, ledger)
    for ejection in certificate.statement.ejections:
        if (ejection.vault, ejection.case_digest) == (file.case.vault, digest):
            due = court.slashed(file.case, lost, ejection.slashed, ledger)
            if ejection.slashed > due:
                raise CaseError("more was slashed than the bytes lost cost")
            return ejection
    raise CaseError("the settlement does not name this case")


def check_certificate(certificate: Certificate, ledger: LedgerState) -> None:
    """Raise CaseError unless a majority of its committee signed a settlement."""
    statement = certificate.statement
    members = ledger.committee(statement.period + 1)
    ranks = certificate.ranks()
    if statement.network != ledger.network_id or not members:
        raise CaseError("the settlement is of another network, or of no committee")
    if any(rank >= len(members) for rank in ranks):
        raise CaseError("a signer of the settlement is not in the committee")
    if len(ranks) < majority(len(members)):
        raise CaseError("less than a majority of the committee signed the settlement")
    if not ledger.is_certified(certificate):
        raise CaseError("the settlement's signature does not fit")


def _epochs(case: Case) -> list[int]:
    """Return the epochs that a case speaks of; raises CaseError if there are none."""
    epochs = [miss.epoch for miss in case.misses]
    epochs += [signed.value.epoch for signed in case.checkpoints if not case.misses]
    if case.certificate is not None:
        epochs.append(case.certificate.epoch)
    if not epochs:
        raise CaseError("the case shows nothing")
    return epochs


def _row(ledger: LedgerState, vault: VaultId, case: Case) -> RegistryRow:
    row = ledger.row(vault)
    assert row
    listing = row.listing
    if vault == case.vault and listing is Listing.EJECTED:
        listing = _before_verdict(ledger, row, case)
    joined = max(row.joined_epoch, 0)
    return RegistryRow(
        row.identity_key, row.bls_key, joined, row.left_epoch, listing.value
    )


def _before_verdict(ledger: LedgerState, row: RegisteredVault, case: Case) -> Listing:
    """Return how the accused was listed: ejected while unbonding, it was audited."""
    inside = all(case.vault in ledger.registry(epoch) for epoch in _epochs(case))
    return row.listing if inside else Listing.UNBONDING


def _listing(value: int) -> Listing:
    try:
        return Listing(value)
    except ValueError as error:
        raise CaseError("a vault of the extract is listed as nothing") from error


def _deal_keys(
    ledger: LedgerState, *answers: Signed[Answer] | None
) -> tuple[DealKey, ...]:
    named: set[DealId] = {
        proof.entry.deal
        for answer in answers
        if answer is not None
        for proof in answer.value.entries
    }
    keys = {deal: ledger.deal_key(deal) for deal in sorted(named)}
    return tuple(DealKey(deal, key) for deal, key in keys.items() if key is not None)
