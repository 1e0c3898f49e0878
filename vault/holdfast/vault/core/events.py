"""What happens to a vault's audit side: facts, each with the second it was learned."""

from holdfast.ledger.core.operations import Operation
from holdfast.protocol.answer import Answer, LeafProof
from holdfast.protocol.checkpoint import Entries
from holdfast.protocol.deal import Deal
from holdfast.protocol.frozen import frozen
from holdfast.protocol.manifest import SignedHead
from holdfast.protocol.record import SignedRecord
from holdfast.protocol.signing import Signed
from holdfast.protocol.takeover import SignedTakeover
from holdfast.protocol.units import DealId, VaultId
from holdfast.vault.core.messages import Reply, Request
from holdfast.vault.core.refusals import Refusal

Peer = VaultId | int
"""A vault, or the place of a seed endpoint in the configuration."""


@frozen
class Woken:
    """Time has passed; `entropy` are 32 fresh random bytes."""

    now: float
    entropy: bytes


@frozen
class LedgerAdvanced:
    """The ledger's mirror has taken in something new."""

    now: float


@frozen
class Asked:
    """A peer asks; the reply or refusal goes back under the same token."""

    now: float
    token: int
    request: Request


@frozen
class Replied:
    """A peer replied to a request of ours."""

    now: float
    peer: Peer
    request: Request
    reply: Reply


@frozen
class Unanswered:
    """A peer refused a request of ours; without a kind, it could not be reached."""

    now: float
    peer: Peer
    request: Request
    kind: Refusal | None
    reason: str


@frozen
class Dated:
    """The newest full receipt of a deal: its head's sequence, its youngest epoch."""

    deal: DealId
    sequence: int
    epoch: int


@frozen
class EntriesTaken:
    """What the vault holds now, with the signed heads and dated full receipts."""

    now: float
    epoch: int
    entries: Entries
    heads: tuple[SignedHead, ...]
    dated: tuple[Dated, ...] = ()


@frozen
class LeavesRead:
    """The challenged leaves of `epoch`; None for one that is damaged or gone."""

    now: float
    epoch: int
    leaves: tuple[LeafProof | None, ...]


@frozen
class AnswerSealed:
    """Our answer is signed and verified, or `fault` says why it would not hold."""

    now: float
    epoch: int
    answer: Signed[Answer]
    fault: str | None


@frozen
class AnswerChecked:
    """A neighbour's answer was verified; `fault` says what is wrong with it."""

    now: float
    token: int
    answer: Signed[Answer]
    fault: str | None


@frozen
class AnswerJudged:
    """An answer that the court was shown was judged; `fault` says what is wrong."""

    now: float
    answer: Signed[Answer]
    fault: str | None


@frozen
class MissingRebuilt:
    """An attempt to rebuild one deal's missing shards ended."""

    now: float
    deal: DealId
    shards: int


@frozen
class TakenOver:
    """An attempt to take over an index of a deal ended: with our claim, or why not.

    `able` is false where we are at fault: another candidate may do better.
    """

    now: float
    deal: DealId
    index: int
    claim: SignedTakeover | None
    reason: str = ""
    able: bool = True


@frozen
class DealsFound:
    """The ledger was asked for deals not mirrored; `deals` are those it knows.

    `deals` is None when it could not be asked.
    """

    now: float
    asked: tuple[DealId, ...]
    deals: tuple[Deal, ...] | None


@frozen
class OperationEnded:
    """The ledger applied our operation, or `fault` says why not."""

    now: float
    operation: Operation
    fault: str | None


@frozen
class RecordMade:
    """We have a new record of ourselves to spread."""

    now: float
    record: SignedRecord


Event = (
    Woken
    | RecordMade
    | LedgerAdvanced
    | Asked
    | Replied
    | Unanswered
    | EntriesTaken
    | LeavesRead
    | AnswerSealed
    | AnswerChecked
    | AnswerJudged
    | MissingRebuilt
    | TakenOver
    | DealsFound
    | OperationEnded
)
