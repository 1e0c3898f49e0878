"""What the audit side orders: the driver carries these out, in this order.

`Save` effects of one turn are made durable before any other effect leaves.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from holdfast.ledger.core.operations import Operation
from holdfast.protocol.answer import Answer
from holdfast.protocol.checkpoint import Entries, Entry
from holdfast.protocol.deal import Deal
from holdfast.protocol.judgement import Question
from holdfast.protocol.repair import SignedSiblingRequest
from holdfast.protocol.signing import Signed
from holdfast.protocol.takeover import SignedTakeoverRequest
from holdfast.protocol.units import DealId, VaultId
from holdfast.vault.core import messages
from holdfast.vault.core.challenged import WantedLeaf
from holdfast.vault.core.events import Peer
from holdfast.vault.core.refusals import Refusal
from holdfast.vault.core.saved import Saved


@dataclass(frozen=True, slots=True)
class Save:
    """Make this durable before anything else leaves."""

    saved: Saved


@dataclass(frozen=True, slots=True)
class WakeAt:
    """Report `Woken` at this second."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Call:
    """Ask a peer, giving up after `seconds`; report `Replied` or `Unanswered`."""

    peer: Peer
    request: messages.Request
    seconds: float


@dataclass(frozen=True, slots=True)
class Reply:
    """Answer what was asked under `token`."""

    token: int
    reply: messages.Reply


@dataclass(frozen=True, slots=True)
class Refuse:
    """Refuse what was asked under `token`."""

    token: int
    kind: Refusal
    reason: str


@dataclass(frozen=True, slots=True)
class TakeEntries:
    """Report what is held now as `EntriesTaken`, for the checkpoint of `epoch`."""

    epoch: int


@dataclass(frozen=True, slots=True)
class ReadLeaves:
    """Read these leaves and report `LeavesRead`."""

    epoch: int
    wanted: tuple[WantedLeaf, ...]


@dataclass(frozen=True, slots=True)
class SealAnswer:
    """Sign our answer, judge it as a neighbour would, and report `AnswerSealed`."""

    answer: Answer
    question: Question


@dataclass(frozen=True, slots=True)
class CheckAnswer:
    """Judge a neighbour's answer and report `AnswerChecked`."""

    token: int
    answer: Signed[Answer]
    question: Question


@dataclass(frozen=True, slots=True)
class JudgeAnswer:
    """Judge an answer that the court was shown, and report `AnswerJudged`."""

    answer: Signed[Answer]
    question: Question


@dataclass(frozen=True, slots=True)
class ShowAudit:
    """Answer what was asked under `token` with a kept answer, or refuse it."""

    token: int
    vault: VaultId
    epoch: int


@dataclass(frozen=True, slots=True)
class KeepAnswer:
    """Keep an answer for auditors; nothing waits for it."""

    answer: Signed[Answer]


@dataclass(frozen=True, slots=True)
class LetGo:
    """A checkpoint with these entries was answered: older bytes may go."""

    entries: Entries


@dataclass(frozen=True, slots=True)
class RebuildMissing:
    """Rebuild what `entry` declares missing and report `MissingRebuilt`."""

    deal: Deal
    entry: Entry
    requests: Mapping[VaultId, SignedSiblingRequest]


@dataclass(frozen=True, slots=True)
class TakeOver:
    """Rebuild what index `index` of a deal needs and report `TakenOver`.

    `requests` has our request for each holder that may be asked, `lost` among them
    while it is leaving; `last_requests` those for ejected holders, which are asked
    for what fewer than k of the others give.
    """

    deal: Deal
    index: int
    lost: VaultId
    requests: Mapping[VaultId, SignedTakeoverRequest]
    last_requests: Mapping[VaultId, SignedTakeoverRequest] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DropTakeover:
    """Another vault has the slot: delete what was fetched for it."""

    deal: DealId


@dataclass(frozen=True, slots=True)
class FindDeals:
    """Ask the ledger for deals that are not mirrored; report `DealsFound`."""

    deals: tuple[DealId, ...]


@dataclass(frozen=True, slots=True)
class Submit:
    """Submit an operation with the vault's account; report `OperationEnded`."""

    operation: Operation


@dataclass(frozen=True, slots=True)
class Log:
    """Tell the operator; `fields` go beside the message."""

    message: str
    fields: Mapping[str, object]
    warning: bool = False


Effect = (
    Save
    | WakeAt
    | Call
    | Reply
    | Refuse
    | TakeEntries
    | ReadLeaves
    | SealAnswer
    | CheckAnswer
    | JudgeAnswer
    | ShowAudit
    | KeepAnswer
    | LetGo
    | RebuildMissing
    | TakeOver
    | DropTakeover
    | FindDeals
    | Submit
    | Log
)
