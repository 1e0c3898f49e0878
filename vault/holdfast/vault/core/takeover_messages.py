"""What vaults say to each other about open slots, as values."""

from dataclasses import dataclass

from holdfast.protocol.settlement import Replacement
from holdfast.protocol.takeover import SignedTakeover
from holdfast.protocol.units import Digest


@dataclass(frozen=True, slots=True)
class ClaimSlot:
    """A candidate's claim to an open slot, for the committee."""

    takeover: SignedTakeover


@dataclass(frozen=True, slots=True)
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
