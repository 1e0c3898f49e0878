"""What vaults say to each other about open slots, as values."""

from holdfast.protocol.frozen import frozen
from holdfast.protocol.settlement import Replacement
from holdfast.protocol.takeover import SignedTakeover
from holdfast.protocol.units import Digest


@frozen
class ClaimSlot:
    """A candidate's claim to an open slot, for the committee."""

    takeover: SignedTakeover


@frozen
class Listed:
    """A replacement that a settlement lists, and the claim behind it.

    Without a claim, the settlement before listed it already.
    """

    replacement: Replacement
    claim: Digest | None

    def order(self) -> tuple[bytes, int, bytes]:
        """Return what listings are sorted by."""
        named = self.replacement
        return named.deal, named.index, named.vault


TakeoverMessage = ClaimSlot
