"""A holder's authority to fetch whole shards of its siblings.

It shows its own checkpoint, acknowledged by its neighbours, with the entry that
declares those bytes missing. The declaration costs it pay, so it is not abused.
"""

from holdfast.protocol.answer import ENTRY_PROOF, EntryProof
from holdfast.protocol.checkpoint import STANDING, StandingCheckpoint
from holdfast.protocol.encoding import BYTES32, U64, Format
from holdfast.protocol.frozen import frozen
from holdfast.protocol.signing import Signed, SignedFormat
from holdfast.protocol.units import VaultId


@frozen
class SiblingRequest:
    """Asks `sibling` in `epoch` for what `entry` declares missing."""

    sibling: VaultId
    epoch: int
    standing: StandingCheckpoint
    entry: EntryProof


SIBLING_REQUEST = SignedFormat(
    Format(
        SiblingRequest,
        kind=43,
        version=1,
        sibling=BYTES32,
        epoch=U64,
        standing=STANDING.nested(),
        entry=ENTRY_PROOF.bare(),
    )
)
SignedSiblingRequest = Signed[SiblingRequest]
