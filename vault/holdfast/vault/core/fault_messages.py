"""What vaults say to each other about misses and cases, as values."""

from holdfast.protocol.answer import Answer
from holdfast.protocol.cases import Case, CaseFile
from holdfast.protocol.checkpoint import SignedCheckpoint, StorageCertificate
from holdfast.protocol.faults import Miss, MissCertificate
from holdfast.protocol.frozen import frozen
from holdfast.protocol.signing import Signed
from holdfast.protocol.units import VaultId


@frozen
class Ping:
    """Asks whether somebody is there."""


@frozen
class PingFor:
    """Asks whether this vault can be reached."""

    vault: VaultId


@frozen
class Reached:
    """Whether it could be reached."""

    reached: bool


@frozen
class TellMiss:
    """A neighbour's word, to its fellows, that a vault's epoch was missed."""

    miss: Signed[Miss]
    signer: VaultId


@frozen
class TellMissed:
    """The certificate of a missed epoch, on its way to everybody.

    `checkpoint` is the vault's newest that the teller knows: what it held last.
    """

    certificate: MissCertificate
    checkpoint: SignedCheckpoint | None = None


@frozen
class AskMisses:
    """Asks for what is known of a vault's missed epochs."""

    vault: VaultId


@frozen
class MissesOf:
    """The misses known, ascending by epoch, and the newest storage certificate."""

    misses: tuple[MissCertificate, ...]
    certificate: StorageCertificate | None


@frozen
class OpenCase:
    """A case for the committee that judges it, or for the accused to know."""

    case: Case


@frozen
class AskCase:
    """Asks for the newest case against a vault."""

    vault: VaultId


@frozen
class CaseOf:
    """That case, as a file that anybody can judge."""

    file: CaseFile


@frozen
class AskAudit:
    """Asks for the answer of one audit."""

    vault: VaultId
    epoch: int


@frozen
class AuditOf:
    """That answer, if it is kept."""

    answer: Signed[Answer] | None


FaultRequest = (
    Ping | PingFor | TellMiss | TellMissed | AskMisses | OpenCase | AskCase | AskAudit
)
FaultReply = Reached | MissesOf | CaseOf | AuditOf
