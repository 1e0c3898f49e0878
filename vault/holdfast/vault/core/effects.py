"""What the audit side orders: the driver carries these out, in this order.

`Save` effects of one turn are made durable before any other effect leaves.
"""

from collections.abc import Mapping
from dataclasses import field

from holdfast.ledger.core.operations import Operation
from holdfast.protocol.answer import Answer
from holdfast.protocol.checkpoint import Entries, Entry
from holdfast.protocol.deal import Deal
from holdfast.protocol.frozen import frozen
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


@frozen
class Save:
    """Make this durable before anything else leaves."""

    saved: Saved


@frozen
class WakeAt:
    """Report `Woken` at this second."""

    seconds: float


@frozen
class Call:
    """Ask a peer, giving up after `seconds`; report `Replied` or `Unanswered`."""

    peer: Peer
    request: messages.Request
    seconds: float


@frozen
class Reply:
    """Answer what was asked under `token`."""

    token: int
    reply: messages.Reply


@frozen
class Refuse:
    """Refuse what was asked under `token`."""

    token: int
    kind: Refusal
    reason: str


@frozen
class TakeEntries:
    """Report what is held now as `EntriesTaken`, for the checkpoint of `epoch`."""

    epoch: int


@frozen
class ReadLeaves:
    """Read these leaves and report `LeavesRead`."""

    epoch: int
    wanted: tuple[WantedLeaf, ...]


@frozen
class SealAnswer:
    """Sign our answer, judge it as a neighbour would, and report `AnswerSealed`."""

    answer: Answer
    question: Question


@frozen
class CheckAnswer:
    """Judge a neighbour's answer and report `AnswerChecked`."""

    token: int
    answer: Signed[Answer]
    question: Question


@frozen
class JudgeAnswer:
    """Judge an answer that the court was shown, and report `AnswerJudged`."""

    answer: Signed[Answer]
    question: Question


@frozen
class ShowAudit:
    """Answer what was asked under `token` with a kept answer, or refuse it."""

    token: int
    vault: VaultId
    epoch: int


@frozen
class KeepAnswer:
    """Keep an answer for auditors; nothing waits for it."""

    answer: Signed[Answer]


@frozen
class LetGo:
    """A checkpoint with these entries was answered: older bytes may go."""

    entries: Entries


@frozen
class RebuildMissing:
    """Rebuild what `entry` declares missing and report `MissingRebuilt`."""

    deal: Deal
    entry: Entry
    requests: Mapping[VaultId, SignedSiblingRequest]


@frozen
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


@frozen
class DropTakeover:
    """Another vault has the slot: delete what was fetched for it."""

    deal: DealId


@frozen
class FindDeals:
    """Ask the ledger for deals that are not mirrored; report `DealsFound`."""

    deals: tuple[DealId, ...]


@frozen
class Submit:
    """Submit an operation with the vault's account; report `OperationEnded`."""

    operation: Operation


@frozen
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
