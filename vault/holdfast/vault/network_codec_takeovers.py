"""The wire form of what vaults say about open slots and replacements.

Decoding raises DecodingError on anything that is not exactly a message.
"""

from collections.abc import Iterable
from typing import Final

from holdfast.protocol.settlement import REPLACEMENT
from holdfast.protocol.takeover import TAKEOVER
from holdfast.protocol.units import Digest
from holdfast.vault.core import messages as m
from holdfast.vault.core.takeover_messages import ClaimSlot, Listed
from holdfast.vault.network_method import Method, exactly
from holdfast.wire.v1 import network_pb2 as pb


def read_listed(message: pb.ListedReplacement) -> Listed:
    """Return one replacement that a proposal lists."""
    claim = message.claim
    return Listed(
        REPLACEMENT.decode(message.replacement),
        Digest(exactly(claim, 32, "a claim's name")) if claim else None,
    )


def write_listed(listed: Iterable[Listed]) -> list[pb.ListedReplacement]:
    """Return the messages of what a proposal lists."""
    return [
        pb.ListedReplacement(
            replacement=REPLACEMENT.encode(one.replacement), claim=one.claim or b""
        )
        for one in listed
    ]


TAKEOVER_METHODS: Final[dict[type[m.Request], Method]] = {
    ClaimSlot: Method(
        "ClaimSlot",
        pb.ClaimSlotRequest,
        pb.ClaimSlotReply,
        lambda message: ClaimSlot(TAKEOVER.decode(message.takeover)),
        lambda value: pb.ClaimSlotRequest(takeover=TAKEOVER.encode(value.takeover)),
        lambda _message: m.Noted(),
        lambda _value: pb.ClaimSlotReply(),
    ),
}
