"""The roots of the error tree, shared by every floor.

An error says whose fault it was: `ProtocolError` is a peer's or an input's,
every other `HoldfastError` is the world's or the user's, and our own bugs are
assertions, which are not here.
"""


class HoldfastError(Exception):
    """Something expected went wrong; the text tells a person what to do next."""


class ProtocolError(HoldfastError):
    """A peer or a file said something that the protocol forbids."""


class DecodingError(ProtocolError):
    """Bytes do not follow their format."""


class ProofError(ProtocolError):
    """A Merkle path cannot belong to the tree that it claims."""


class SignatureInvalidError(ProtocolError):
    """A signature does not fit its message and key."""
