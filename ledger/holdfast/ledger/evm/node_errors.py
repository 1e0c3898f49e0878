"""What can go wrong between us and a node, sorted once where it enters.

JSON-RPC has no codes for most refusals, so here, and only here, texts are compared:
those of geth, reth, anvil and eth-tester.
"""

from collections.abc import Mapping
from enum import Enum
from typing import Final

from holdfast.protocol.errors import HoldfastError
from holdfast.protocol.frozen import carrying


class NodeFault(Enum):
    """Why a node does not take a transaction."""

    KNOWN = 1
    NONCE_LOW = 2
    FEES_LOW = 3
    NO_ETHER = 4
    OTHER = 5


_TEXTS: Final[Mapping[str, NodeFault]] = {
    "already known": NodeFault.KNOWN,
    "already imported": NodeFault.KNOWN,
    "already in mempool": NodeFault.KNOWN,
    "nonce too low": NodeFault.NONCE_LOW,
    "invalid nonce": NodeFault.NONCE_LOW,
    "invalid transaction nonce": NodeFault.NONCE_LOW,
    "underpriced": NodeFault.FEES_LOW,
    "max fee per gas less than": NodeFault.FEES_LOW,
    "fee cap less than": NodeFault.FEES_LOW,
    "below block base fee": NodeFault.FEES_LOW,
    "insufficient funds": NodeFault.NO_ETHER,
    "insufficient balance": NodeFault.NO_ETHER,
    "does not have enough balance": NodeFault.NO_ETHER,
    "cannot afford": NodeFault.NO_ETHER,
}
_REVERTED: Final = ("execution reverted:", "execution reverted")


@carrying
class NodeRefusedError(HoldfastError):
    """A node refused a request; the text is the node's."""

    fault: NodeFault
    text: str

    def __str__(self) -> str:
        return f"the node refused: {self.text}"


@carrying
class RevertedError(HoldfastError):
    """A contract refused a call; `reason` is its own short sentence."""

    reason: str

    def __str__(self) -> str:
        return f"the contract refused: {self.reason}"


def refusal(text: str) -> NodeRefusedError:
    """Return the error for what a node says about a transaction."""
    lower = text.lower()
    for known, fault in _TEXTS.items():
        if known in lower:
            return NodeRefusedError(fault, text)
    return NodeRefusedError(NodeFault.OTHER, text)


def reverted(text: str) -> RevertedError:
    """Return the error for what a node says about a call that reverted."""
    for prefix in _REVERTED:
        if text.lower().startswith(prefix):
            return RevertedError(text[len(prefix) :].strip(" :"))
    return RevertedError(text.strip())
