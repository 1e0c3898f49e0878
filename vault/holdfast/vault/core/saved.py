"""What the audit side keeps across restarts: each value is saved before it shows."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from holdfast.protocol.answer import Answer
from holdfast.protocol.cases import Case
from holdfast.protocol.checkpoint import (
    Entries,
    SignedCheckpoint,
    StandingCheckpoint,
    StorageCertificate,
)
from holdfast.protocol.faults import Miss, MissCertificate
from holdfast.protocol.frozen import frozen
from holdfast.protocol.record import SignedRecord
from holdfast.protocol.settlement import Certificate, Totals
from holdfast.protocol.signing import Signed
from holdfast.protocol.takeover import SignedTakeover
from holdfast.protocol.units import Digest, VaultId
from holdfast.vault.core.declared import Declared, Stood


class Outcome(Enum):
    """How one of our audits ended."""

    CERTIFIED = "certified"
    MISSED = "missed"  # the answer was wrong, or not ready
    UNVOTED = "unvoted"  # it was good and sent, but no majority voted in time
    VOID = "void"  # there was nothing to answer


@frozen
class CheckpointSigned:
    """We signed this checkpoint; no other of its epoch will ever be signed."""

    checkpoint: SignedCheckpoint
    declared: Declared


@frozen
class CheckpointStands:
    """A majority acknowledged our checkpoint."""

    standing: StandingCheckpoint


@frozen
class AcknowledgementGiven:
    """We acknowledged another vault's checkpoint, with these entries."""

    checkpoint: SignedCheckpoint
    entries: Entries


@frozen
class VoteGiven:
    """We voted for a vault's answer of `epoch` on this checkpoint."""

    vault: VaultId
    epoch: int
    checkpoint: Digest
    answer: Digest


@frozen
class AuditEnded:
    """One of our epochs: how it ended and, unless certified, why."""

    epoch: int
    outcome: Outcome
    reason: str = ""


@frozen
class CertificateKept:
    """A storage certificate, ours or of a vault that we watch."""

    certificate: StorageCertificate


@frozen
class CertificateCollected:
    """A certificate that the committee will count, with its checkpoint's entries."""

    certificate: StorageCertificate
    entries: Entries
    seconds: float


@frozen
class TotalsSettled:
    """The totals behind a settlement that the ledger has."""

    certificate: Certificate
    totals: Totals


@frozen
class MissGiven:
    """We called an epoch of a vault missed; we never vote for it."""

    miss: Signed[Miss]


@frozen
class MissKept:
    """A majority of a vault's neighbours called an epoch missed.

    `checkpoint` is the newest of that vault that was known then.
    """

    certificate: MissCertificate
    checkpoint: SignedCheckpoint | None = None


@frozen
class CaseKept:
    """A case that was brought to us, or that we opened, in `period`."""

    case: Case
    period: int


@frozen
class CaseUpheld:
    """The settlement that names a case which we keep."""

    case: Digest
    certificate: Certificate


@frozen
class CaseAnswered:
    """The right answer with which the accused proved itself in court."""

    case: Digest
    answer: Signed[Answer]


@frozen
class ClaimKept:
    """A candidate's claim to an open slot, which held when it was brought to us."""

    takeover: SignedTakeover


@frozen
class RecordKnown:
    """The newest record of a vault."""

    record: SignedRecord


Saved = (
    CheckpointSigned
    | CheckpointStands
    | AcknowledgementGiven
    | VoteGiven
    | AuditEnded
    | CertificateKept
    | CertificateCollected
    | TotalsSettled
    | RecordKnown
    | MissGiven
    | MissKept
    | CaseKept
    | CaseUpheld
    | CaseAnswered
    | ClaimKept
)


@dataclass(frozen=True)
class Restored:
    """What was saved, as a node starts with it; empty on the first start.

    `signed` is our newest checkpoint, `stood` those that stand, oldest first;
    `certificates` are our own since the last settlement with the entries by root,
    `certified_epochs` is how many epochs we ever proved. `cases` come in the order
    in which they were saved, `claims` oldest first.
    """

    signed: CheckpointSigned | None = None
    stood: tuple[Stood, ...] = ()
    acknowledged: tuple[AcknowledgementGiven, ...] = ()
    votes: tuple[VoteGiven, ...] = ()
    audits: tuple[AuditEnded, ...] = ()
    certificates: tuple[StorageCertificate, ...] = ()
    entries: Mapping[Digest, Entries] = field(default_factory=dict)
    collected: tuple[CertificateCollected, ...] = ()
    settled: tuple[TotalsSettled, ...] = ()
    records: tuple[SignedRecord, ...] = ()
    certified_epochs: int = 0
    misses_given: tuple[MissGiven, ...] = ()
    misses: tuple[MissKept, ...] = ()
    cases: tuple[CaseKept | CaseUpheld | CaseAnswered, ...] = ()
    claims: tuple[SignedTakeover, ...] = ()
