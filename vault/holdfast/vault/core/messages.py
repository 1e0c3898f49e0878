"""What vaults say to each other, as values; `network_codec` knows their wire form."""

from dataclasses import dataclass

from holdfast.protocol.answer import Answer
from holdfast.protocol.checkpoint import (
    Entries,
    SignedCheckpoint,
    StorageCertificate,
)
from holdfast.protocol.frozen import frozen
from holdfast.protocol.manifest import SignedHead
from holdfast.protocol.receipt import FullReceipt
from holdfast.protocol.record import SignedRecord
from holdfast.protocol.settlement import Statement, TotalProof, Totals
from holdfast.protocol.signing import Signed
from holdfast.protocol.units import DealId, Digest, VaultId
from holdfast.vault.core.fault_messages import FaultReply, FaultRequest
from holdfast.vault.core.takeover_messages import ClaimSlot as ClaimSlot  # noqa: PLC0414 # one of the messages
from holdfast.vault.core.takeover_messages import Listed as Listed  # noqa: PLC0414


@frozen
class Gossip:
    """The records that the caller knows, by sequence, and some that it pushes.

    `known` is sorted by vault. With `push_only`, nothing is wanted back.
    """

    known: tuple[tuple[VaultId, int], ...]
    records: tuple[SignedRecord, ...] = ()
    push_only: bool = False


@frozen
class GossipReply:
    """Records that the caller lacks, and vaults whose records it should push."""

    records: tuple[SignedRecord, ...]
    wanted: tuple[VaultId, ...] = ()


@frozen
class OfferCheckpoint:
    """A checkpoint with what changed since the entries whose root is `base`.

    Without a base, `changed` are all entries. `heads` are those of `changed`.
    """

    checkpoint: SignedCheckpoint
    base: Digest | None
    changed: Entries
    removed: tuple[DealId, ...]
    heads: tuple[SignedHead, ...]
    certificate: StorageCertificate | None = None


@frozen
class Acknowledged:
    """The neighbour's signature of the acknowledgement."""

    signature: bytes


@frozen
class BaseUnknown:
    """The neighbour does not know the base: it needs all entries."""


@frozen
class SubmitAnswer:
    """The answer of an epoch."""

    answer: Signed[Answer]


@frozen
class Voted:
    """The neighbour's signature of its vote."""

    signature: bytes


@frozen
class ShowReceipt:
    """A full receipt that checkpoints must not fall behind."""

    receipt: FullReceipt


@frozen
class Noted:
    """Taken, nothing to say."""


@frozen
class AskLastCheckpoint:
    """Asks for the newest acknowledged checkpoint of a vault."""

    vault: VaultId


@frozen
class LastCheckpoint:
    """That checkpoint, or None."""

    checkpoint: SignedCheckpoint | None


@frozen
class Certify:
    """Certificates, and the entries of every checkpoint that they name."""

    certificates: tuple[StorageCertificate, ...]
    entries: tuple[Entries, ...]


@dataclass(frozen=True, slots=True, order=True)
class Counted:
    """Names one certificate that a settlement counts."""

    vault: VaultId
    epoch: int
    checkpoint: Digest


@frozen
class ProposeSettlement:
    """A statement, its proposer's signature, and what it counts and lists."""

    statement: Statement
    signer: VaultId
    signature: bytes
    counted: tuple[Counted, ...]
    listed: tuple[Listed, ...] = ()


@frozen
class SettlementReply:
    """A member's signature, or what keeps it from signing.

    Cases are named by digest: those it has not seen, and those it will not sign.
    The answers of `doubted` certificates it asked for and was not shown.
    """

    signature: bytes | None = None
    lacking: tuple[Counted, ...] = ()
    omitted: Certify | None = None
    lacking_cases: tuple[Digest, ...] = ()
    objected_cases: tuple[Digest, ...] = ()
    doubted: tuple[Counted, ...] = ()
    lacking_claims: tuple[Digest, ...] = ()


@frozen
class AskTotals:
    """Asks for all totals of one period's settlement."""

    period: int


@frozen
class TotalsOf:
    """All totals of one period's settlement."""

    period: int
    totals: Totals


@frozen
class AskProof:
    """Asks for the proof of one total of the newest settlement."""

    party: int
    id: bytes


@frozen
class Proven:
    """The leaf with its proof, or the leaves beside the place of an absent one."""

    period: int
    proofs: tuple[TotalProof, ...]


Request = (
    Gossip
    | OfferCheckpoint
    | SubmitAnswer
    | ShowReceipt
    | AskLastCheckpoint
    | Certify
    | ProposeSettlement
    | AskTotals
    | AskProof
    | FaultRequest
    | ClaimSlot
)
Reply = (
    GossipReply
    | Acknowledged
    | BaseUnknown
    | Voted
    | Noted
    | LastCheckpoint
    | SettlementReply
    | TotalsOf
    | Proven
    | FaultReply
)
