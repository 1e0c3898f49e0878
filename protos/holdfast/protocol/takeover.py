"""Taking over a lost holder's place: the authority to fetch, and the claim to the slot.

Who may is arithmetic over the ledger. The slots of vaults that were ejected or are
leaving are open; the candidates of a slot are the listed vaults that hold nothing of
the deal, nearest to its point first, and candidate j may act from j epochs on.
"""

from typing import Final

from holdfast.protocol.encoding import BYTES32, U8, U64, Format, optional, sequence
from holdfast.protocol.faults import MISS_CERTIFICATE, MissCertificate
from holdfast.protocol.frozen import frozen
from holdfast.protocol.receipt import (
    FULL_RECEIPT,
    RECEIPT,
    FullReceipt,
    SignedReceipt,
)
from holdfast.protocol.signing import Signed, SignedFormat
from holdfast.protocol.units import HOLDERS_MAX, DealId, VaultId

SUSPICIONS_MAX: Final = HOLDERS_MAX


@frozen
class TakeoverRequest:
    """Asks `sibling` in `epoch` for whole shards, to rebuild those of `index`.

    `suspicions` are miss certificates of other holders that could not be reached:
    with them a candidate may begin before the verdict, when few holders live.
    """

    sibling: VaultId
    epoch: int
    candidate: VaultId
    deal: DealId
    index: int
    suspicions: tuple[MissCertificate, ...] = ()


TAKEOVER_REQUEST = SignedFormat(
    Format(
        TakeoverRequest,
        kind=110,
        version=1,
        sibling=BYTES32,
        epoch=U64,
        candidate=BYTES32,
        deal=BYTES32,
        index=U8,
        suspicions=sequence(MISS_CERTIFICATE.bare(), SUSPICIONS_MAX),
    )
)
SignedTakeoverRequest = Signed[TakeoverRequest]


@frozen
class Takeover:
    """A candidate's claim to the slot of `lost`: it holds what the slot asks for.

    `full` is the newest full receipt that it was shown, `receipt` its own for that
    head; both are None for a deal under which nothing was ever acknowledged.
    """

    deal: DealId
    index: int
    lost: VaultId
    vault: VaultId
    epoch: int
    full: FullReceipt | None = None
    receipt: SignedReceipt | None = None


TAKEOVER = SignedFormat(
    Format(
        Takeover,
        kind=111,
        version=1,
        deal=BYTES32,
        index=U8,
        lost=BYTES32,
        vault=BYTES32,
        epoch=U64,
        full=optional(FULL_RECEIPT.nested()),
        receipt=optional(RECEIPT.nested()),
    )
)
SignedTakeover = Signed[Takeover]
