"""What vaults say to each other about misses and cases, as values."""

from dataclasses import dataclass

from holdfast.protocol.answer import Answer
from holdfast.protocol.cases import Case, CaseFile
from holdfast.protocol.checkpoint import SignedCheckpoint, StorageCertificate
from holdfast.protocol.faults import Miss, MissCertificate
from holdfast.protocol.signing import Signed
from holdfast.protocol.units import VaultId


@dataclass(frozen=True, slots=True)
class Ping:
    """Asks whether somebody is there."""


@dataclass(frozen=True, slots=True)
class PingFor:
    """Asks whether this vault can be reached."""

    vault: VaultId


@dataclass(frozen=True, slots=True)
class Reached:
    """Whether it could be reached."""

    reached: bool


@dataclass(frozen=True, slots=True)
class TellMiss:
    """A neighbour's word, to its fellows, that a vault's epoch was missed."""

    miss: Signed[Miss]
    signer: VaultId


@dataclass(frozen=True, slots=True)
class TellMissed:
    """The certificate of a missed epoch, on its way to everybody.

    `checkpoint` is the vault's newest that the teller knows: what it held last.
    """

    certificate: MissCertificate
    checkpoint: SignedCheckpoint | None = None


@dataclass(frozen=True, slots=True)
class AskMisses:
    """Asks for what is known of a vault's missed epochs."""

    vault: VaultId


@dataclass(frozen=True, slots=True)
class MissesOf:
    """The misses known, ascending by epoch, and the newest storage certificate."""

    misses: tuple[MissCertificate, ...]
    certificate: StorageCertificate | None


@dataclass(frozen=True, slots=True)
class OpenCase:
    """A case for the committee that judges it, or for the accused to know."""

    case: Case


@dataclass(frozen=True, slots=True)
class AskCase:
    """Asks for the newest case against a vault."""

    vault: VaultId


@dataclass(frozen=True, slots=True)
class CaseOf:
    """That case, as a file that anybody can judge."""

    file: CaseFile


@dataclass(frozen=True, slots=True)
class AskAudit:
    """Asks for the answer of one audit."""

    vault: VaultId
    epoch: int


@dataclass(frozen=True, slots=True)
class AuditOf:
    """That answer, if it is kept."""

    answer: Signed[Answer] | None


FaultRequest = (
    Ping | PingFor | TellMiss | TellMissed | AskMisses | OpenCase | AskCase | AskAudit
)
FaultReply = Reached | MissesOf | CaseOf | AuditOf
