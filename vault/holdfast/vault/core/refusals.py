"""Why a vault refuses: a kind for machines, a sentence for people."""

from enum import Enum

from holdfast.protocol.errors import ProtocolError


class Refusal(Enum):
    """The kinds of refusal; each has one gRPC status."""

    INVALID = "invalid"
    UNSIGNED = "unsigned"
    DENIED = "denied"
    UNKNOWN = "unknown"
    UNTIMELY = "untimely"
    EXHAUSTED = "exhausted"
    UNREADY = "unready"

    @property
    def passing(self) -> bool:
        """Whether the same request may be granted a little later."""
        return self in {Refusal.UNTIMELY, Refusal.UNREADY, Refusal.EXHAUSTED}


class RefusedError(ProtocolError):
    """A request is refused; the text is what the peer is told."""

    def __init__(self, kind: Refusal, reason: str) -> None:
        super().__init__(reason)
        self.kind = kind
        self.reason = reason


def lacks_room(error: Exception) -> bool:
    """Return whether something failed for want of room, which others may have."""
    return isinstance(error, RefusedError) and error.kind is Refusal.EXHAUSTED
