"""What the operator of a vault tells it while it runs, signed with its own key.

Only who can read the vault's directory has that key, so nothing else is needed.
"""

from enum import Enum
from typing import Final

from holdfast.protocol.encoding import BYTES32, U8, U64, Format
from holdfast.protocol.frozen import frozen
from holdfast.protocol.signing import Signed, SignedFormat
from holdfast.protocol.units import VaultId

FRESH_SECONDS: Final = 120
"""How far a request's time may be from the vault's clock."""


class Order(Enum):
    """What an operator may order."""

    SCRUB = 1


@frozen
class OperatorRequest:
    """Orders `vault` to do something; `seconds` is the time of the request."""

    vault: VaultId
    order: int
    seconds: int


OPERATOR_REQUEST = SignedFormat(
    Format(OperatorRequest, kind=116, version=1, vault=BYTES32, order=U8, seconds=U64)
)
SignedOperatorRequest = Signed[OperatorRequest]
